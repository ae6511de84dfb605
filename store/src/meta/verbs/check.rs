//! `check`: declares rows and says which of their chunks need not be sent.

use cairn_shared::limits::SESSION_ROWS_MAX;
use cairn_shared::message::RowState;
use cairn_shared::{BlobDigest, FileId, OwnerId, Row, SessionId, UnixMs};

use super::length::{check_behind, check_length, check_size, rows_promised};
use super::open_session;
use crate::error::{Conflict, Result};
use crate::meta::facts::{self, Dropped, SessionFact, Wanted};
use crate::meta::read::{Read, any, scan};
use crate::meta::tx::Tx;
use crate::meta::{codec, keys};
use crate::model::{ChunkRecord, ChunkState, Declaration, File, Reach, Session, StoredRow};

/// What a check takes on the wire at least, and each of its rows, in bytes.
const CHECK_BYTES: u64 = 48;
const ROW_BYTES: u64 = 80;

/// Declares rows. `Changed` where rows of an earlier revision must be removed first, see `sweep::drop_rows`.
pub(crate) fn declare(tx: &mut Tx<'_>, said: &Declaration) -> Result<(Session, Vec<RowState>)> {
    let mut fact = open_session(tx, said.session, said.now)?;
    let before = fact.clone();
    tx.charge_bounded(fact.session.owner)?;
    tx.said(CHECK_BYTES + ROW_BYTES * said.rows.len() as u64);
    let revision = fact.session.revision;
    if said.revision < revision {
        return Err(Conflict::RevisionOld { revision }.into());
    }
    if said.revision - revision > 1 {
        return Err(Conflict::RevisionGap { revision }.into());
    }
    let rows = rows_promised(&fact.session);
    if said.at > rows {
        return Err(Conflict::IndexOutOfRange { rows }.into());
    }
    if said.revision == revision {
        check_same_size(&fact.session, said.size)?;
    } else {
        begin_revision(tx, &mut fact, said)?;
    }
    let dropped = facts::dropped(tx, said.session)?;
    check_bounds(tx, &fact.session, said)?;
    let rows_before = fact.session.rows;
    put_rows(tx, &mut fact, said, dropped)?;
    let states: Vec<_> =
        said.rows.iter().map(|row| state(tx, &fact.session, row, said.reach)).collect::<Result<_>>()?;
    let fresh =
        states.iter().zip(said.at..).filter(|(state, at)| *at >= rows_before && **state == RowState::Have);
    let fresh = u32::try_from(fresh.count()).unwrap_or(u32::MAX);
    fact.back(tx, fresh);
    check_ahead(tx, &fact)?;
    update_wanted(tx, &mut fact)?;
    if fact != before {
        facts::put_session(tx, &fact)?;
    }
    Ok((fact.session, states))
}

/// Wants the whole-file digest of an open session that has rows, all of them declared. A row that a PUT defined
/// may be replaced without a new revision: such sessions are followed once they are published.
pub(crate) fn update_wanted(tx: &mut Tx<'_>, fact: &mut SessionFact) -> Result<()> {
    let session = fact.session.id;
    if fact.session.rows == 0 {
        fact.replaceable = false;
    }
    let follows = fact.session.rows > 0 && !fact.replaceable;
    match facts::wanted(tx, session)? {
        None if follows => facts::put_wanted(tx, session, Wanted::Open),
        Some(_) if !follows => facts::end_follow(tx, session)?,
        Some(_) | None => {}
    }
    Ok(())
}

