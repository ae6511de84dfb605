//! Reads a file's bytes in order, chunk by chunk, with a bounded buffer.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::{Duration, UNIX_EPOCH};
use std::{io, mem};

use bytes::Bytes;
use cairn_shared::{Row, SessionId, UnixMs};
use cairn_store::StoreError;
use cairn_store::chunk::READ_BYTES;
use futures_util::{Stream, stream};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use super::haste::Haste;
use super::starts::STEP;
use crate::access::{Lasting, LinkRight};
use crate::cairn::{Cairn, Stores};
use crate::content::Content;
use crate::refusal::Answer;

/// Pieces that wait for a client. More would be memory for each that is slow; with fewer the reading
/// would not get through its pauses.
pub(super) const AHEAD: usize = 2;

/// What a share page tells of a file.
pub(super) struct Shown {
    pub(super) name: String,
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
    let found = cairn.starts.find(cairn.meta.as_ref(), file.session, file.fields.rule, first).await?;
    let mut reading = Reading {
        stores: cairn.stores(),
        right: right.lasting(),
        clock: cairn.clock.teller(),
        session: file.session,
        next: found.index,
        rows: found.rows.into(),
        skip: found.skip,
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
    clock: fn() -> UnixMs,
    session: SessionId,
    next: u32,
    rows: VecDeque<Row>,
    skip: u32,
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
        let (pieces, mut read) = mpsc::channel(AHEAD);
        let taken = Arc::new(Notify::new());
        taken.notify_one();
        let was_taken = taken.clone();
        tokio::spawn(async move {
            loop {
                if !self.haste.is_ahead() {
                    tokio::select! {
                        () = was_taken.notified() => {}
                        () = pieces.closed() => return,
                    }
                }
                let Ok(room) = pieces.reserve().await else { return };
                match self.step().await {
                    Ok(Some(bytes)) => {
                        self.haste.took(bytes.len());
                        room.send(Ok(bytes));
                    }
                    Ok(None) => return,
                    Err(error @ StoreError::Conflict(_)) => {
                        tracing::info!(session.id = %self.session, "a download ends: its link is no more");
                        return room.send(Err(io::Error::other(error)));
                    }
                    Err(error) => {
                        tracing::error!(session.id = %self.session, error = %error, "a download broke off");
                        return room.send(Err(io::Error::other(error)));
                    }
                }
            }
        });
        let mut rest = Bytes::new();
        stream::poll_fn(move |context| {
            if rest.is_empty() {
                let came = ready!(read.poll_recv(context));
                taken.notify_one();
                match came {
                    Some(Ok(bytes)) => rest = bytes,
                    ended => return Poll::Ready(ended),
                }
            }
            Poll::Ready(Some(Ok(rest.split_to(rest.len().min(READ_BYTES)))))
        })
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
        self.right.look(self.stores.meta.as_ref(), (self.clock)()).await?;
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
        if self.rows.is_empty() {
            self.rows = self.stores.meta.rows(self.session, self.next, STEP as usize).await?.into();
        }
        let missing = || StoreError::Damaged(format!("a row of session {} is missing", self.session));
        let row = self.rows.pop_front().ok_or_else(missing)?;
        self.next += 1;
        let skip = mem::take(&mut self.skip);
        self.unopened = self.unopened.saturating_sub(u64::from(row.length.saturating_sub(skip)));
        let (stores, at_once) = (self.stores.clone(), self.haste.next_chunk());
        Ok(async move { Content::open(&stores, row.digest, skip, at_once).await })
    }
}
