//! Takes chunks: expects, verifies, places, acknowledges.

use bytes::Bytes;
use cairn_shared::limits::SESSION_ROWS_MAX;
use cairn_shared::message::RowState;
use cairn_shared::{ChunkDigest, ChunkRule, Problem, ProblemCode, Row};
use cairn_store::model::{ChunkRecord, ChunkState, Session, SessionState};
use cairn_store::{Conflict, Staged};
use futures_util::{Stream, StreamExt};

use crate::access::{Scope, UploadRight};
use crate::cairn::Cairn;
use crate::content;
use crate::refusal::{Answer, Refusal};

/// What must come for an index.
pub(crate) struct Expected {
    /// The declared row, where there is one.
    pub(crate) row: Option<Row>,
    /// No more bytes are taken than this.
    pub(super) length_max: u32,
    /// And no fewer.
    pub(super) exact: bool,
}

/// What must come for `index`, known before the first byte is read; `declared` is the `Content-Length`.
pub(crate) async fn expect(
    cairn: &Cairn,
    right: &UploadRight,
    index: u32,
    declared: Option<u64>,
) -> Answer<Expected> {
    let session = right.session();
    require_open(session, cairn.sure_now())?;
    let stored = cairn.meta.row(session.id, index).await?;
    let row = stored.filter(|stored| stored.declared).map(|stored| stored.row);
    let (length_max, exact) = match row {
        Some(row) => (row.length, true),
        None => undeclared_length(session, index)?,
    };
    match declared {
        Some(length) if length > u64::from(cairn_shared::limits::CHUNK_BYTES_MAX) => Err(Refusal::new(
            ProblemCode::BodyLarge,
            format!("A chunk may have {} bytes at most.", cairn_shared::limits::CHUNK_BYTES_MAX),
        )),
        Some(length)
            if length > u64::from(length_max)
                || (exact && length != u64::from(length_max))
                || length == 0 =>
        {
            Err(Conflict::ChunkLength { expected: length_max }.into())
        }
        Some(_) | None => Ok(Expected { row, length_max, exact }),
    }
}

fn require_open(session: &Session, now: u64) -> Answer<()> {
    let over = match session.state {
        SessionState::Open => now >= session.expires_at,
        SessionState::Finished { .. } | SessionState::Ended { .. } => true,
    };
    if over { Err(Conflict::SessionClosed(Box::new(session.clone())).into()) } else { Ok(()) }
}

/// The length that the rule asks for at `index`, and whether it is exact.
fn undeclared_length(session: &Session, index: u32) -> Answer<(u32, bool)> {
    let ChunkRule::Fixed(bytes) = session.fields.rule else {
        return Err(Conflict::RowUndeclared { at: index }.into());
    };
    match (session.rows_expected(), session.size) {
        (Some(rows), Some(size)) => {
            if u64::from(index) >= rows {
                let rows = u32::try_from(rows).unwrap_or(u32::MAX);
                return Err(Conflict::IndexOutOfRange { rows }.into());
            }
            let rest = size - u64::from(index) * u64::from(bytes);
            Ok((u32::try_from(rest).unwrap_or(u32::MAX).min(bytes), true))
        }
        _ if index >= SESSION_ROWS_MAX => Err(Conflict::IndexOutOfRange { rows: SESSION_ROWS_MAX }.into()),
        _ => Ok((bytes, false)),
    }
}

/// Streams the body to disk, verifies it, and notes its arrival; durable when it returns.
pub(super) async fn store(
    cairn: &Cairn,
    right: &UploadRight,
    index: u32,
    expected: Expected,
    content_digest: Option<ChunkDigest>,
    mut bytes: impl Stream<Item = Answer<Bytes>> + Unpin,
) -> Answer<()> {
    if expected.row.is_none() {
        // Nobody promised anything to a chunk that was not declared.
        cairn.space.require(Some(right.session().id), u64::from(expected.length_max)).await?;
    }
    let mut writer = cairn.chunks.begin(expected.length_max).await?;
    while let Some(bytes) = bytes.next().await {
        writer.write(bytes?).await?;
    }
    let staged = writer.finish().await?;
    verify(index, &expected, content_digest, staged.row())?;
    let row = arrive(cairn, right, index, staged).await?;
    note(cairn, right, row);
    Ok(())
}

/// A chunk is stored: what waited for it goes on.
pub(super) fn note(cairn: &Cairn, right: &UploadRight, row: Row) {
    let session = right.session().id;
    cairn.space.settle(session, row.digest);
    cairn.dedup.settle(session, row.digest);
    cairn.follower.wake(session);
}

/// Compares what came with what must come.
pub(crate) fn verify(
    index: u32,
    expected: &Expected,
    content_digest: Option<ChunkDigest>,
    came: Row,
) -> Answer<()> {
    if came.length == 0 || (expected.exact && came.length != expected.length_max) {
        return Err(Conflict::ChunkLength { expected: expected.length_max }.into());
    }
    if expected.row.is_some_and(|row| row.digest != came.digest) {
        return Err(Conflict::DigestMismatch { at: index }.into());
    }
    if content_digest.is_some_and(|digest| digest != came.digest) {
        let detail = "The bytes are not those of Content-Digest. Nothing was changed; send them again.";
        let problem = Problem::new(ProblemCode::DigestMismatch, detail).with_at(index);
        return Err(problem.with_field("Content-Digest").into());
    }
    Ok(())
}

/// Places a chunk and notes its arrival. A copy that the clean-up overtook is placed again from the staged bytes.
pub(super) async fn arrive(cairn: &Cairn, right: &UploadRight, index: u32, staged: Staged) -> Answer<Row> {
    let row = staged.row();
    let record = place(cairn, right, staged).await?;
    let (expires_at, now) = (cairn.extended_to(cairn.now()), cairn.sure_now());
    cairn.meta.arrive(right.session().id, index, row, record, expires_at, now).await?;
    Ok(row)
}

/// Puts a staged chunk in its place, unless its bytes are there already.
async fn place(cairn: &Cairn, right: &UploadRight, staged: Staged) -> Answer<ChunkRecord> {
    let (row, crc32) = (staged.row(), staged.crc32);
    let Row { digest, length } = row;
    content::give_up_away(&cairn.stores(), &[row]).await?;
    let (generation, present) = cairn.meta.placement(digest).await?;
    if present
        && may_be_known(cairn, right, row).await?
        && let Some(record) = cairn.meta.chunk(digest).await?
    {
        return Ok(record);
    }
    let locator = cairn.chunks.place(staged, generation).await?;
    Ok(ChunkRecord { length, crc32, state: ChunkState::Present, generation, locator })
}

/// Whether the sender may notice that a chunk was here before. Elsewhere it is placed like a new one, so that neither time nor
/// system calls tell; the second copy is found and removed by the clean-up.
pub(crate) async fn may_be_known(cairn: &Cairn, right: &UploadRight, row: Row) -> Answer<bool> {
    if right.scope() == Scope::Members {
        return Ok(true);
    }
    let states = cairn.meta.row_states(right.session().id, vec![row], right.scope().reach()).await?;
    Ok(states == [RowState::Have])
}
