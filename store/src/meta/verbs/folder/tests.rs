//! A folder against a map of paths; and what it costs does not depend on how much is in it.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use cairn_shared::{ChunkRule, ClientKey, FileId, FolderId, ManifestDigest, OwnerId, RelPath, SessionId};

use super::{add, put_file, take_file};
use crate::error::Result;
use crate::meta::facts;
use crate::meta::index::{Index, Writes};
use crate::meta::memory::MemoryIndex;
use crate::meta::read::{Entry, Read};
use crate::meta::tx::Tx;
use crate::meta::verbs::{listing, share};
use crate::model::{Child, File, FileFields, Folder, NewFolder};
use crate::tests::random::Random;

const FOLDER: FolderId = FolderId::new([1; 16]);
const OWNER: OwnerId = OwnerId::new([2; 16]);

/// Counts the rows that are read, and the looks that take no row.
struct Counted<'a> {
    index: &'a MemoryIndex,
    rows: Cell<usize>,
}

impl Counted<'_> {
    fn note(&self, rows: usize) {
        self.rows.set(self.rows.get() + 1 + rows);
    }
}

impl Read for Counted<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.note(0);
        self.index.get(key)
    }

    fn page(&self, from: &[u8], end: &[u8], limit: usize) -> Result<Vec<Entry>> {
        let page = self.index.page(from, end, limit)?;
        self.note(page.len());
        Ok(page)
    }
}

