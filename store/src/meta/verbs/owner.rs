//! `owner`: who holds what.

use cairn_shared::OwnerId;

use crate::error::{Conflict, Result};
use crate::meta::read::Read;
use crate::meta::tx::Tx;
use crate::meta::{codec, facts, keys};
use crate::model::Owner;

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

/// Finds an owner by the hash of his key.
pub(crate) fn by_key(read: &dyn Read, key_hash: &[u8; 32]) -> Result<Option<Owner>> {
    let Some(value) = read.get(&keys::owner_by_key(key_hash))? else { return Ok(None) };
    match codec::from_id(&value)? {
        Some(id) => facts::owner(read, OwnerId::new(id)),
        None => Ok(None),
    }
}
