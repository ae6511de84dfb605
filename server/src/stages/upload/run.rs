//! Takes the chunks of several rows that come as one body, one behind the other.

use std::sync::Arc;

use bytes::Bytes;
use cairn_shared::limits::RUN_ROWS_MAX;
use cairn_shared::{Problem, ProblemCode};
use cairn_store::{Conflict, Staged};
use futures_util::future::join_all;
use futures_util::{Stream, StreamExt};

use super::service::{Expected, arrive, expect, note, verify};
use crate::access::UploadRight;
use crate::cairn::Cairn;
use crate::refusal::{Answer, Refusal};

/// Rows of one run that arrive together: each is an open file until then.
const TOGETHER: usize = 4;

/// What must come for the rows from `index` on, all of them declared; `declared` is the `Content-Length`.
pub(super) async fn expect_run(
    cairn: &Cairn,
    right: &UploadRight,
    index: u32,
    rows: usize,
    declared: Option<u64>,
) -> Answer<Vec<Expected>> {
    if !(1..=RUN_ROWS_MAX).contains(&rows) {
        let detail = format!("`rows` is a number from 1 to {RUN_ROWS_MAX}.");
        return Err(Problem::new(ProblemCode::FieldInvalid, detail).with_field("rows").into());
    }
    let mut run = Vec::with_capacity(rows);
    for index in (index..).take(rows) {
        let expected = expect(cairn, right, index, None).await?;
        if expected.row.is_none() {
            return Err(Conflict::RowUndeclared { at: index }.into());
        }
        run.push(expected);
    }
    let length = length(&run);
    if declared.is_some_and(|declared| declared != length) {
        let detail = format!("The {rows} rows from {index} on have {length} bytes together.");
        return Err(Problem::new(ProblemCode::ChunkLength, detail).with_at(index).into());
    }
    let length_max = u64::from(cairn_shared::limits::CHUNK_BYTES_MAX);
    if length > length_max {
        let detail = format!("The rows of one request may have {length_max} bytes together. Send fewer.");
        return Err(Refusal::new(ProblemCode::BodyLarge, detail));
    }
    Ok(run)
}

/// In bytes, of all rows.
pub(super) fn length(run: &[Expected]) -> u64 {
    run.iter().map(|expected| u64::from(expected.length_max)).sum()
}

/// Streams the rows to disk one after the other, verifies each, and notes the arrival of a few together; durable when it
/// returns. Where the body breaks off, or a row is not what was declared, the whole ones before it arrive nevertheless, also when
/// the sender has gone away.
pub(super) async fn store_run(
    cairn: Arc<Cairn>,
    right: UploadRight,
    index: u32,
    run: Vec<Expected>,
    body: impl Stream<Item = Answer<Bytes>> + Unpin + 'static,
) -> Answer<()> {
    // Not the request's own: that ends with its connection.
    let storing = tokio::task::spawn_local(async move {
        let mut body = Cut { body, rest: Bytes::new() };
        let turn = cairn.gathering.try_acquire().ok();
        let together = if turn.is_some() { TOGETHER } else { 1 };
        let mut staged = Vec::with_capacity(together);
        for (index, expected) in (index..).zip(&run) {
            match stage(&cairn, index, expected, &mut body).await {
                Ok(chunk) => staged.push((index, chunk)),
                Err(refusal) => return arrive_all(&cairn, &right, staged).await.and(Err(refusal)),
            }
            if staged.len() == together {
                arrive_all(&cairn, &right, std::mem::take(&mut staged)).await?;
            }
        }
        arrive_all(&cairn, &right, staged).await
    });
    storing.await.map_err(|_| Refusal::internal("the chunks could not be stored"))?
}

/// Together they share their syncs, and their places in the log. One that fails keeps none of the others.
async fn arrive_all(cairn: &Cairn, right: &UploadRight, staged: Vec<(u32, Staged)>) -> Answer<()> {
    let arrivals = staged.into_iter().map(async |(index, staged)| {
        let row = arrive(cairn, right, index, staged).await?;
        note(cairn, right, row);
        Answer::Ok(())
    });
    join_all(arrivals).await.into_iter().collect()
}

async fn stage(
    cairn: &Cairn,
    index: u32,
    expected: &Expected,
    body: &mut Cut<impl Stream<Item = Answer<Bytes>> + Unpin>,
) -> Answer<Staged> {
    let mut writer = cairn.chunks.begin(expected.length_max).await?;
    let mut left = expected.length_max as usize;
    while left > 0 {
        let bytes = body.next(left).await?;
        left -= bytes.len();
        writer.write(bytes).await?;
    }
    let staged = writer.finish().await?;
    verify(index, expected, None, staged.row())?;
    Ok(staged)
}

/// A body that is taken in pieces of given lengths.
struct Cut<S> {
    body: S,
    rest: Bytes,
}

impl<S: Stream<Item = Answer<Bytes>> + Unpin> Cut<S> {
    /// The next bytes, up to `length_max` of them.
    async fn next(&mut self, length_max: usize) -> Answer<Bytes> {
        while self.rest.is_empty() {
            let short = || Refusal::new(ProblemCode::BodyShort, "The body ended inside a chunk.");
            self.rest = self.body.next().await.ok_or_else(short)??;
        }
        Ok(self.rest.split_to(length_max.min(self.rest.len())))
    }
}