/// Runs a verb and applies what it wrote; gives how many rows it read and wrote.
fn commit(index: &MemoryIndex, verb: impl FnOnce(&mut Tx<'_>) -> Result<()>) -> Result<(usize, usize)> {
    let (counted, batch) = (Counted { index, rows: Cell::new(0) }, Writes::new());
    let mut tx = Tx::new(&counted, &batch);
    verb(&mut tx)?;
    let writes = tx.into_writes();
    index.apply(&writes, 1).unwrap();
    Ok((counted.rows.get(), writes.len()))
}

fn look<T>(index: &MemoryIndex, look: impl FnOnce(&dyn Read) -> Result<T>) -> usize {
    let counted = Counted { index, rows: Cell::new(0) };
    look(&counted).unwrap();
    counted.rows.get()
}

fn file(n: u8, path: &str) -> File {
    let path: RelPath = path.parse().unwrap();
    let fields = FileFields {
        name: path.last().parse().unwrap(),
        path: Some(path),
        folder: Some(FOLDER),
        mtime: None,
        media_type: None,
        meta: None,
        size: Some(5),
        rule: ChunkRule::FastCdc,
    };
    File {
        id: FileId::new([n; 16]),
        owner: OWNER,
        session: SessionId::new([4; 16]),
        fields,
        size: 5,
        rows: 1,
        manifest_digest: ManifestDigest::new([5; 32]),
        blob: None,
        created_at: 1,
    }
}

fn new_folder(folders: Vec<RelPath>) -> NewFolder {
    NewFolder {
        id: FOLDER,
        owner: OWNER,
        key: Some(ClientKey::new([6; 16])),
        name: "folder".parse().unwrap(),
        folders,
        link: None,
        now: 1,
    }
}

/// What everything costs that is done with a folder of so many thousand entries.
fn costs(thousands: usize) -> [usize; 7] {
    let index = MemoryIndex::default();
    for thousand in 0..thousands {
        let folders = (0..1_000).map(|n| format!("many/{:06}", thousand * 1_000 + n).parse().unwrap());
        let new = new_folder(folders.collect());
        commit(&index, |tx| add(tx, new).map(drop)).unwrap();
    }
    let file = file(3, "many/deep/file");
    let (put_reads, put_writes) = commit(&index, |tx| put_file(tx, FOLDER, &file, 1)).unwrap();
    let after = Some("many/000500".parse().unwrap());
    let listed = look(&index, |read| listing::entries(read, FOLDER, None, after.as_ref(), 100));
    let since = look(&index, |read| listing::entries(read, FOLDER, Some(1_000), None, 10));
    let parent = Some("many".parse().unwrap());
    let level = look(&index, |read| listing::children(read, FOLDER, parent.as_ref(), None, 100));
    let (take_reads, take_writes) = commit(&index, |tx| take_file(tx, FOLDER, &file)).unwrap();
    let folder: Folder = facts::folder(&index, FOLDER).unwrap().unwrap();
    assert_eq!((folder.files, folder.folders, folder.bytes), (0, thousands as u64 * 1_000, 0));
    [put_reads, put_writes, listed, since, level, take_reads, take_writes]
}

#[test]
fn a_hundred_thousand_entries_cost_no_more_than_a_thousand() {
    assert_eq!(costs(100), costs(1));
}

/// What is at each path: a file, or a folder that was made as such.
type Model = BTreeMap<String, Option<FileId>>;

/// Whether a file, or else a folder, may come to this path.
fn has_room(model: &Model, path: &str, is_file: bool) -> bool {
    let above = path.match_indices('/').map(|(at, _)| &path[..at]);
    let is_free = !above.into_iter().any(|above| matches!(model.get(above), Some(Some(_))));
    let below = format!("{path}/");
    is_free
        && match model.get(path) {
            Some(Some(_)) => is_file,
            Some(None) => !is_file,
            None => !is_file || !model.keys().any(|other| other.starts_with(&below)),
        }
}

fn check(index: &MemoryIndex, model: &Model) {
    let page = listing::entries(index, FOLDER, None, None, 1_000).unwrap();
    let found: Vec<_> = page
        .entries
        .iter()
        .map(|entry| (entry.path.to_string(), entry.file.as_ref().map(|file| file.id)))
        .collect();
    assert_eq!(found, model.clone().into_iter().collect::<Vec<_>>());
    let files = model.values().flatten().count() as u64;
    let totals = (page.folder.files, page.folder.folders, page.folder.bytes);
    assert_eq!(totals, (files, model.len() as u64 - files, files * 5));
    let mut levels: BTreeMap<String, BTreeSet<(bool, String)>> =
        BTreeMap::from([(String::new(), BTreeSet::new())]);
    for (path, file) in model {
        let parts: Vec<_> = path.split('/').collect();
        for depth in 1..=parts.len() {
            let (parent, is_file) = (parts[..depth - 1].join("/"), file.is_some() && depth == parts.len());
            levels.entry(parent).or_default().insert((is_file, parts[depth - 1].to_owned()));
        }
        if file.is_none() {
            levels.entry(path.clone()).or_default();
        }
    }
    for parent in PATHS.iter().copied().chain([""]) {
        let at = (!parent.is_empty()).then(|| parent.parse().unwrap());
        let page = listing::children(index, FOLDER, at.as_ref(), None, 1_000).unwrap();
        let named = |child: &Child| match child {
            Child::Folder(name) => (false, name.to_string()),
            Child::File(name, _) => (true, name.to_string()),
        };
        let found = page.map(|page| page.children.iter().map(named).collect::<Vec<_>>());
        assert_eq!(found, levels.get(parent).map(|level| level.iter().cloned().collect()), "{parent}");
    }
}

const PATHS: [&str; 10] =
    ["a", "a.x", "a/b", "a/b/c", "a/b/c/d", "a/x", "a0", "b", "b/c", "\u{10ffff}/\u{10ffff}"];

#[test]
fn a_folder_is_what_a_map_of_paths_says() {
    for seed in 0..200 {
        let (mut random, mut model, index) = (Random::new(seed), Model::new(), MemoryIndex::default());
        commit(&index, |tx| add(tx, new_folder(Vec::new())).map(drop)).unwrap();
        for n in 1..60 {
            let path = PATHS[random.below(PATHS.len() as u64) as usize];
            let known = model.get(path).copied().flatten();
            match random.below(4) {
                0 => {
                    let new = new_folder(vec![path.parse().unwrap()]);
                    let has_room = has_room(&model, path, false);
                    assert_eq!(commit(&index, |tx| add(tx, new).map(drop)).is_ok(), has_room, "{path}");
                    if has_room {
                        model.insert(path.to_owned(), None);
                    }
                }
                1 => {
                    if let Some(id) = known {
                        commit(&index, |tx| share::remove_file(tx, id, 1)).unwrap();
                        model.remove(path);
                    }
                }
                _ => {
                    let (file, has_room) = (file(n, path), has_room(&model, path, true));
                    let put = commit(&index, |tx| {
                        facts::put_file(tx, &file)?;
                        put_file(tx, FOLDER, &file, 1)
                    });
                    assert_eq!(put.is_ok(), has_room, "{path}");
                    if has_room {
                        model.insert(path.to_owned(), Some(file.id));
                    }
                }
            }
            check(&index, &model);
        }
    }
}
