//! The journal and the owner key in a real browser's IndexedDB.

#![cfg(target_arch = "wasm32")]
#![expect(clippy::unwrap_used, reason = "a test that can not go on has failed")]

use cairn_engine::JournalEntry;
use cairn_engine::journal::SessionHandle;
use cairn_shared::{Bearer, ChunkRule, ClientKey, FolderId, SessionId};
use cairn_web::platform::handle::Handle;
use cairn_web::platform::idb::{Batch, Db, FolderRecord};
use cairn_web::platform::random;
use futures_util::future::join;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// A database of its own for each test.
async fn fresh() -> Db {
    Db::open(&format!("test-{}", random::client_key())).await.unwrap()
}

fn entry(key: u8, stored: u64) -> JournalEntry {
    JournalEntry {
        key: ClientKey::new([key; 16]),
        name: "überblick 山.txt".parse().unwrap(),
        path: Some("a/b".parse().unwrap()),
        folder: Some(FolderId::new([5; 16])),
        rule: Some(ChunkRule::Fixed(65_536)),
        size: 1 << 40,
        mtime: Some(1_700_000_000_123),
        media_type: Some("text/plain".parse().unwrap()),
        start_size: 7,
        start_mtime: None,
        session: Some(SessionHandle { id: SessionId::new([9; 16]), key: Bearer::Session([3; 32]) }),
        stored,
    }
}

async fn save(db: &Db, entry: JournalEntry) {
    let entries = [(entry.key, entry)].into();
    db.write(&Batch { entries, ..Batch::default() }).await.unwrap();
}

/// A real handle: the origin's private file system gives them without asking anybody.
async fn handle(name: &str) -> Handle {
    let script = format!(
        "navigator.storage.getDirectory().then(root => root.getFileHandle('{name}', {{ create: true }}))"
    );
    let promise: js_sys::Promise = js_sys::eval(&script).unwrap().unchecked_into();
    Handle::from_js(JsFuture::from(promise).await.unwrap()).unwrap()
}

#[wasm_bindgen_test]
async fn keeps_replaces_and_forgets_entries() {
    let db = fresh().await;
    assert_eq!(db.entries().await, []);
    save(&db, entry(1, 10)).await;
    save(&db, entry(2, 20)).await;
    save(&db, entry(1, 11)).await;
    let mut entries = db.entries().await;
    entries.sort_by_key(|entry| entry.key);
    assert_eq!(entries, [entry(1, 11), entry(2, 20)]);
    for _ in 0..2 {
        let forgotten = [ClientKey::new([1; 16])].into();
        db.write(&Batch { forgotten, ..Batch::default() }).await.unwrap();
    }
    assert_eq!(db.entries().await, [entry(2, 20)]);
    assert_eq!(db.entry(ClientKey::new([2; 16])).await, Some(entry(2, 20)));
    assert_eq!(db.entry(ClientKey::new([1; 16])).await, None);
}

#[wasm_bindgen_test]
async fn entries_and_their_handles_outlive_the_page_that_saved_them() {
    let name = format!("test-{}", random::client_key());
    let key = ClientKey::new([1; 16]);
    let first = Db::open(&name).await.unwrap();
    let handles = [(key, handle("kept.txt").await)].into();
    let batch = Batch { entries: [(key, entry(1, 5))].into(), handles, ..Batch::default() };
    first.write(&batch).await.unwrap();
    drop(first);
    let second = Db::open(&name).await.unwrap();
    let kept = second.kept().await;
    assert_eq!(kept.entries, [entry(1, 5)]);
    let handle = &kept.handles[&key];
    assert_eq!((handle.name().as_str(), handle.is_folder()), ("kept.txt", false));
    assert!(handle.is_granted().await);
    assert_eq!(handle.file().await.unwrap().size(), 0.0);

    second.write(&Batch { forgotten: [key].into(), ..Batch::default() }).await.unwrap();
    let kept = second.kept().await;
    assert!(kept.entries.is_empty() && kept.handles.is_empty());
}

#[wasm_bindgen_test]
async fn a_handle_that_can_not_be_kept_costs_nothing_else() {
    let db = fresh().await;
    let (good, bad) = (ClientKey::new([1; 16]), ClientKey::new([2; 16]));
    // A function can't be copied into the database.
    let broken = Handle::from_js(js_sys::eval("({ kind: 'file', no: () => 0 })").unwrap()).unwrap();
    let handles = [(good, handle("good.txt").await), (bad, broken)].into();
    let entries = [(good, entry(1, 5)), (bad, entry(2, 6))].into();
    db.write(&Batch { entries, handles, ..Batch::default() }).await.unwrap();
    let kept = db.kept().await;
    assert_eq!(kept.entries.len(), 2);
    assert_eq!(kept.handles.keys().collect::<Vec<_>>(), [&good]);
}

#[wasm_bindgen_test]
async fn files_of_a_folder_come_and_go_with_it() {
    let db = fresh().await;
    let (key, other) = (ClientKey::new([0xff; 16]), ClientKey::new([0xfe; 16]));
    let record = FolderRecord {
        key,
        name: "fotos 山".parse().unwrap(),
        files: 2_000,
        size: 7,
        empty: vec!["fotos 山/leer".parse().unwrap()],
        walked_at: Some(1),
    };
    let file = |index: u32| {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&index.to_le_bytes());
        let entry_key = ClientKey::new(bytes);
        ((key, entry_key), JournalEntry { key: entry_key, ..entry(1, 0) })
    };
    let mut batch = Batch {
        files: (0..2_000).map(file).collect(),
        folders: [(key, record.clone())].into(),
        ..Batch::default()
    };
    batch.files.insert((other, ClientKey::new([1; 16])), entry(1, 0));
    db.write(&batch).await.unwrap();
    assert_eq!(db.kept().await.folders, [(record.clone(), 2_000)]);
    let through = (0..500).map(|index| file(index).0).collect();
    db.write(&Batch { forgotten_files: through, ..Batch::default() }).await.unwrap();
    assert_eq!(db.kept().await.folders, [(record, 1_500)]);
    assert_eq!(db.files_of(key).await.len(), 1_500);
    db.write(&Batch { forgotten: [key].into(), ..Batch::default() }).await.unwrap();
    assert_eq!(db.files_of(key).await, []);
    assert_eq!(db.files_of(other).await.len(), 1);
    assert!(db.kept().await.folders.is_empty());
}

#[wasm_bindgen_test]
async fn two_tabs_agree_on_one_owner_key() {
    let name = format!("test-{}", random::client_key());
    let (one, two) = (Db::open(&name).await.unwrap(), Db::open(&name).await.unwrap());
    assert_eq!(one.owner().await.unwrap(), None);
    let (a, b) = (Bearer::Owner([1; 32]), Bearer::Owner([2; 32]));
    let (kept_by_one, kept_by_two) = join(one.adopt_owner(a), two.adopt_owner(b)).await;
    let kept = kept_by_one.unwrap();
    assert_eq!(kept_by_two.unwrap(), kept);
    assert_eq!(two.owner().await.unwrap(), Some(kept));
}

#[wasm_bindgen_test]
async fn a_stale_owner_key_goes_but_not_its_successor() {
    let db = fresh().await;
    let (stale, fresh) = (Bearer::Owner([1; 32]), Bearer::Owner([2; 32]));
    db.adopt_owner(stale).await.unwrap();
    db.drop_owner(stale).await.unwrap();
    assert_eq!(db.owner().await.unwrap(), None);
    db.adopt_owner(fresh).await.unwrap();
    db.drop_owner(stale).await.unwrap();
    assert_eq!(db.owner().await.unwrap(), Some(fresh));
}
