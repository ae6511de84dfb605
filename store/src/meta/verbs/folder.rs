//! `folder`: trees that their owner keeps. Each change is one revision, and costs as much as its paths are deep.

use cairn_shared::{FileId, FolderId, OwnerId, RelPath, UnixMs};

use super::owner::SAID_BYTES;
use super::share;
use crate::error::{Conflict, Result, StoreError};
use crate::meta::codec::{self, EntryFact};
use crate::meta::read::{Read, any};
use crate::meta::tx::Tx;
use crate::meta::{facts, keys};
use crate::model::{File, Folder, Gone, Link, NewFolder, Target};

/// What a path takes on the wire beside its own bytes.
const PATH_BYTES: usize = 3;

/// Makes a folder, or finds the one that the key names and adds to it; true for the latter.
pub(crate) fn add(tx: &mut Tx<'_>, new: NewFolder) -> Result<(Folder, bool)> {
    tx.charge_bounded(new.owner)?;
    let said: usize = new.folders.iter().map(|path| path.as_str().len() + PATH_BYTES).sum();
    tx.said(SAID_BYTES + (new.name.as_str().len() + said) as u64);
    if let Some(known) = known(tx, &new)? {
        return Ok((add_folders(tx, known, &new.folders)?, true));
    }
    if facts::folder(tx, new.id)?.is_some() {
        return Err(Conflict::KeyReused.into());
    }
    let (id, owner) = (new.id, new.owner);
    if let Some(key) = new.key {
        tx.put(keys::folder_by_key(owner, key), codec::id(Some(id.as_bytes())));
    }
    tx.put(keys::folder_by_owner(owner, id), Vec::new());
    if let Some((link, token_hash)) = new.link {
        let target = Target::Folder(id);
        let link = Link { id: link, target, owner, token_hash, created_at: new.now, expires_at: None };
        facts::put_link(tx, &link)?;
    }
    let folder = Folder {
        id,
        owner,
        key: new.key,
        name: new.name,
        revision: 0,
        files: 0,
        folders: 0,
        bytes: 0,
        link: new.link.map(|(link, _)| link),
        created_at: new.now,
    };
    facts::put_folder(tx, &folder)?;
    Ok((add_folders(tx, folder, &new.folders)?, false))
}

/// Puts a file that was just published where its session said. What was a file there is deleted.
pub(crate) fn put_file(tx: &mut Tx<'_>, id: FolderId, file: &File, now: UnixMs) -> Result<()> {
    let folder = facts::folder(tx, id)?.filter(|folder| folder.owner == file.owner);
    let mut folder = folder.ok_or(Conflict::FolderGone)?;
    let path = path_of(file);
    check_above(tx, id, &path)?;
    if is_folder(tx, id, &path)? {
        return Err(Conflict::PathTaken { at: path, is_file: false }.into());
    }
    if let Some(replaced) = facts::entry(tx, id, &path)?.and_then(|entry| entry.file) {
        let bytes = share::end_file(tx, replaced, now)?.map_or(0, |file| file.size);
        folder.files = folder.files.saturating_sub(1);
        folder.bytes = folder.bytes.saturating_sub(bytes);
    }
    folder.revision += 1;
    folder.files += 1;
    folder.bytes = folder.bytes.saturating_add(file.size);
    put_entry(tx, id, &path, EntryFact { revision: folder.revision, file: Some(file.id) })?;
    facts::put_folder(tx, &folder)
}

/// Takes a file that is being deleted out of its folder.
pub(crate) fn take_file(tx: &mut Tx<'_>, id: FolderId, file: &File) -> Result<()> {
    let path = path_of(file);
    let entry = facts::entry(tx, id, &path)?;
    let Some(mut folder) = facts::folder(tx, id)? else { return Ok(()) };
    if entry.is_none_or(|entry| entry.file != Some(file.id)) {
        return Ok(());
    }
    tx.remove(keys::entry(id, &path));
    tx.remove(keys::child_file(id, path.parent().as_ref(), path.last()));
    for above in path.ancestors() {
        if facts::entry(tx, id, &above)?.is_some() || any(tx, &keys::entries_below(id, &above))? {
            break;
        }
        tx.remove(keys::child_folder(id, above.parent().as_ref(), above.last()));
    }
    folder.revision += 1;
    folder.files = folder.files.saturating_sub(1);
    folder.bytes = folder.bytes.saturating_sub(file.size);
    facts::put_folder(tx, &folder)
}

