//! `share`: files that their owner keeps, and links that give them, or folders, to others.

use cairn_shared::limits::LINKS_MAX;
use cairn_shared::{FileId, LinkId, OwnerId, UnixMs};

use super::folder;
use super::owner::SAID_BYTES;
use crate::error::{Conflict, Result};
use crate::meta::read::{Read, first, key_after, prefix_end, scan, scan_range};
use crate::meta::tx::Tx;
use crate::meta::{codec, facts, keys};
use crate::model::{File, Given, Gone, Link, Linked, Target};

/// The owner's files behind `after`, but for those in folders.
pub(crate) fn files(
    read: &dyn Read,
    owner: OwnerId,
    after: Option<FileId>,
    limit: usize,
) -> Result<Vec<File>> {
    owned(read, &keys::files_of_owner(owner), after.map(|id| *id.as_bytes()), limit, |id| {
        facts::file(read, FileId::new(id))
    })
}

/// Up to `limit` things whose ids stand behind `prefix`, beginning behind `after`.
pub(super) fn owned<T>(
    read: &dyn Read,
    prefix: &[u8],
    after: Option<[u8; 16]>,
    limit: usize,
    find: impl Fn([u8; 16]) -> Result<Option<T>>,
) -> Result<Vec<T>> {
    let from = after.map_or_else(|| prefix.to_vec(), |after| key_after(&[prefix, after.as_slice()].concat()));
    let mut things = Vec::new();
    if limit == 0 {
        return Ok(things);
    }
    for entry in scan_range(read, from, prefix_end(prefix)) {
        things.extend(find(keys::last_id(&entry?.0)?)?);
        if things.len() == limit {
            break;
        }
    }
    Ok(things)
}

/// Adds a link.
pub(crate) fn add_link(tx: &mut Tx<'_>, link: &Link) -> Result<()> {
    given(tx, link.target)?.ok_or(Conflict::NotFound)?;
    tx.charge_bounded(link.owner)?;
    tx.said(SAID_BYTES);
    match facts::link(tx, link.id)? {
        Some(known) if known == *link => Ok(()),
        Some(_) => Err(Conflict::KeyReused.into()),
        None if first(tx, &keys::links_of(link.target), LINKS_MAX)?.len() == LINKS_MAX => {
            Err(Conflict::LinksTooMany.into())
        }
        None => facts::put_link(tx, link),
    }
}

/// Every link to a file or folder.
pub(crate) fn links(read: &dyn Read, target: Target) -> Result<Vec<Link>> {
    let mut links = Vec::new();
    for entry in scan(read, &keys::links_of(target)) {
        links.extend(facts::link(read, LinkId::new(keys::last_id(&entry?.0)?))?);
    }
    Ok(links)
}

/// Ends a link.
pub(crate) fn remove_link(tx: &mut Tx<'_>, id: LinkId, now: UnixMs) -> Result<()> {
    let Some(link) = facts::link(tx, id)? else { return Ok(()) };
    tx.charge(link.owner)?;
    facts::remove_link(tx, &link);
    facts::put_gone(tx, id.as_bytes(), &Gone { owner: link.owner, session: None, at: now })
}

/// Deletes a file with its links, and takes it out of its folder; its holds and rows go by a job.
pub(crate) fn remove_file(tx: &mut Tx<'_>, id: FileId, now: UnixMs) -> Result<()> {
    let Some(file) = end_file(tx, id, now)? else { return Ok(()) };
    match file.fields.folder {
        Some(folder) => folder::take_file(tx, folder, &file),
        None => Ok(()),
    }
}

/// The same, but for the entry in its folder.
pub(super) fn end_file(tx: &mut Tx<'_>, id: FileId, now: UnixMs) -> Result<Option<File>> {
    let Some(file) = facts::file(tx, id)? else { return Ok(None) };
    tx.charge(file.owner)?;
    for link in links(tx, Target::File(id))? {
        remove_link(tx, link.id, now)?;
    }
    let gone = Gone { owner: file.owner, session: Some(file.session), at: now };
    facts::put_gone(tx, id.as_bytes(), &gone)?;
    if let Some(blob) = file.blob {
        tx.remove(keys::blob(blob, file.owner, id));
    }
    tx.remove(keys::file(id));
    if file.fields.folder.is_none() {
        tx.remove(keys::file_by_owner(file.owner, id));
    }
    facts::end_follow(tx, file.session)?;
    tx.put(keys::ending(file.session), codec::id(Some(file.owner.as_bytes())));
    Ok(Some(file))
}

/// Finds a link and what it gives by the hash of the link's token.
pub(crate) fn linked(read: &dyn Read, token_hash: &[u8; 32]) -> Result<Option<Linked>> {
    let Some(value) = read.get(&keys::link_by_token(token_hash))? else { return Ok(None) };
    let Some(id) = codec::from_id(&value)? else { return Ok(None) };
    let Some(link) = facts::link(read, LinkId::new(id))? else { return Ok(None) };
    let given = given(read, link.target)?;
    Ok(given.map(|given| Linked { link, given }))
}

/// The link, where it and this file are still there.
pub(crate) fn still_linked(read: &dyn Read, link: LinkId, file: FileId) -> Result<Option<Link>> {
    let Some(link) = facts::link(read, link)? else { return Ok(None) };
    Ok(facts::live_file(read, file)?.map(|_| link))
}

fn given(read: &dyn Read, target: Target) -> Result<Option<Given>> {
    Ok(match target {
        Target::File(file) => facts::live_file(read, file)?.map(Given::File),
        Target::Folder(folder) => facts::folder(read, folder)?.map(Given::Folder),
    })
}
