//! The journal and the owner key in a real browser's IndexedDB.

#![cfg(target_arch = "wasm32")]
#![expect(clippy::unwrap_used, reason = "a test that can not go on has failed")]

use cairn_engine::JournalEntry;
use cairn_engine::journal::SessionHandle;
use cairn_shared::{Bearer, ClientKey, SessionId};
use cairn_web::platform::idb::Db;
use cairn_web::platform::random;
use futures_util::future::join;
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
        size: 1 << 40,
        mtime: Some(1_700_000_000_123),
        media_type: Some("text/plain".parse().unwrap()),
        start_size: 7,
        start_mtime: None,
        session: Some(SessionHandle { id: SessionId::new([9; 16]), key: Bearer::Session([3; 32]) }),
        stored,
    }
}

#[wasm_bindgen_test]
async fn keeps_replaces_and_forgets_entries() {
    let db = fresh().await;
    assert_eq!(db.entries().await, []);
    db.save(&entry(1, 10)).await.unwrap();
    db.save(&entry(2, 20)).await.unwrap();
    db.save(&entry(1, 11)).await.unwrap();
    let mut entries = db.entries().await;
    entries.sort_by_key(|entry| entry.key);
    assert_eq!(entries, [entry(1, 11), entry(2, 20)]);
    db.forget(ClientKey::new([1; 16])).await.unwrap();
    db.forget(ClientKey::new([1; 16])).await.unwrap();
    assert_eq!(db.entries().await, [entry(2, 20)]);
}

#[wasm_bindgen_test]
async fn entries_outlive_the_page_that_saved_them() {
    let name = format!("test-{}", random::client_key());
    let first = Db::open(&name).await.unwrap();
    first.save(&entry(1, 5)).await.unwrap();
    drop(first);
    let second = Db::open(&name).await.unwrap();
    assert_eq!(second.entries().await, [entry(1, 5)]);
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
