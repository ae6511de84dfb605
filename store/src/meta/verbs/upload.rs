//! `upload`: a chunk has arrived for a row.

use cairn_shared::limits::SESSION_ROWS_MAX;
use cairn_shared::{ChunkDigest, ChunkRule, Row, SessionId, UnixMs};

use super::check::update_wanted;
use super::length::{check_behind, check_length, rows_promised};
use super::open_session;
use crate::error::{Conflict, Result};
use crate::meta::facts::{self, SessionFact};
use crate::meta::read::Read;
use crate::meta::tx::Tx;
use crate::meta::{codec, keys};
use crate::model::{ChunkRecord, ChunkState, Session, StoredRow};

/// A chunk whose bytes are durable under its generation.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    /// Of which session.
    pub(crate) session: SessionId,
    /// For which row.
    pub(crate) index: u32,
    /// What the bytes are.
    pub(crate) row: Row,
    /// Where they are.
    pub(crate) record: ChunkRecord,
    /// The session ends then, where that is later.
    pub(crate) expires_at: UnixMs,
    /// Now.
    pub(crate) now: UnixMs,
}

/// Notes an arrival.
pub(crate) fn arrive(tx: &mut Tx<'_>, arrival: &Arrival) -> Result<()> {
    let mut fact = open_session(tx, arrival.session, arrival.now)?;
    let before = fact.clone();
    tx.charge(fact.session.owner)?;
    put_row(tx, &mut fact, arrival)?;
    put_chunk(tx, arrival)?;
    let is_new = facts::held(tx, arrival.session, arrival.row.digest)?.is_none();
    if is_new {
        tx.said(u64::from(arrival.row.length));
        facts::hold(tx, &fact.session, &arrival.row);
    }
    if is_new || fact.session.rows > before.session.rows {
        fact.back(tx, 1);
    }
    facts::extend_session(tx, &mut fact.session, arrival.expires_at);
    if fact != before {
        update_wanted(tx, &mut fact)?;
        facts::put_session(tx, &fact)?;
    }
    Ok(())
}

/// The generation to place a chunk under, and whether its bytes are there.
pub(crate) fn placement(read: &dyn Read, digest: ChunkDigest) -> Result<(u32, bool)> {
    let Some(record) = facts::chunk(read, digest)? else {
        return Ok((facts::floor(read, digest)?, false));
    };
    Ok(match record.state {
        ChunkState::Present | ChunkState::Condemned(_) => (record.generation, true),
        ChunkState::Deleting | ChunkState::Damaged => (next_generation(read, digest, &record)?, false),
    })
}

/// The row at `index`.
pub(crate) fn row(read: &dyn Read, session: SessionId, index: u32) -> Result<Option<StoredRow>> {
    match facts::session(read, session)? {
        Some(fact) => facts::row_of(read, &fact.session, index),
        None => Ok(None),
    }
}

/// Compares with the declared row, or defines the row where the rule leaves it to the body.
fn put_row(tx: &mut Tx<'_>, fact: &mut SessionFact, arrival: &Arrival) -> Result<()> {
    let (session, at) = (&mut fact.session, arrival.index);
    let stored = facts::row_of(tx, session, at)?;
    if let Some(stored) = stored
        && stored.declared
    {
        return equal_rows(&stored.row, &arrival.row, at).map_err(Into::into);
    }
    check_definable(session, at)?;
    if at >= session.rows {
        check_behind(tx, session)?;
    }
    let rows = session.rows.max(at + 1);
    check_length(session, rows, at, arrival.row.length)?;
    if stored.is_some_and(|stored| stored.row == arrival.row) {
        return Ok(());
    }
    fact.strayed |= stored.is_some();
    fact.replaceable = true;
    fact.changes += 1;
    session.rows = rows;
    facts::put_row(tx, session, at, StoredRow { row: arrival.row, declared: false });
    Ok(())
}

fn equal_rows(declared: &Row, came: &Row, at: u32) -> Result<(), Conflict> {
    if declared.digest != came.digest {
        return Err(Conflict::DigestMismatch { at });
    }
    if declared.length != came.length {
        return Err(Conflict::ChunkLength { expected: declared.length });
    }
    Ok(())
}

fn check_definable(session: &Session, at: u32) -> Result<(), Conflict> {
    match session.fields.rule {
        ChunkRule::FastCdc => Err(Conflict::RowUndeclared { at }),
        ChunkRule::Fixed(_) if session.size.is_some() && at >= rows_promised(session) => {
            Err(Conflict::IndexOutOfRange { rows: rows_promised(session) })
        }
        ChunkRule::Fixed(_) if at >= SESSION_ROWS_MAX => Err(Conflict::RowsTooMany),
        ChunkRule::Fixed(_) => Ok(()),
    }
}

/// The lowest generation that may take the place of a copy that is gone or damaged.
fn next_generation(read: &dyn Read, digest: ChunkDigest, record: &ChunkRecord) -> Result<u32> {
    Ok(facts::floor(read, digest)?.max(record.generation + 1))
}

/// Makes the chunk present. Bytes of a generation that is being deleted, or already gone, don't count.
fn put_chunk(tx: &mut Tx<'_>, arrival: &Arrival) -> Result<()> {
    let (digest, came) = (arrival.row.digest, &arrival.record);
    let record = facts::chunk(tx, digest)?;
    let lowest = match &record {
        None => facts::floor(tx, digest)?,
        Some(record) => match record.state {
            ChunkState::Present => return Ok(()),
            ChunkState::Condemned(_) => {
                facts::set_chunk_state(tx, digest, record.clone(), ChunkState::Present);
                return Ok(());
            }
            ChunkState::Deleting | ChunkState::Damaged => next_generation(tx, digest, record)?,
        },
    };
    if came.generation < lowest {
        return Err(Conflict::GenerationOver { generation: lowest }.into());
    }
    if let Some(damaged) = record.filter(|record| record.state == ChunkState::Damaged) {
        tx.put(keys::doomed(digest, damaged.generation), codec::locator(&damaged.locator));
    }
    let record = ChunkRecord { state: ChunkState::Present, ..came.clone() };
    tx.put(keys::chunk(digest), codec::chunk(&record));
    Ok(())
}
