//! `share`: files that their owner keeps, and links that give them to others.

use cairn_shared::{FileId, LinkId, OwnerId, UnixMs};

use crate::error::{Conflict, Result};
use crate::meta::read::{Read, key_after, prefix_end, scan, scan_range};
use crate::meta::tx::Tx;
use crate::meta::{codec, facts, keys};
use crate::model::{File, Gone, Link, Linked};

/// The owner's files behind `after`.
pub(crate) fn files(
    read: &dyn Read,
    owner: OwnerId,
    after: Option<FileId>,
    limit: usize,
) -> Result<Vec<File>> {
    let prefix = keys::files_of_owner(owner);
    let end = prefix_end(&prefix);
    let from = after.map_or(prefix, |after| key_after(&keys::file_by_owner(owner, after)));
    let mut files = Vec::new();
    if limit == 0 {
        return Ok(files);
    }
    for entry in scan_range(read, from, end) {
        files.extend(facts::file(read, FileId::new(keys::last_id(&entry?.0)?))?);
        if files.len() == limit {
            break;
        }
    }
    Ok(files)
}

/// Adds a link.
pub(crate) fn add_link(tx: &mut Tx<'_>, link: &Link) -> Result<()> {
    if facts::file(tx, link.file)?.is_none() {
        return Err(Conflict::NotFound.into());
    }
    match facts::link(tx, link.id)? {
        Some(known) if known == *link => Ok(()),
        Some(_) => Err(Conflict::KeyReused.into()),
        None => facts::put_link(tx, link),
    }
}

/// Every link to a file.
pub(crate) fn links(read: &dyn Read, file: FileId) -> Result<Vec<Link>> {
    let mut links = Vec::new();
    for entry in scan(read, &keys::links_of_file(file)) {
        links.extend(facts::link(read, LinkId::new(keys::last_id(&entry?.0)?))?);
    }
    Ok(links)
}

/// Ends a link.
pub(crate) fn remove_link(tx: &mut Tx<'_>, id: LinkId, now: UnixMs) -> Result<()> {
    let Some(link) = facts::link(tx, id)? else { return Ok(()) };
    facts::remove_link(tx, &link);
    facts::put_gone(tx, id.as_bytes(), &Gone { owner: link.owner, session: None, at: now })
}

/// Deletes a file with its links; its holds and rows go by a job.
pub(crate) fn remove_file(tx: &mut Tx<'_>, id: FileId, now: UnixMs) -> Result<()> {
    let Some(file) = facts::file(tx, id)? else { return Ok(()) };
    for link in links(tx, id)? {
        remove_link(tx, link.id, now)?;
    }
    let gone = Gone { owner: file.owner, session: Some(file.session), at: now };
    facts::put_gone(tx, id.as_bytes(), &gone)?;
    if let Some(blob) = file.blob {
        tx.remove(keys::blob(blob, file.owner, id));
    }
    tx.remove(keys::file(id));
    tx.remove(keys::file_by_owner(file.owner, id));
    facts::end_follow(tx, file.session)?;
    tx.put(keys::ending(file.session), codec::id(Some(file.owner.as_bytes())));
    Ok(())
}

/// Finds link and file by the hash of the link's token.
pub(crate) fn linked(read: &dyn Read, token_hash: &[u8; 32]) -> Result<Option<Linked>> {
    let Some(value) = read.get(&keys::link_by_token(token_hash))? else { return Ok(None) };
    let Some(id) = codec::from_id(&value)? else { return Ok(None) };
    let Some(link) = facts::link(read, LinkId::new(id))? else { return Ok(None) };
    let file = facts::file(read, link.file)?;
    Ok(file.map(|file| Linked { link, file }))
}
