//! Takes small chunks of many sessions: verified one by one, placed in one pack, noted in one commit.

use std::collections::HashMap;

use bytes::Bytes;
use cairn_shared::frame::FrameHead;
use cairn_shared::limits::PACKED_BYTES_MAX;
use cairn_shared::message::{BatchResponse, Stored};
use cairn_shared::{ChunkDigest, ProblemCode, Row};
use cairn_store::model::{ChunkRecord, ChunkState};
use cairn_store::{Conflict, Described, PackWriter};
use futures_util::Stream;
use futures_util::future::join_all;

use super::frames::Frames;
use super::service::{check_count, outcomes};
use crate::access::{Asker, UploadRight, upload_right};
use crate::cairn::Cairn;
use crate::content;
use crate::refusal::{Answer, Refusal};
use crate::stages::upload::{expect, may_be_known, verify};

/// Bytes of chunks that are judged side by side.
const GROUP_BYTES: usize = 256 * 1_024;

/// Durable, for every item that says so, when it returns. A body that breaks off changes nothing.
pub(super) async fn upload(
    cairn: &Cairn,
    asker: &Asker,
    body: impl Stream<Item = Answer<Bytes>> + Unpin,
) -> Answer<BatchResponse<Stored>> {
    let mut frames = Frames::new(body);
    let mut packing = Packing { cairn, pack: None, packed: HashMap::new() };
    let (mut taken, mut group, mut group_bytes) = (Vec::new(), Vec::new(), 0);
    while let Some(head) = frames.head().await? {
        check_count(taken.len() + group.len() + 1)?;
        let length = head.length as usize;
        let bytes = if (1..=PACKED_BYTES_MAX).contains(&head.length) {
            group_bytes += length;
            Some(frames.take(length).await?)
        } else {
            frames.skip(length).await?;
            None
        };
        group.push((head, bytes));
        if group_bytes >= GROUP_BYTES {
            group_bytes = 0;
            packing.take(asker, std::mem::take(&mut group), &mut taken).await;
        }
    }
    packing.take(asker, group, &mut taken).await;
    let bytes = packing.bytes();
    let records = cairn.space.explain(None, bytes, packing.place().await).await?;
    let arrived = taken.into_iter().map(async |taken: Answer<Taken>| taken?.arrive(cairn, &records).await);
    Ok(outcomes(join_all(arrived).await))
}

/// The chunks of a batch on their way to a pack.
struct Packing<'a> {
    cairn: &'a Cairn,
    pack: Option<Box<dyn PackWriter>>,
    /// Which of the pack's chunks it is, and its generation; every chunk is in it once.
    packed: HashMap<ChunkDigest, (usize, u32, Described)>,
}

/// A chunk that may be noted.
struct Taken {
    right: UploadRight,
    index: u32,
    row: Row,
    /// Where it was before; `None`: in the pack.
    known: Option<ChunkRecord>,
}

/// A chunk whose bytes are here, and what is known of it.
struct Judged {
    right: UploadRight,
    index: u32,
    chunk: Described,
    bytes: Bytes,
    /// What the next copy of it gets.
    generation: u32,
    /// The copy that is there and may be used.
    known: Option<ChunkRecord>,
}

