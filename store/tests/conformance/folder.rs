//! `add_folder`, `folder`, `folders`, `entries`, `children`, `file_at`, `remove_folder`, and files that are published into one.

use cairn_shared::{ClientKey, FileId, FolderId, LinkId, RelPath};
use cairn_store::model::{
    Child, ChildMark, ChunkState, File, Folder, Given, Link, Linked, NewFolder, Publish, SessionState, Target,
};
use cairn_store::{Conflict, StoreError};

use crate::support::{
    FULL, Kit, START, conflict, id, new_session, owner, publish, publish_plain, row, rows, token,
};

fn path(text: &str) -> RelPath {
    text.parse().unwrap()
}

/// Folder `n` of `owner`, with key and link `n`.
fn new_folder(n: u64, owner_n: u64, folders: &[&str]) -> NewFolder {
    NewFolder {
        id: FolderId::new(id(n)),
        owner: owner(owner_n),
        key: Some(ClientKey::new(id(n + 1_000_000))),
        name: "pictures".parse().unwrap(),
        folders: folders.iter().map(|folder| path(folder)).collect(),
        link: Some((LinkId::new(id(n)), token(n))),
        now: START,
    }
}

impl Kit {
    async fn folder(&self, n: u64, folders: &[&str]) -> FolderId {
        self.meta.add_folder(new_folder(n, 1, folders)).await.unwrap().0.id
    }

    /// Session `n` with chunk `n` for a path of a folder, ready to be published.
    async fn sent(&self, n: u64, folder: FolderId, at: &str) {
        let mut new = new_session(n, 1);
        new.fields.path = Some(path(at));
        new.fields.name = path(at).last().parse().unwrap();
        new.fields.folder = Some(folder);
        let session = self.meta.start(new).await.unwrap().0.id;
        self.declare(session, &rows(n, 1)).await;
        self.arrive(session, 0, row(n, FULL)).await.unwrap();
    }

    async fn publish_into(&self, n: u64, folder: FolderId, at: &str) -> Result<File, StoreError> {
        self.sent(n, folder, at).await;
        let asked = Publish { link: None, ..publish(n, &rows(n, 1)) };
        Ok(self.meta.publish(asked).await?.1)
    }

    async fn put(&self, n: u64, folder: FolderId, at: &str) -> File {
        self.publish_into(n, folder, at).await.unwrap()
    }

    async fn totals(&self, folder: FolderId) -> (u64, u64, u64, u64) {
        let folder = self.meta.folder(folder).await.unwrap().unwrap();
        (folder.revision, folder.files, folder.folders, folder.bytes)
    }

    /// Paths, and the revision and file of each.
    async fn listed(&self, folder: FolderId) -> Vec<(String, u64, Option<FileId>)> {
        let page = self.meta.entries(folder, None, None, 1_000).await.unwrap();
        assert_eq!(page.next, None);
        let entry = |entry: cairn_store::model::Entry| {
            (entry.path.to_string(), entry.revision, entry.file.map(|file| file.id))
        };
        page.entries.into_iter().map(entry).collect()
    }

    /// Names of what lies at `parent`, folders with a slash behind; `None`: no folder.
    async fn level(&self, folder: FolderId, parent: &str) -> Option<Vec<String>> {
        let parent = (!parent.is_empty()).then(|| path(parent));
        let page = self.meta.children(folder, parent, None, 1_000).await.unwrap()?;
        assert_eq!(page.next, None);
        Some(page.children.iter().map(named).collect())
    }
}

fn named(child: &Child) -> String {
    match child {
        Child::Folder(name) => format!("{name}/"),
        Child::File(name, _) => name.to_string(),
    }
}

pub(crate) async fn the_same_key_and_name_find_the_same_folder(kit: Kit) {
    let (made, repeated) = kit.meta.add_folder(new_folder(1, 1, &[])).await.unwrap();
    assert_eq!((repeated, made.revision, made.link), (false, 0, Some(LinkId::new(id(1)))));
    let fresh = NewFolder { id: FolderId::new(id(2)), link: None, ..new_folder(1, 1, &[]) };
    assert_eq!(kit.meta.add_folder(fresh.clone()).await.unwrap(), (made.clone(), true));
    let other = NewFolder { name: "other".parse().unwrap(), ..fresh.clone() };
    assert_eq!(conflict(kit.meta.add_folder(other).await), Conflict::KeyReused);
    let foreign = NewFolder { owner: owner(2), ..fresh.clone() };
    assert!(!kit.meta.add_folder(foreign).await.unwrap().1, "a key belongs to its owner");
    let taken = NewFolder { key: None, ..fresh };
    assert_eq!(conflict(kit.meta.add_folder(taken).await), Conflict::KeyReused, "the id is in use");
    assert_eq!(kit.meta.folder(made.id).await.unwrap(), Some(made));
}

