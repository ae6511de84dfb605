//! What is in a folder, page by page: all of it in the order of the paths, or what lies directly at one.

use cairn_shared::{FileId, FolderId, Name, RelPath};

use super::folder::is_folder;
use crate::error::{Conflict, Result};
use crate::meta::read::{Read, key_after, prefix_end};
use crate::meta::{codec, facts, keys};
use crate::model::{Child, ChildMark, ChildPage, Entry, EntryPage};

/// Entries that one page looks at, for each that it may give.
const LOOKED_PER_ENTRY: usize = 10;

/// Entries behind `after` that are so since a later revision than `since`. Where many are older, a page may be short.
pub(crate) fn entries(
    read: &dyn Read,
    id: FolderId,
    since: Option<u64>,
    after: Option<&RelPath>,
    limit: usize,
) -> Result<EntryPage> {
    // Read first: what changes meanwhile is told again to whoever asks for what came since.
    let folder = facts::folder(read, id)?.ok_or(Conflict::NotFound)?;
    let prefix = keys::entries(id);
    let end = prefix_end(&prefix);
    let mut from = after.map_or_else(|| prefix.clone(), |after| key_after(&keys::entry(id, after)));
    let mut page = EntryPage { folder, entries: Vec::new(), next: None };
    let mut looked = limit.saturating_mul(if since.is_some() { LOOKED_PER_ENTRY } else { 1 });
    while looked > 0 && page.entries.len() < limit {
        let asked = (limit - page.entries.len()).min(looked);
        // One more tells whether there is a next page.
        let found = read.page(&from, &end, asked + 1)?;
        let has_more = found.len() > asked;
        looked -= asked;
        let mut last = None;
        for (key, value) in found.into_iter().take(asked) {
            let path: RelPath = keys::text_behind(&key, &prefix)?;
            let fact = codec::from_entry(&value)?;
            if since.is_none_or(|since| fact.revision > since) {
                page.entries.extend(entry(read, path.clone(), fact.revision, fact.file)?);
            }
            (from, last) = (key_after(&key), Some(path));
        }
        if !has_more {
            page.next = None;
            break;
        }
        page.next = last;
    }
    Ok(page)
}

/// What lies directly at `parent`, behind `after`; `None` where there is no folder.
pub(crate) fn children(
    read: &dyn Read,
    id: FolderId,
    parent: Option<&RelPath>,
    after: Option<&ChildMark>,
    limit: usize,
) -> Result<Option<ChildPage>> {
    let is_there = match parent {
        Some(parent) => is_folder(read, id, parent)?,
        None => facts::folder(read, id)?.is_some(),
    };
    if !is_there {
        return Ok(None);
    }
    let prefix = keys::children(id, parent);
    let from = match after {
        Some(ChildMark::Folder(name)) => key_after(&keys::child_folder(id, parent, name.as_str())),
        Some(ChildMark::File(name)) => key_after(&keys::child_file(id, parent, name.as_str())),
        None => prefix.clone(),
    };
    let (folders, files) = (keys::child_folder(id, parent, ""), keys::child_file(id, parent, ""));
    // One more tells whether there is a next page.
    let found = read.page(&from, &prefix_end(&prefix), limit + 1)?;
    let has_more = found.len() > limit;
    let mut page = ChildPage { children: Vec::new(), next: None };
    for (key, value) in found.into_iter().take(limit) {
        let mark = match codec::from_id(&value)?.map(FileId::new) {
            None => {
                let name: Name = keys::text_behind(&key, &folders)?;
                page.children.push(Child::Folder(name.clone()));
                ChildMark::Folder(name)
            }
            Some(id) => {
                let name: Name = keys::text_behind(&key, &files)?;
                // One that was deleted a moment ago is left out.
                let file = facts::live_file(read, id)?;
                page.children.extend(file.map(|file| Child::File(name.clone(), Box::new(file))));
                ChildMark::File(name)
            }
        };
        page.next = has_more.then_some(mark);
    }
    Ok(Some(page))
}

/// The entry with its file; nothing where that was deleted a moment ago.
fn entry(read: &dyn Read, path: RelPath, revision: u64, file: Option<FileId>) -> Result<Option<Entry>> {
    let Some(id) = file else { return Ok(Some(Entry { path, revision, file: None })) };
    let file = facts::live_file(read, id)?;
    Ok(file.map(|file| Entry { path, revision, file: Some(file) }))
}