/// Deletes a folder with its links; what is in it goes by a job, and is not to be found from now on.
pub(crate) fn remove(tx: &mut Tx<'_>, id: FolderId, now: UnixMs) -> Result<()> {
    let Some(folder) = facts::folder(tx, id)? else { return Ok(()) };
    tx.charge(folder.owner)?;
    for link in share::links(tx, Target::Folder(id))? {
        share::remove_link(tx, link.id, now)?;
    }
    facts::put_gone(tx, id.as_bytes(), &Gone { owner: folder.owner, session: None, at: now })?;
    if let Some(key) = folder.key {
        tx.remove(keys::folder_by_key(folder.owner, key));
    }
    tx.remove(keys::folder(id));
    tx.remove(keys::folder_by_owner(folder.owner, id));
    tx.put(keys::folder_ending(id), codec::id(Some(folder.owner.as_bytes())));
    Ok(())
}

/// Whether a folder lies at this path, made as such or because something lies in it.
pub(crate) fn is_folder(read: &dyn Read, id: FolderId, path: &RelPath) -> Result<bool> {
    Ok(read.get(&keys::child_folder(id, path.parent().as_ref(), path.last()))?.is_some())
}

/// Where the file lies in its folder.
fn path_of(file: &File) -> RelPath {
    file.fields.path.clone().unwrap_or_else(|| RelPath::from(&file.fields.name))
}

fn known(read: &dyn Read, new: &NewFolder) -> Result<Option<Folder>> {
    let Some(key) = new.key else { return Ok(None) };
    let Some(value) = read.get(&keys::folder_by_key(new.owner, key))? else { return Ok(None) };
    let id = codec::from_id(&value)?.map(FolderId::new);
    let folder = id.map(|id| facts::folder(read, id)).transpose()?.flatten();
    let folder =
        folder.ok_or_else(|| StoreError::Damaged("a key names a folder that is not there".to_owned()))?;
    if folder.name == new.name { Ok(Some(folder)) } else { Err(Conflict::KeyReused.into()) }
}

/// Adds folders as entries, all of them with one new revision. Those that are there stay as they are.
fn add_folders(tx: &mut Tx<'_>, mut folder: Folder, paths: &[RelPath]) -> Result<Folder> {
    let fact = EntryFact { revision: folder.revision + 1, file: None };
    let mut added = 0;
    for path in paths {
        match facts::entry(tx, folder.id, path)? {
            Some(EntryFact { file: Some(_), .. }) => {
                return Err(Conflict::PathTaken { at: path.clone(), is_file: true }.into());
            }
            Some(EntryFact { file: None, .. }) => continue,
            None => {}
        }
        check_above(tx, folder.id, path)?;
        put_entry(tx, folder.id, path, fact)?;
        added += 1;
    }
    if added > 0 {
        folder.revision = fact.revision;
        folder.folders += added;
        facts::put_folder(tx, &folder)?;
    }
    Ok(folder)
}

/// Refuses a path that goes through a file.
fn check_above(read: &dyn Read, id: FolderId, path: &RelPath) -> Result<()> {
    for above in path.ancestors() {
        if is_folder(read, id, &above)? {
            // What lies above a folder are folders.
            break;
        }
        if facts::entry(read, id, &above)?.is_some() {
            return Err(Conflict::PathTaken { at: above, is_file: true }.into());
        }
    }
    Ok(())
}

/// Writes an entry, and the children that make it and what it lies in to be found from above.
fn put_entry(tx: &mut Tx<'_>, id: FolderId, path: &RelPath, fact: EntryFact) -> Result<()> {
    tx.put(keys::entry(id, path), codec::entry(&fact));
    let (parent, name) = (path.parent(), path.last());
    match fact.file {
        Some(file) => {
            tx.put(keys::child_file(id, parent.as_ref(), name), codec::id(Some(file.as_bytes())));
        }
        None => tx.put(keys::child_folder(id, parent.as_ref(), name), codec::id(None)),
    }
    for above in path.ancestors() {
        if is_folder(tx, id, &above)? {
            break;
        }
        tx.put(keys::child_folder(id, above.parent().as_ref(), above.last()), codec::id(None));
    }
    Ok(())
}

/// The owner's folders behind `after`.
pub(crate) fn folders(
    read: &dyn Read,
    owner: OwnerId,
    after: Option<FolderId>,
    limit: usize,
) -> Result<Vec<Folder>> {
    share::owned(read, &keys::folders_of_owner(owner), after.map(|id| *id.as_bytes()), limit, |id| {
        facts::folder(read, FolderId::new(id))
    })
}

/// The file at a path.
pub(crate) fn file_at(read: &dyn Read, id: FolderId, path: &RelPath) -> Result<Option<File>> {
    let file: Option<FileId> = facts::entry(read, id, path)?.and_then(|entry| entry.file);
    Ok(file.map(|file| facts::live_file(read, file)).transpose()?.flatten())
}

#[cfg(test)]
mod tests;