pub(crate) async fn folders_are_added_in_one_revision(kit: Kit) {
    let folder = kit.folder(1, &["b/c", "a", "b/c", "a/x"]).await;
    assert_eq!(kit.totals(folder).await, (1, 0, 3, 0));
    let entries = ["a", "a/x", "b/c"].map(|path| (path.to_owned(), 1, None));
    assert_eq!(kit.listed(folder).await, entries);
    kit.folder(1, &["a", "b/c"]).await;
    assert_eq!(kit.totals(folder).await, (1, 0, 3, 0), "nothing is new");
    kit.folder(1, &["a", "d", "b"]).await;
    assert_eq!(kit.totals(folder).await, (2, 0, 5, 0));
    assert_eq!(kit.level(folder, "").await.unwrap(), ["a/", "b/", "d/"]);
    assert_eq!(kit.level(folder, "b").await.unwrap(), ["c/"]);
    assert_eq!(kit.level(folder, "b/c").await, Some(vec![]));
    assert_eq!(kit.level(folder, "c").await, None);
}

pub(crate) async fn a_published_file_lies_in_its_folder_alone(kit: Kit) {
    let folder = kit.folder(1, &[]).await;
    let file = kit.put(5, folder, "a/b/c.txt").await;
    assert_eq!(kit.totals(folder).await, (1, 1, 0, u64::from(FULL)));
    assert_eq!(kit.listed(folder).await, [("a/b/c.txt".to_owned(), 1, Some(file.id))]);
    assert_eq!(kit.meta.file_at(folder, path("a/b/c.txt")).await.unwrap(), Some(file.clone()));
    for other in ["a", "a/b", "a/b/c.txt/d", "c.txt"] {
        assert_eq!(kit.meta.file_at(folder, path(other)).await.unwrap(), None, "{other}");
    }
    assert_eq!(kit.level(folder, "").await.unwrap(), ["a/"]);
    assert_eq!(kit.level(folder, "a/b").await.unwrap(), ["c.txt"]);
    assert_eq!(kit.meta.files(owner(1), None, 10).await.unwrap(), [], "not one by one");
    assert_eq!(kit.meta.file(file.id).await.unwrap(), Some(file.clone()));
    let again = Publish { link: None, ..publish(5, &rows(5, 1)) };
    assert_eq!(kit.meta.publish(again).await.unwrap().1, file);
    assert_eq!(kit.totals(folder).await.0, 1, "publishing again changes nothing");
    // Without a path a file lies at the top, under its name.
    let mut new = new_session(6, 1);
    new.fields.folder = Some(folder);
    kit.meta.start(new).await.unwrap();
    kit.meta.publish(Publish { size: Some(0), ..publish_plain(6) }).await.unwrap();
    assert_eq!(kit.level(folder, "").await.unwrap(), ["a/", "cairn.txt"]);
}

pub(crate) async fn a_folder_must_be_its_owners(kit: Kit) {
    let folder = kit.folder(1, &[]).await;
    let mut foreign = new_session(5, 2);
    foreign.fields.folder = Some(folder);
    assert_eq!(conflict(kit.meta.start(foreign).await), Conflict::FolderGone);
    kit.sent(6, folder, "a").await;
    kit.meta.remove_folder(folder, START).await.unwrap();
    let asked = publish(6, &rows(6, 1));
    assert_eq!(conflict(kit.meta.publish(asked).await), Conflict::FolderGone);
    let session = cairn_shared::SessionId::new(id(6));
    assert_eq!(kit.session(session).await.state, SessionState::Open);
    let mut repeated = new_session(6, 1);
    (repeated.fields.folder, repeated.fields.path) = (Some(folder), Some(path("a")));
    repeated.fields.name = "a".parse().unwrap();
    assert!(kit.meta.start(repeated).await.unwrap().1, "the key finds its session all the same");
}

