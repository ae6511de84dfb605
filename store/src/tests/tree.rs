//! A folder in the world of random deeds: every second file goes into it.

use std::collections::BTreeSet;

use cairn_shared::{ClientKey, FileId, FolderId, OwnerId, RelPath};

use crate::error::Result;
use crate::meta::MetaStore;
use crate::model::{Child, NewFolder};

/// Folders inside of it.
const LEVELS: u64 = 3;

/// Where file `number` goes; `None`: into no folder.
pub(super) async fn place(
    meta: &dyn MetaStore,
    owner: OwnerId,
    number: u64,
) -> Result<Option<(FolderId, RelPath)>> {
    if number.is_multiple_of(2) {
        return Ok(None);
    }
    let path = format!("{}/{number}", number % LEVELS).parse().unwrap();
    let folder = NewFolder {
        id: folder(),
        owner,
        key: Some(ClientKey::new([7; 16])),
        name: "folder".parse().unwrap(),
        folders: Vec::new(),
        link: None,
        now: 1,
    };
    meta.add_folder(folder).await?;
    Ok(Some((self::folder(), path)))
}

fn folder() -> FolderId {
    FolderId::new([7; 16])
}

/// The totals, the entries and what is found level by level are one and the same, and each of these files is there, where it
/// goes into the folder at all.
pub(super) async fn check(meta: &dyn MetaStore, files: impl Iterator<Item = FileId>) {
    let mut listed = BTreeSet::new();
    if meta.folder(folder()).await.unwrap().is_some() {
        let page = meta.entries(folder(), None, None, 10_000).await.unwrap();
        listed = page.entries.iter().map(|entry| entry.file.as_ref().expect("a file").id).collect();
        let bytes: u64 = page.entries.iter().flat_map(|entry| &entry.file).map(|file| file.size).sum();
        assert_eq!((page.folder.files, page.folder.bytes), (listed.len() as u64, bytes));
        let mut found = BTreeSet::new();
        for level in 0..LEVELS {
            let parent = Some(level.to_string().parse().unwrap());
            let children = meta.children(folder(), parent, None, 10_000).await.unwrap();
            for child in children.into_iter().flat_map(|page| page.children) {
                let Child::File(_, file) = child else { panic!("a folder where only files are") };
                found.insert(file.id);
            }
        }
        assert_eq!(found, listed);
    }
    for id in files {
        let is_inside = meta.file(id).await.unwrap().is_some_and(|file| file.fields.folder.is_some());
        assert_eq!(listed.contains(&id), is_inside, "{id}");
    }
}
