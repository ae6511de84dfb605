//! `operate`: what the server notes of itself, and what its operator asks for and removes.

use cairn_shared::{ChunkDigest, OwnerId, SessionId};

use crate::error::Result;
use crate::meta::facts::{self, SessionFact};
use crate::meta::read::{Read, first, key_after, prefix_end};
use crate::meta::tx::Tx;
use crate::meta::{codec, keys};
use crate::model::{ClockMark, Owner, ScrubPlace, Session};

/// What was last noted of the clock.
pub(crate) fn clock_mark(read: &dyn Read) -> Result<Option<ClockMark>> {
    read.get(&keys::clock_mark())?.map(|value| codec::from_json(&value)).transpose()
}

/// Notes it anew.
pub(crate) fn mark_clock(tx: &mut Tx<'_>, mark: &ClockMark) -> Result<()> {
    tx.put(keys::clock_mark(), codec::json(mark)?);
    Ok(())
}

/// How far the reading of all chunks has come.
pub(crate) fn scrub_place(read: &dyn Read) -> Result<Option<ScrubPlace>> {
    read.get(&keys::scrub_place())?.map(|value| codec::from_json(&value)).transpose()
}

/// Notes it, or forgets it.
pub(crate) fn keep_scrub_place(tx: &mut Tx<'_>, place: Option<&ScrubPlace>) -> Result<()> {
    match place {
        Some(place) => tx.put(keys::scrub_place(), codec::json(place)?),
        None => tx.remove(keys::scrub_place()),
    }
    Ok(())
}

/// The owners behind `after`.
pub(crate) fn owners(read: &dyn Read, after: Option<OwnerId>, limit: usize) -> Result<Vec<Owner>> {
    let prefix = keys::owners();
    let from = after.map_or(prefix.clone(), |after| key_after(&keys::owner(after)));
    let page = read.page(&from, &prefix_end(&prefix), limit)?;
    page.into_iter().map(|(_, value)| codec::from_json(&value)).collect()
}

/// The sessions behind `after`.
pub(crate) fn sessions(read: &dyn Read, after: Option<SessionId>, limit: usize) -> Result<Vec<Session>> {
    let prefix = keys::sessions();
    let from = after.map_or(prefix.clone(), |after| key_after(&keys::session(after)));
    let page = read.page(&from, &prefix_end(&prefix), limit)?;
    page.into_iter()
        .map(|(_, value)| codec::from_json(&value).map(|fact: SessionFact| fact.session))
        .collect()
}

/// Sessions, and what they became, that hold a chunk.
pub(crate) fn holders(read: &dyn Read, digest: ChunkDigest, limit: usize) -> Result<Vec<SessionId>> {
    let page = first(read, &keys::holds(digest), limit)?;
    page.into_iter().map(|(key, _)| keys::last_id(&key).map(SessionId::new)).collect()
}

/// Nobody is this owner any more.
pub(crate) fn lock_owner(tx: &mut Tx<'_>, id: OwnerId) -> Result<()> {
    if let Some(owner) = facts::owner(tx, id)? {
        tx.charge(id)?;
        tx.remove(keys::owner_by_key(&owner.key_hash));
    }
    Ok(())
}

/// Forgets an owner.
pub(crate) fn forget_owner(tx: &mut Tx<'_>, id: OwnerId) -> Result<()> {
    lock_owner(tx, id)?;
    tx.remove(keys::owner(id));
    Ok(())
}
