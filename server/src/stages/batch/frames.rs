//! Takes the frames of a body apart, as it comes.

use bytes::{Buf, Bytes, BytesMut};
use cairn_shared::ProblemCode;
use cairn_shared::frame::{FRAME_HEAD_BYTES, FrameHead};
use futures_util::{Stream, StreamExt};

use crate::refusal::{Answer, Refusal};

/// The frames of a body. Each head has to be followed by `take` or `skip` of its bytes.
pub(super) struct Frames<S> {
    body: S,
    ready: BytesMut,
}

impl<S: Stream<Item = Answer<Bytes>> + Unpin> Frames<S> {
    pub(super) fn new(body: S) -> Self {
        Self { body, ready: BytesMut::new() }
    }

    /// The next head; `None` at the end of the body.
    pub(super) async fn head(&mut self) -> Answer<Option<FrameHead>> {
        self.fill(FRAME_HEAD_BYTES).await?;
        if self.ready.is_empty() {
            return Ok(None);
        }
        let head = self.ready.first_chunk().copied().ok_or_else(short)?;
        self.ready.advance(FRAME_HEAD_BYTES);
        Ok(Some(FrameHead::from_bytes(head)))
    }

    /// The bytes behind a head.
    pub(super) async fn take(&mut self, length: usize) -> Answer<Bytes> {
        self.fill(length).await?;
        if self.ready.len() < length {
            return Err(short());
        }
        Ok(self.ready.split_to(length).freeze())
    }

    /// Passes over the bytes behind a head, however many they are said to be.
    pub(super) async fn skip(&mut self, mut length: usize) -> Answer<()> {
        while length > 0 {
            if self.ready.is_empty() && !self.more().await? {
                return Err(short());
            }
            let some = length.min(self.ready.len());
            self.ready.advance(some);
            length -= some;
        }
        Ok(())
    }

    async fn fill(&mut self, length: usize) -> Answer<()> {
        while self.ready.len() < length && self.more().await? {}
        Ok(())
    }

    async fn more(&mut self) -> Answer<bool> {
        match self.body.next().await {
            Some(bytes) => {
                self.ready.extend_from_slice(&bytes?);
                Ok(true)
            }
            None => Ok(false),
        }
    }
}

fn short() -> Refusal {
    Refusal::new(ProblemCode::BodyShort, "The body ended inside a frame. Nothing was changed.")
}
