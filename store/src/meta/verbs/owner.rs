//! `owner`: who holds what, and guests who never did.

use cairn_shared::{FolderId, OwnerId, UnixMs};

use super::{folder, share};
use crate::error::{Conflict, Result};
use crate::meta::budget::cost;
use crate::meta::read::{Read, first};
use crate::meta::tx::Tx;
use crate::meta::{codec, facts, keys};
use crate::model::{Owner, Target};

/// What a request counts in which nothing is said: its head.
pub(super) const SAID_BYTES: u64 = 128;

/// Guests that one step forgets, and folders of each.
const STEP_OWNERS: usize = 100;
/// Rows that one step changes, and those of one folder more.
const STEP_ROWS: usize = 1_000;

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

/// Finds an owner by the hash of his key.
pub(crate) fn by_key(read: &dyn Read, key_hash: &[u8; 32]) -> Result<Option<Owner>> {
    let Some(value) = read.get(&keys::owner_by_key(key_hash))? else { return Ok(None) };
    match codec::from_id(&value)? {
        Some(id) => facts::owner(read, OwnerId::new(id)),
        None => Ok(None),
    }
}

/// Forgets guests who never held anything, with what they made for it.
pub(super) fn forget_unused(tx: &mut Tx<'_>, now: UnixMs) -> Result<bool> {
    let page = tx.page(&keys::unused_from(0), &keys::unused_from(now.saturating_add(1)), STEP_OWNERS)?;
    for (key, _) in &page {
        let id = OwnerId::new(keys::last_id(key)?);
        tx.charge(id)?;
        tx.remove(key.clone());
        let (Some(owner), Some(has)) = (facts::owner(tx, id)?, tx.account().copied()) else { continue };
        if has.has_held {
            continue;
        }
        for (folder, _) in first(tx, &keys::folders_of_owner(id), STEP_OWNERS)? {
            if tx.rows() >= STEP_ROWS {
                tx.put(keys::unused(now, id), Vec::new());
                return Ok(true);
            }
            forget_folder(tx, FolderId::new(keys::last_id(&folder)?), now)?;
        }
        if has.bytes > own_bytes(&owner)? {
            // Something of his is still to end.
            tx.put(keys::unused(now.saturating_add(tx.limits().unused_ms.max(1)), id), Vec::new());
        } else {
            tx.remove(keys::owner(id));
            tx.remove(keys::owner_by_key(&owner.key_hash));
        }
    }
    Ok(!page.is_empty())
}

/// What the three rows count that a guest has who has nothing.
fn own_bytes(owner: &Owner) -> Result<u64> {
    let by_key = codec::id(Some(owner.id.as_bytes()));
    Ok(cost(&keys::owner(owner.id), codec::json(owner)?.len())
        + cost(&keys::owner_by_key(&owner.key_hash), by_key.len())
        + cost(&keys::unused(0, owner.id), 0))
}

/// Deletes a folder in which nothing ever was, and remembers nothing of it.
fn forget_folder(tx: &mut Tx<'_>, id: FolderId, now: UnixMs) -> Result<()> {
    let links = share::links(tx, Target::Folder(id))?;
    folder::remove(tx, id, now)?;
    for gone in links.iter().map(|link| link.id.as_bytes()).chain([id.as_bytes()]) {
        tx.remove(keys::gone(gone));
        tx.remove(keys::gone_at(now, gone));
    }
    Ok(())
}