pub(crate) async fn a_file_takes_the_place_of_another(kit: Kit) {
    let folder = kit.folder(1, &[]).await;
    let first = kit.put(5, folder, "a/b").await;
    let target = Target::File(first.id);
    let link = Link {
        id: LinkId::new(id(9)),
        target,
        owner: owner(1),
        token_hash: token(9),
        created_at: START,
        expires_at: None,
    };
    kit.meta.add_link(link).await.unwrap();
    let second = kit.put(6, folder, "a/b").await;
    assert_eq!(kit.totals(folder).await, (2, 1, 0, u64::from(FULL)));
    assert_eq!(kit.listed(folder).await, [("a/b".to_owned(), 2, Some(second.id))]);
    assert_eq!(kit.level(folder, "a").await.unwrap(), ["b"]);
    assert_eq!(kit.meta.file(first.id).await.unwrap(), None);
    assert!(kit.meta.gone_file(first.id).await.unwrap().is_some());
    assert_eq!(kit.meta.linked(token(9)).await.unwrap(), None);
    kit.sweep(START).await;
    assert_eq!(kit.state(row(5, FULL)).await, Some(ChunkState::Condemned(START)));
    assert_eq!(kit.state(row(6, FULL)).await, Some(ChunkState::Present));
    kit.meta.remove_file(first.id, START).await.unwrap();
    assert_eq!(kit.totals(folder).await.0, 2, "what is gone takes nothing along");
}

pub(crate) async fn a_taken_path_is_refused(kit: Kit) {
    let folder = kit.folder(1, &["made/below"]).await;
    kit.put(5, folder, "a/b").await;
    let before = (kit.totals(folder).await, kit.listed(folder).await);
    for (n, at, taken, is_file) in [
        (10, "a/b/c", "a/b", true),
        (11, "a/b/c/d/e", "a/b", true),
        (12, "a", "a", false),
        (13, "made", "made", false),
        (14, "made/below", "made/below", false),
    ] {
        let refused = conflict(kit.publish_into(n, folder, at).await);
        assert_eq!(refused, Conflict::PathTaken { at: path(taken), is_file }, "{at}");
        let session = kit.session(cairn_shared::SessionId::new(id(n))).await;
        assert_eq!(session.state, SessionState::Open, "{at}");
    }
    for (at, taken) in [("a/b", "a/b"), ("a/b/c", "a/b")] {
        let refused = conflict(kit.meta.add_folder(new_folder(1, 1, &["fine", at])).await);
        assert_eq!(refused, Conflict::PathTaken { at: path(taken), is_file: true }, "{at}");
    }
    assert_eq!((kit.totals(folder).await, kit.listed(folder).await), before, "nothing changed");
    kit.put(20, folder, "made/below/file").await;
    kit.put(21, folder, "a/b.txt").await;
    assert_eq!(kit.level(folder, "a").await.unwrap(), ["b", "b.txt"]);
}

pub(crate) async fn a_deleted_file_leaves_its_folder(kit: Kit) {
    let folder = kit.folder(1, &["a/kept"]).await;
    let (first, second) = (kit.put(5, folder, "a/b/c/d").await, kit.put(6, folder, "a/b/e").await);
    for _ in 0..2 {
        kit.meta.remove_file(first.id, START).await.unwrap();
        assert_eq!(kit.totals(folder).await, (4, 1, 1, u64::from(FULL)));
        assert_eq!(kit.level(folder, "a/b").await.unwrap(), ["e"], "what was only on its way is gone");
    }
    kit.meta.remove_file(second.id, START).await.unwrap();
    assert_eq!(kit.totals(folder).await, (5, 0, 1, 0));
    assert_eq!(kit.level(folder, "a").await.unwrap(), ["kept/"]);
    assert_eq!(kit.listed(folder).await, [("a/kept".to_owned(), 1, None)]);
    kit.put(7, folder, "a/b").await;
    assert_eq!(kit.level(folder, "a").await.unwrap(), ["kept/", "b"]);
}

pub(crate) async fn entries_come_in_pages_in_byte_order(kit: Kit) {
    let folder = kit.folder(1, &["a/", "z"].map(|path| path.trim_end_matches('/'))).await;
    for (n, at) in (10..).zip(["a.txt", "a/b", "a/ü", "B", "日本/語"]) {
        kit.put(n, folder, at).await;
    }
    let expected = ["B", "a", "a.txt", "a/b", "a/ü", "z", "日本/語"];
    for limit in 1..=8 {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = kit.meta.entries(folder, None, after, limit).await.unwrap();
            assert!(page.entries.len() <= limit);
            assert_eq!(page.folder.revision, 6);
            seen.extend(page.entries.into_iter().map(|entry| entry.path.to_string()));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, expected, "{limit} at once");
    }
    let unknown = kit.meta.entries(FolderId::new(id(77)), None, None, 10).await;
    assert_eq!(conflict(unknown), Conflict::NotFound);
}

