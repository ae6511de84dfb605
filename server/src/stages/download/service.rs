//! Reads a file's bytes in order, chunk by chunk, with a bounded buffer.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use std::{io, mem};

use bytes::Bytes;
use cairn_shared::{ChunkRule, SessionId, UnixMs};
use cairn_store::StoreError;
use futures_util::Stream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::haste::Haste;
use super::shelf::{self, Shelf};
use super::starts::{Found, STEP, Starts};
use crate::access::{Lasting, LinkRight};
use crate::cairn::{Cairn, Stores};
use crate::content::Content;
use crate::refusal::Answer;
use crate::upkeep::Clock;

/// For whom takes nothing for so long nothing is kept where memory is scarce: what was read for him is read again when he goes on. Slow
/// lines take what fits between two kernels at once, with long pauses between.
const KEPT_FOR: Duration = Duration::from_secs(30);

/// What a share page tells of a file.
pub(super) struct Shown {
    pub(super) name: String,
    /// The name as it is, for an address.
    pub(super) address: String,
    pub(super) size: u64,
    pub(super) mtime: Option<String>,
    pub(super) created_at: String,
    pub(super) blob: Option<String>,
}

/// What the share page tells of the link's file.
pub(super) fn shown(right: &LinkRight) -> Shown {
    let file = right.file();
    Shown {
        name: file.fields.name.visible(),
        address: file.fields.name.to_string(),
        size: file.size,
        mtime: file.fields.mtime.map(date),
        created_at: date(file.created_at),
        blob: file.blob.map(|blob| blob.to_string()),
    }
}

/// A moment as people and machines read it: `2026-11-21 04:19 UTC`.
fn date(at: UnixMs) -> String {
    // Later than the year 9999 is no date that anybody means; the formatter would refuse it.
    let seconds = (at / 1_000).min(253_402_300_799);
    let text = humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds)).to_string();
    match (text.get(..10), text.get(11..16)) {
        (Some(day), Some(time)) => format!("{day} {time} UTC"),
        _ => text,
    }
}

/// `length` bytes of the link's file from `first` on. A chunk that can't be read breaks the stream off.
pub(super) async fn read(
    cairn: &Cairn,
    right: &LinkRight,
    first: u64,
    length: u64,
) -> Answer<impl Stream<Item = io::Result<Bytes>> + use<>> {
    let file = right.file();
    let mut reading = Reading {
        stores: cairn.stores(),
        right: right.lasting(),
        clock: cairn.clock.clone(),
        starts: cairn.starts.clone(),
        session: file.session,
        rule: file.fields.rule,
        end: first + length,
        place: None,
        unopened: length,
        left: length,
        open: None,
        coming: None,
        haste: cairn.lanes.begin(),
    };
    if length > 0 {
        // What can't be read at all is told while there is still a status to tell it with.
        reading.open = Some(reading.open_next().await?);
    }
    Ok(reading.ahead())
}

struct Reading {
    stores: Stores,
    /// Looked at before each chunk.
    right: Lasting,
    clock: Arc<Clock>,
    starts: Arc<Starts>,
    session: SessionId,
    rule: ChunkRule,
    /// Behind the last byte that was asked for.
    end: u64,
    /// Where the next chunk is; `None` until it was looked for.
    place: Option<Found>,
    /// Bytes that lie in chunks that were not opened.
    unopened: u64,
    /// Bytes that were not given.
    left: u64,
    open: Option<Content>,
    /// The chunk behind the open one, for those who are fast: two are decoded side by side.
    coming: Option<JoinHandle<Result<Content, StoreError>>>,
    haste: Haste,
}

impl Reading {
    /// Reads, decodes and verifies while what came before is sent, or, where all others read ahead already, one piece for
    /// each that the client took; until nobody listens any more.
    fn ahead(mut self) -> impl Stream<Item = io::Result<Bytes>> {
        let (shelf, pieces) = shelf::pair(self.left);
        tokio::spawn(async move {
            loop {
                let left = shelf.left();
                let is_room = match timeout(KEPT_FOR, shelf.room(self.haste.is_ahead(), self.left == 0)).await
                {
                    Ok(is_room) => is_room,
                    Err(_) if shelf.left() < left || !self.haste.is_scarce() => continue,
                    Err(_) => self.wait_without(&shelf).await,
                };
                if !is_room {
                    return;
                }
                match self.step().await {
                    Ok(Some(bytes)) => {
                        self.haste.took(bytes.len());
                        shelf.put(Ok(bytes));
                    }
                    Ok(None) => {}
                    Err(error @ StoreError::Conflict(_)) => {
                        tracing::info!(session.id = %self.session, "a download ends: its link is no more");
                        return shelf.put(Err(io::Error::other(error)));
                    }
                    Err(error) => {
                        tracing::error!(session.id = %self.session, error = %error, "a download broke off");
                        return shelf.put(Err(io::Error::other(error)));
                    }
                }
            }
        });
        pieces
    }

    /// Keeps nothing for a client that takes nothing, until it takes again; false where it went away.
    async fn wait_without(&mut self, shelf: &Shelf) -> bool {
        let back = shelf.take_back();
        self.haste.give_back();
        if back > 0 {
            self.left += back;
            (self.place, self.open, self.coming) = (None, None, None);
            self.unopened = self.left;
            if !shelf.wanted().await {
                return false;
            }
            self.haste.begin_again();
        }
        true
    }

    /// The next bytes; `None` once all were given.
    async fn step(&mut self) -> Result<Option<Bytes>, StoreError> {
        while self.left > 0 {
            let mut reader = match self.open.take() {
                Some(reader) => reader,
                None => self.open_next().await?,
            };
            if let Some(mut bytes) = reader.read().await? {
                bytes.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
                self.left -= bytes.len() as u64;
                if self.left > 0 {
                    self.open = Some(reader);
                } else {
                    // A range may end inside a chunk: its last bytes wait until all of that is verified.
                    reader.finish().await?;
                }
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    async fn open_next(&mut self) -> Result<Content, StoreError> {
        // Here, and not where the chunk is opened ahead: who revoked waits for no chunk that lies ready.
        self.right.look(self.stores.meta.as_ref(), self.clock.sure()).await?;
        let content = match self.coming.take() {
            Some(coming) => coming.await.map_err(io::Error::other)??,
            None => self.next_chunk().await?.await?,
        };
        if self.haste.is_fast() && self.unopened > 0 {
            // A row that can't be found is looked for again, and told, once its turn has come.
            self.coming = self.next_chunk().await.ok().map(tokio::spawn);
        }
        Ok(content)
    }

    /// Finds the next row; what it gives opens the chunk behind it.
    async fn next_chunk(
        &mut self,
    ) -> Result<impl Future<Output = Result<Content, StoreError>> + use<>, StoreError> {
        let (meta, session) = (self.stores.meta.as_ref(), self.session);
        let place = match &mut self.place {
            Some(place) => place,
            none => none.insert(self.starts.find(meta, session, self.rule, self.end - self.left).await?),
        };
        if place.rows.is_empty() {
            place.rows = meta.rows(session, place.index, STEP as usize).await?.into();
        }
        let missing = || StoreError::Damaged(format!("a row of session {session} is missing"));
        let row = place.rows.pop_front().ok_or_else(missing)?;
        place.index += 1;
        let skip = mem::take(&mut place.skip);
        self.unopened = self.unopened.saturating_sub(u64::from(row.length.saturating_sub(skip)));
        let (stores, at_once) = (self.stores.clone(), self.haste.next_chunk());
        Ok(async move { Content::open(&stores, row.digest, skip, at_once).await })
    }
}
