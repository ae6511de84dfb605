//! `owner`: who holds what.

use cairn_shared::OwnerId;

use crate::error::{Conflict, Result};
use crate::meta::budget::cost;
use crate::meta::read::Read;
use crate::meta::tx::Tx;
use crate::meta::{codec, facts, keys};
use crate::model::Owner;

/// What a request counts in which nothing is said: its head.
pub(super) const SAID_BYTES: u64 = 128;

/// Adds an owner.
pub(crate) fn add(tx: &mut Tx<'_>, owner: &Owner) -> Result<()> {
    if facts::owner(tx, owner.id)?.as_ref() == Some(owner) {
        return Ok(());
    }
    let by_key = keys::owner_by_key(&owner.key_hash);
    if tx.get(&keys::owner(owner.id))?.is_some() || tx.get(&by_key)?.is_some() {
        return Err(Conflict::KeyReused.into());
    }
    tx.put(keys::owner(owner.id), codec::json(owner)?);
    tx.put(by_key, codec::id(Some(owner.id.as_bytes())));
    Ok(())
}

/// Adds a guest.
pub(crate) fn add_guest(tx: &mut Tx<'_>, owner: &Owner) -> Result<()> {
    if facts::owner(tx, owner.id)?.as_ref() == Some(owner) {
        return Ok(());
    }
    tx.open_account(owner.id)?;
    tx.said(SAID_BYTES);
    add(tx, owner)?;
    let looked_at = owner.created_at.saturating_add(tx.limits().unused_ms.max(1));
    tx.put(keys::unused(looked_at, owner.id), Vec::new());
    Ok(())
}

/// What the three rows count that a guest has who has nothing.
pub(crate) fn own_bytes(owner: &Owner) -> Result<u64> {
    let by_key = codec::id(Some(owner.id.as_bytes()));
    Ok(cost(&keys::owner(owner.id), codec::json(owner)?.len())
        + cost(&keys::owner_by_key(&owner.key_hash), by_key.len())
        + cost(&keys::unused(0, owner.id), 0))
}

/// Finds an owner by the hash of his key.
pub(crate) fn by_key(read: &dyn Read, key_hash: &[u8; 32]) -> Result<Option<Owner>> {
    let Some(value) = read.get(&keys::owner_by_key(key_hash))? else { return Ok(None) };
    match codec::from_id(&value)? {
        Some(id) => facts::owner(read, OwnerId::new(id)),
        None => Ok(None),
    }
}