/// Finds a file with this whole-file digest, of this owner or of anybody.
pub(crate) fn file_by_blob(
    read: &dyn Read,
    owner: Option<OwnerId>,
    blob: BlobDigest,
) -> Result<Option<File>> {
    let prefix = match owner {
        Some(owner) => keys::blobs_of_owner(blob, owner),
        None => keys::blobs(blob),
    };
    for entry in scan(read, &prefix) {
        let id = FileId::new(keys::last_id(&entry?.0)?);
        if let Some(file) = facts::live_file(read, id)? {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

/// A guest declares no more than so many rows ahead of what came.
fn check_ahead(tx: &Tx<'_>, fact: &SessionFact) -> Result<(), Conflict> {
    let rows = tx.limits().rows_ahead;
    match fact.backing {
        Some(backing) if fact.session.rows > backing.rows.saturating_add(rows) => {
            Err(Conflict::RowsAhead { rows })
        }
        Some(_) | None => Ok(()),
    }
}

fn check_same_size(session: &Session, said: Option<u64>) -> Result<(), Conflict> {
    match said {
        Some(size) if session.size != Some(size) => {
            Err(Conflict::SizeDiffers { sum: session.size.unwrap_or(0) })
        }
        Some(_) | None => Ok(()),
    }
}

/// Takes the session to the next revision: rows from `at` on, and kept ones that no longer fit, are dropped.
fn begin_revision(tx: &mut Tx<'_>, fact: &mut SessionFact, said: &Declaration) -> Result<()> {
    let was_dropped = facts::dropped(tx, said.session)?;
    let rows_before = fact.session.rows;
    fact.session.revision = said.revision;
    fact.session.size = said.size.or(fact.session.size);
    fact.changes += 1;
    check_size(&fact.session)?;
    let keep = rows_kept(tx, &fact.session, said.at, was_dropped)?;
    fact.session.rows = keep;
    if let Some(backing) = &mut fact.backing {
        backing.rows = backing.rows.min(keep.max(1));
    }
    if keep < rows_before {
        drop_rows_from(tx, &fact.session, rows_before, was_dropped)?;
        fact.strayed = true;
    }
    match facts::follow(tx, said.session)? {
        Some(follow) if follow.next > keep => tx.remove(keys::follow(said.session)),
        Some(mut follow) => {
            follow.revision = said.revision;
            facts::put_follow(tx, &follow)?;
        }
        None => {}
    }
    Ok(())
}

/// How many of the first rows stay. Another size may give the last of them another length.
fn rows_kept(read: &dyn Read, session: &Session, at: u32, dropped: Option<Dropped>) -> Result<u32> {
    let mut keep = at.min(session.rows);
    if session.rows_expected().is_some() {
        keep = keep.min(rows_promised(session));
    }
    if keep > 0
        && let Some(last) = facts::row(read, session.id, keep - 1, dropped)?
        && check_length(session, keep, keep - 1, last.row.length).is_err()
    {
        keep -= 1;
    }
    Ok(keep)
}

/// Notes that rows behind the kept ones are no longer rows; removing them one by one is left to a job.
fn drop_rows_from(tx: &mut Tx<'_>, session: &Session, rows_before: u32, was: Option<Dropped>) -> Result<()> {
    let from = session.rows;
    let end = was.map_or(rows_before, |was| was.end.max(rows_before));
    if was.is_some_and(|was| was.from < from) {
        // One note can't say of two ranges which revision dropped what.
        return Err(Conflict::Changed.into());
    }
    let dropped = Dropped { from, end, revision: session.revision };
    tx.put(keys::dropped(session.id), codec::json(&dropped)?);
    Ok(())
}

fn check_bounds(read: &dyn Read, session: &Session, said: &Declaration) -> Result<()> {
    if said.rows.is_empty() {
        return Ok(());
    }
    let end = u64::from(said.at) + said.rows.len() as u64;
    if end > u64::from(SESSION_ROWS_MAX) {
        return Err(Conflict::RowsTooMany.into());
    }
    if session.rows_expected().is_some_and(|expected| end > expected) {
        return Err(Conflict::IndexOutOfRange { rows: rows_promised(session) }.into());
    }
    if said.at >= session.rows { check_behind(read, session) } else { Ok(()) }
}

fn put_rows(
    tx: &mut Tx<'_>,
    fact: &mut SessionFact,
    said: &Declaration,
    dropped: Option<Dropped>,
) -> Result<()> {
    let session = &mut fact.session;
    let end = said.rows.iter().zip(said.at..).map(|(_, index)| index + 1).last();
    session.rows = session.rows.max(end.unwrap_or(0));
    for (row, index) in said.rows.iter().zip(said.at..) {
        check_length(session, session.rows, index, row.length)?;
        match facts::row(tx, session.id, index, dropped)? {
            Some(stored) if stored.row != *row => {
                return Err(Conflict::RowDiffers { at: index, revision: session.revision }.into());
            }
            Some(stored) if stored.declared => continue,
            Some(_) => {}
            None => fact.changes += 1,
        }
        facts::put_row(tx, session, index, StoredRow { row: *row, declared: true });
    }
    Ok(())
}

/// What a declaration of these rows would answer.
pub(crate) fn states(
    read: &dyn Read,
    session: SessionId,
    rows: &[Row],
    reach: Reach,
) -> Result<Vec<RowState>> {
    let fact = facts::session(read, session)?.ok_or(Conflict::NotFound)?;
    rows.iter().map(|row| look(read, &fact.session, row, reach)).collect()
}

/// Whether each chunk is present, which means that somebody holds it.
pub(crate) fn present(read: &dyn Read, rows: &[Row]) -> Result<Vec<bool>> {
    rows.iter().map(|row| Ok(is_here(facts::chunk(read, row.digest)?.as_ref(), row))).collect()
}

/// The session holds these chunks from now on, as far as they are here.
pub(crate) fn adopt(tx: &mut Tx<'_>, session: SessionId, rows: &[Row], now: UnixMs) -> Result<Vec<bool>> {
    let mut fact = open_session(tx, session, now)?;
    tx.charge(fact.session.owner)?;
    let mut adopted = 0;
    let mut adopt = |row: &Row| {
        let Some(record) = facts::chunk(tx, row.digest)?.filter(|record| record.length == row.length) else {
            return Ok(false);
        };
        match record.state {
            ChunkState::Present => {}
            ChunkState::Condemned(_) => {
                facts::set_chunk_state(tx, row.digest, record, ChunkState::Present);
            }
            ChunkState::Deleting | ChunkState::Damaged => return Ok(false),
        }
        if facts::held(tx, session, row.digest)?.is_none() {
            facts::hold(tx, &fact.session, row);
            adopted += 1;
        }
        Ok(true)
    };
    let states = rows.iter().map(&mut adopt).collect::<Result<_>>()?;
    if fact.backing.is_some() && adopted > 0 {
        fact.back(tx, adopted);
        facts::put_session(tx, &fact)?;
    }
    Ok(states)
}

/// `Have` where the present chunk is held within reach; this session then holds it too.
fn state(tx: &mut Tx<'_>, session: &Session, row: &Row, reach: Reach) -> Result<RowState> {
    let state = look(tx, session, row, reach)?;
    if state == RowState::Have && facts::held(tx, session.id, row.digest)?.is_none() {
        facts::hold(tx, session, row);
    }
    Ok(state)
}

fn look(read: &dyn Read, session: &Session, row: &Row, reach: Reach) -> Result<RowState> {
    let is_held = facts::held(read, session.id, row.digest)?.is_some()
        || (reach == Reach::Owner && any(read, &keys::holds_of_owner(row.digest, session.owner))?);
    // What others hold is not even looked for.
    let record = if is_held { facts::chunk(read, row.digest)? } else { None };
    Ok(if is_here(record.as_ref(), row) { RowState::Have } else { RowState::Need })
}

/// A digest has one length: a row that says another can never be sent.
fn is_here(record: Option<&ChunkRecord>, row: &Row) -> bool {
    record.is_some_and(|record| record.length == row.length && record.state == ChunkState::Present)
}
