//! Rows that a clock filed which ran ahead: their time would come too late, or never.

use cairn_shared::{SessionId, UnixMs};

use crate::error::Result;
use crate::meta::facts::{self, SessionFact};
use crate::meta::keys;
use crate::meta::read::Read;
use crate::meta::tx::Tx;
use crate::model::{ChunkState, SessionState};

/// Rows that one step files anew.
const STEP_ROWS: usize = 500;
/// A clock that is so far ahead is ahead, in milliseconds.
const AHEAD_MS: u64 = 3_600_000;

/// Files some of them anew: what is said to be over at `now`, what is to end at `latest`. False where there are none.
pub(crate) fn bring_back(tx: &mut Tx<'_>, now: UnixMs, latest: UnixMs) -> Result<bool> {
    let from = now.saturating_add(AHEAD_MS);
    Ok(sessions(tx, latest)? || archive(tx, from, now)? || gone(tx, from, now)? || condemned(tx, from, now)?)
}

fn sessions(tx: &mut Tx<'_>, latest: UnixMs) -> Result<bool> {
    let from = keys::expiry_from(latest.saturating_add(AHEAD_MS));
    let page = tx.page(&from, &keys::expiry_from(UnixMs::MAX), STEP_ROWS)?;
    for (key, _) in &page {
        let id = SessionId::new(keys::last_id(key)?);
        tx.charge_nobody();
        if let Some(mut fact) = facts::session(tx, id)? {
            tx.charge(fact.session.owner)?;
            if fact.session.state == SessionState::Open {
                end_by(tx, &mut fact, latest)?;
            }
        }
        tx.remove(key.clone());
    }
    Ok(!page.is_empty())
}

fn end_by(tx: &mut Tx<'_>, fact: &mut SessionFact, latest: UnixMs) -> Result<()> {
    fact.session.expires_at = latest;
    if let Some(backing) = &mut fact.backing {
        backing.expires_at = backing.expires_at.min(latest);
    }
    tx.put(keys::expiry(latest, fact.session.id), Vec::new());
    facts::put_session(tx, fact)
}

fn archive(tx: &mut Tx<'_>, from: UnixMs, now: UnixMs) -> Result<bool> {
    let page = tx.page(&keys::archive_from(from), &keys::archive_from(UnixMs::MAX), STEP_ROWS)?;
    for (key, value) in &page {
        let id = SessionId::new(keys::last_id(key)?);
        tx.charge_nobody();
        if let Some(fact) = facts::session(tx, id)? {
            tx.charge(fact.session.owner)?;
        }
        tx.remove(key.clone());
        tx.put(keys::archive(now, id), value.clone());
    }
    Ok(!page.is_empty())
}

fn gone(tx: &mut Tx<'_>, from: UnixMs, now: UnixMs) -> Result<bool> {
    let page = tx.page(&keys::gone_from(from), &keys::gone_from(UnixMs::MAX), STEP_ROWS)?;
    for (key, value) in &page {
        let id = keys::last_id(key)?;
        tx.charge_nobody();
        if let Some(gone) = facts::gone(tx, &id)? {
            tx.charge(gone.owner)?;
        }
        tx.remove(key.clone());
        tx.put(keys::gone_at(now, &id), value.clone());
    }
    Ok(!page.is_empty())
}

fn condemned(tx: &mut Tx<'_>, from: UnixMs, now: UnixMs) -> Result<bool> {
    let page = tx.page(&keys::condemned_from(from), &keys::condemned_from(UnixMs::MAX), STEP_ROWS)?;
    tx.charge_nobody();
    for (key, _) in &page {
        let digest = keys::last_digest(key)?;
        tx.remove(key.clone());
        if let Some(record) = facts::chunk(tx, digest)?
            && matches!(record.state, ChunkState::Condemned(_))
        {
            facts::set_chunk_state(tx, digest, record, ChunkState::Condemned(now));
        }
    }
    Ok(!page.is_empty())
}