impl Packing<'_> {
    /// Judges chunks side by side, so that they share their looks, and adds them to the pack one after the other.
    async fn take(
        &mut self,
        asker: &Asker,
        group: Vec<(FrameHead, Option<Bytes>)>,
        taken: &mut Vec<Answer<Taken>>,
    ) {
        let cairn = self.cairn;
        // Once for all of them. Where nobody can say, each is looked at.
        let is_any_away = cairn.chunks.is_any_away().await.unwrap_or(true);
        let judged = group.into_iter().map(|(head, bytes)| judge(cairn, asker, head, bytes, is_any_away));
        let judged = join_all(judged).await;
        for judged in judged {
            taken.push(match judged {
                Ok(judged) => {
                    let length = u64::from(judged.chunk.length);
                    cairn.space.explain(None, length, self.add(judged).await).await
                }
                Err(refusal) => Err(refusal),
            });
        }
    }

    /// Adds a chunk to the pack, unless its bytes are there already.
    async fn add(&mut self, judged: Judged) -> Answer<Taken> {
        let Judged { right, index, chunk, bytes, generation, known } = judged;
        let row = Row { digest: chunk.digest, length: chunk.length };
        let is_packed = self.packed.contains_key(&chunk.digest);
        if !is_packed && known.is_none() {
            let pack = match &mut self.pack {
                Some(pack) => pack,
                None => self.pack.insert(self.cairn.chunks.begin_pack().await?),
            };
            pack.add(&chunk, generation, bytes).await?;
            self.packed.insert(chunk.digest, (self.packed.len(), generation, chunk));
        }
        Ok(Taken { right, index, row, known: known.filter(|_| !is_packed) })
    }

    /// Bytes of its chunks.
    fn bytes(&self) -> u64 {
        self.packed.values().map(|(_, _, chunk)| u64::from(chunk.length)).sum()
    }

    /// Puts the pack in its place; the records of its chunks.
    async fn place(self) -> Answer<HashMap<ChunkDigest, ChunkRecord>> {
        let Some(pack) = self.pack else { return Ok(HashMap::new()) };
        let locators = pack.place().await?;
        let record = |(digest, (number, generation, chunk)): (ChunkDigest, (usize, u32, Described))| {
            let locator = locators.get(number)?.clone();
            let (length, crc32) = (chunk.length, chunk.crc32);
            Some((digest, ChunkRecord { length, crc32, state: ChunkState::Present, generation, locator }))
        };
        Ok(self.packed.into_iter().filter_map(record).collect())
    }
}

async fn judge(
    cairn: &Cairn,
    asker: &Asker,
    head: FrameHead,
    bytes: Option<Bytes>,
    is_any_away: bool,
) -> Answer<Judged> {
    let right = upload_right(cairn, asker, head.session).await?;
    let Some(bytes) = bytes else {
        let detail = format!("A batch takes chunks of 1 to {PACKED_BYTES_MAX} bytes. Longer ones go by PUT.");
        return Err(Refusal::new(ProblemCode::ChunkLength, detail));
    };
    let expected = expect(cairn, &right, head.index, Some(bytes.len() as u64)).await?;
    let chunk = Described::of(&bytes);
    let row = Row { digest: chunk.digest, length: chunk.length };
    verify(head.index, &expected, None, row)?;
    if expected.row.is_none() {
        // Nobody promised anything to a chunk that was not declared.
        cairn.space.require(Some(right.session().id), u64::from(row.length)).await?;
    }
    if is_any_away {
        // Whoever holds it: the copy that comes now must not wait for that folder.
        content::give_up_away(&cairn.stores(), &[row]).await?;
    }
    let (generation, is_present) = cairn.meta.placement(chunk.digest).await?;
    let is_known = is_present && may_be_known(cairn, &right, row).await?;
    let known = if is_known { cairn.meta.chunk(chunk.digest).await? } else { None };
    Ok(Judged { right, index: head.index, chunk, bytes, generation, known })
}

impl Taken {
    async fn arrive(self, cairn: &Cairn, packed: &HashMap<ChunkDigest, ChunkRecord>) -> Answer<Stored> {
        let Self { right, index, row, known } = self;
        let session = right.session();
        let record = known.or_else(|| packed.get(&row.digest).cloned()).ok_or(Conflict::Changed)?;
        let (expires_at, now) = (cairn.extended_to(cairn.now()), cairn.sure_now());
        cairn.meta.arrive(session.id, index, row, record, expires_at, now).await?;
        cairn.space.settle(session.id, row.digest);
        // Where the chunk is the whole file there is nothing to follow.
        if session.size != Some(u64::from(row.length)) {
            cairn.follower.wake(session.id);
        }
        Ok(Stored {})
    }
}