pub(crate) async fn since_tells_what_came_later(kit: Kit) {
    let old: Vec<_> = (0..60).map(|n| format!("old/{n:02}")).collect();
    let old: Vec<_> = old.iter().map(String::as_str).collect();
    let folder = kit.folder(1, &old).await;
    kit.put(5, folder, "old/59x").await;
    kit.folder(1, &["new"]).await;
    let since = async |revision: u64, limit: usize| {
        let (mut seen, mut after, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = kit.meta.entries(folder, Some(revision), after, limit).await.unwrap();
            assert!(page.entries.len() <= limit);
            seen.extend(page.entries.into_iter().map(|entry| (entry.path.to_string(), entry.revision)));
            (after, pages) = (page.next, pages + 1);
            if after.is_none() {
                return (seen, pages);
            }
        }
    };
    let (file, new) = (("old/59x".to_owned(), 2), ("new".to_owned(), 3));
    assert_eq!(since(1, 100).await, (vec![new.clone(), file.clone()], 1));
    assert_eq!(since(2, 100).await.0, std::slice::from_ref(&new));
    assert_eq!(since(3, 100).await.0, []);
    assert_eq!(since(0, 1_000).await.0.len(), 62);
    let (seen, pages) = since(1, 2).await;
    assert_eq!(seen, [new, file]);
    assert!(pages >= 3, "one page looks at a bounded number of entries: {pages}");
}

pub(crate) async fn children_come_in_pages_folders_first(kit: Kit) {
    let folder = kit.folder(1, &["x/m", "x/a"]).await;
    for (n, at) in (10..).zip(["x/b", "x/n/deep/file", "x/c", "y"]) {
        kit.put(n, folder, at).await;
    }
    let expected = ["a/", "m/", "n/", "b", "c"];
    for limit in 1..=6 {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = kit.meta.children(folder, Some(path("x")), after, limit).await.unwrap().unwrap();
            seen.extend(page.children.iter().map(named));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, expected, "{limit} at once");
    }
    let behind = Some(ChildMark::File("b".parse().unwrap()));
    let page = kit.meta.children(folder, Some(path("x")), behind, 9).await.unwrap().unwrap();
    assert!(matches!(&page.children[..], [Child::File(_, file)] if file.id == FileId::new(id(12))));
    assert_eq!(kit.level(folder, "x/b").await, None, "a file is no folder");
    assert_eq!(kit.level(FolderId::new(id(77)), "").await, None);
}

pub(crate) async fn a_link_gives_a_folder(kit: Kit) {
    let folder = kit.folder(1, &[]).await;
    let linked = kit.meta.linked(token(1)).await.unwrap().unwrap();
    assert!(matches!(&linked.given, Given::Folder(Folder { id, .. }) if *id == folder));
    let target = Target::Folder(folder);
    let link = Link { id: LinkId::new(id(8)), token_hash: token(8), ..linked.link };
    kit.meta.add_link(link.clone()).await.unwrap();
    assert_eq!(kit.meta.links(target).await.unwrap().len(), 2);
    let row = kit.meta.folder(folder).await.unwrap().unwrap();
    let found = kit.meta.linked(token(8)).await.unwrap();
    assert_eq!(found, Some(Linked { link: link.clone(), given: Given::Folder(row) }));
    kit.meta.remove_link(LinkId::new(id(1)), START).await.unwrap();
    assert_eq!(kit.meta.links(target).await.unwrap(), std::slice::from_ref(&link));
    let unknown = Link { target: Target::Folder(FolderId::new(id(77))), ..link };
    assert_eq!(conflict(kit.meta.add_link(unknown).await), Conflict::NotFound);
}

pub(crate) async fn folders_are_listed_in_pages(kit: Kit) {
    for n in 1..=3 {
        kit.folder(n, &[]).await;
    }
    kit.meta.add_folder(new_folder(4, 2, &[])).await.unwrap();
    let ids = |folders: Vec<Folder>| folders.iter().map(|folder| folder.id).collect::<Vec<_>>();
    let expected: Vec<_> = (1..=3).map(|n| FolderId::new(id(n))).collect();
    assert_eq!(ids(kit.meta.folders(owner(1), None, 10).await.unwrap()), expected);
    assert_eq!(ids(kit.meta.folders(owner(1), Some(expected[0]), 1).await.unwrap()), expected[1..2]);
}

