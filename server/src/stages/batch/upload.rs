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
use crate::refusal::{Answer, Refusal};
use crate::stages::upload::{expect, may_be_known, verify};

/// Durable, for every item that says so, when it returns. A body that breaks off changes nothing.
pub(super) async fn upload(
    cairn: &Cairn,
    asker: &Asker,
    body: impl Stream<Item = Answer<Bytes>> + Unpin,
) -> Answer<BatchResponse<Stored>> {
    let mut frames = Frames::new(body);
    let mut packing = Packing { cairn, pack: None, packed: HashMap::new() };
    let mut taken = Vec::new();
    while let Some(head) = frames.head().await? {
        check_count(taken.len() + 1)?;
        match judge(cairn, asker, head).await {
            Ok(right) => {
                let bytes = frames.take(head.length as usize).await?;
                taken.push(packing.take(right, head.index, bytes).await);
            }
            Err(refusal) => {
                frames.skip(head.length as usize).await?;
                taken.push(Err(refusal));
            }
        }
    }
    let records = packing.place().await?;
    let arrived = taken.into_iter().map(async |taken: Answer<Taken>| taken?.arrive(cairn, &records).await);
    Ok(outcomes(join_all(arrived).await))
}

/// What is known before the first byte of a chunk is read.
async fn judge(cairn: &Cairn, asker: &Asker, head: FrameHead) -> Answer<UploadRight> {
    let right = upload_right(cairn, asker, head.session).await?;
    if head.length == 0 || head.length > PACKED_BYTES_MAX {
        let detail = format!("A batch takes chunks of 1 to {PACKED_BYTES_MAX} bytes. Longer ones go by PUT.");
        return Err(Refusal::new(ProblemCode::ChunkLength, detail));
    }
    Ok(right)
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

impl Packing<'_> {
    async fn take(&mut self, right: UploadRight, index: u32, bytes: Bytes) -> Answer<Taken> {
        let expected = expect(self.cairn, &right, index, Some(bytes.len() as u64)).await?;
        let described = Described::of(&bytes);
        let row = Row { digest: described.digest, length: described.length };
        verify(index, &expected, None, row)?;
        if expected.row.is_none() {
            // Nobody promised anything to a chunk that was not declared.
            self.cairn.space.require(Some(right.session().id), u64::from(row.length)).await?;
        }
        let known = if self.packed.contains_key(&row.digest) {
            None
        } else {
            self.add(&right, described, bytes).await?
        };
        Ok(Taken { right, index, row, known })
    }

    /// Adds a chunk to the pack, unless its bytes are there already.
    async fn add(
        &mut self,
        right: &UploadRight,
        chunk: Described,
        bytes: Bytes,
    ) -> Answer<Option<ChunkRecord>> {
        let (generation, present) = self.cairn.meta.placement(chunk.digest).await?;
        let row = Row { digest: chunk.digest, length: chunk.length };
        if present
            && may_be_known(self.cairn, right, row).await?
            && let Some(record) = self.cairn.meta.chunk(chunk.digest).await?
        {
            return Ok(Some(record));
        }
        let pack = match &mut self.pack {
            Some(pack) => pack,
            None => self.pack.insert(self.cairn.chunks.begin_pack().await?),
        };
        pack.add(&chunk, generation, bytes).await?;
        self.packed.insert(chunk.digest, (self.packed.len(), generation, chunk));
        Ok(None)
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

impl Taken {
    async fn arrive(self, cairn: &Cairn, packed: &HashMap<ChunkDigest, ChunkRecord>) -> Answer<Stored> {
        let Self { right, index, row, known } = self;
        let session = right.session();
        let record = known.or_else(|| packed.get(&row.digest).cloned()).ok_or(Conflict::Changed)?;
        let now = cairn.now();
        cairn.meta.arrive(session.id, index, row, record, cairn.extended_to(now), now).await?;
        cairn.space.settle(session.id, row.digest);
        // Where the chunk is the whole file there is nothing to follow.
        if session.size != Some(u64::from(row.length)) {
            cairn.follower.wake(session.id);
        }
        Ok(Stored {})
    }
}