pub(crate) async fn a_deleted_folder_is_gone_at_once_and_its_files_by_a_job(kit: Kit) {
    let folder = kit.folder(1, &["empty"]).await;
    kit.put(1_005, folder, "a/b").await;
    let linked = Publish { link: Some((LinkId::new(id(9)), token(9))), ..publish(1_006, &rows(1_006, 1)) };
    kit.sent(1_006, folder, "a/c").await;
    let file = kit.meta.publish(linked).await.unwrap().1;
    for _ in 0..2 {
        kit.meta.remove_folder(folder, START).await.unwrap();
        assert_eq!(kit.meta.folder(folder).await.unwrap(), None);
        assert_eq!(kit.meta.gone_folder(folder).await.unwrap().unwrap().owner, owner(1));
        assert_eq!(kit.meta.folders(owner(1), None, 10).await.unwrap(), []);
        assert_eq!(kit.meta.file_at(folder, path("a/c")).await.unwrap(), None);
        assert_eq!(kit.level(folder, "").await, None);
        for n in [1, 9] {
            assert_eq!(kit.meta.linked(token(n)).await.unwrap(), None);
        }
        assert_eq!(kit.meta.file(file.id).await.unwrap(), None, "before the job has come to it");
        let gone = kit.meta.gone_file(file.id).await.unwrap().unwrap();
        assert_eq!((gone.owner, gone.session), (owner(1), Some(file.session)));
    }
    let asked = publish(1_006, &rows(1_006, 1));
    assert_eq!(conflict(kit.meta.publish(asked).await), Conflict::NotFound);
    // Whoever deletes a file meanwhile is not in the job's way.
    kit.meta.remove_file(file.id, START).await.unwrap();
    kit.sweep(START).await;
    for n in [1_005, 1_006] {
        assert_eq!(kit.state(row(n, FULL)).await, Some(ChunkState::Condemned(START)));
    }
    assert!(!kit.meta.sweep(START, 0).await.unwrap());
    assert!(!kit.meta.add_folder(new_folder(1, 1, &[])).await.unwrap().1, "its key is free again");
    assert_eq!(kit.listed(folder).await, [], "and nothing of it is left");
    assert_eq!(kit.level(folder, "").await, Some(vec![]));
}

pub(crate) async fn a_large_folder_is_deleted_in_several_steps(kit: Kit) {
    let paths: Vec<_> = (0..1_200).map(|n| format!("{n}/deep")).collect();
    let paths: Vec<_> = paths.iter().map(String::as_str).collect();
    let folder = kit.folder(1, &paths).await;
    for n in 0..30 {
        kit.put(1_000 + n, folder, &format!("files/{n}")).await;
    }
    let other = kit.folder(2, &["stays"]).await;
    kit.put(2_000, other, "file").await;
    kit.meta.remove_folder(folder, START).await.unwrap();
    assert!(kit.sweep(START).await > 12, "each step is bounded");
    assert_eq!(kit.meta.doom(START + 1, None, 100).await.unwrap().len(), 30);
    assert_eq!(kit.totals(other).await, (2, 1, 1, u64::from(FULL)));
    assert_eq!(kit.state(row(2_000, FULL)).await, Some(ChunkState::Present));
}

pub(crate) async fn files_with_many_links_are_deleted_in_several_steps(kit: Kit) {
    let folder = kit.folder(1, &[]).await;
    let link = |n: u64, file: FileId| Link {
        id: LinkId::new(id(n)),
        target: Target::File(file),
        owner: owner(1),
        token_hash: token(n),
        created_at: START,
        expires_at: None,
    };
    for n in 1..4 {
        let file = kit.put(1_000 + n, folder, &n.to_string()).await;
        kit.add_links((n * 10_000..n * 10_000 + 400).map(|n| link(n, file.id))).await;
    }
    kit.meta.remove_folder(folder, START).await.unwrap();
    let steps = kit.sweep(START).await;
    assert!(steps >= 6, "{steps} steps: one for each file, and one for its holds");
    assert_eq!(kit.meta.link(LinkId::new(id(30_399))).await.unwrap(), None);
    assert!(!kit.meta.sweep(START, 0).await.unwrap());
}
