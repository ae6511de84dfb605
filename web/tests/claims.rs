//! One tab owns a session: claims over Web Locks, and by signs of life, in a real browser.

#![cfg(target_arch = "wasm32")]
#![expect(clippy::unwrap_used, reason = "a test that can not go on has failed")]

use cairn_web::platform::clock::{sleep, unix_now};
use cairn_web::platform::idb::Db;
use cairn_web::platform::locks::{Claim, Claims};
use cairn_web::platform::random::client_key;
use futures_util::future::join;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
async fn a_session_has_one_owner_until_it_is_given_back() {
    let (one, two) = (Claims::new(None), Claims::new(None));
    let key = client_key();
    assert_eq!(one.claim(key).await, Claim::Fresh);
    assert_eq!(one.claim(key).await, Claim::Ours);
    assert_eq!(two.claim(key).await, Claim::Elsewhere);
    assert!(two.held_elsewhere().await.contains(&key));
    assert!(!one.held_elsewhere().await.contains(&key));
    one.release(key);
    sleep(50).await;
    assert_eq!(two.claim(key).await, Claim::Fresh);
}

#[wasm_bindgen_test]
async fn a_fresh_key_is_claimed_without_waiting() {
    let (one, two) = (Claims::new(None), Claims::new(None));
    let (key, dropped) = (client_key(), client_key());
    one.claim_fresh(key);
    one.claim_fresh(dropped);
    one.release(dropped);
    sleep(50).await;
    assert_eq!(two.claim(key).await, Claim::Elsewhere);
    assert_eq!(two.claim(dropped).await, Claim::Fresh);
}

#[wasm_bindgen_test]
async fn who_waits_has_it_as_soon_as_it_is_given_back() {
    let (one, two) = (Claims::new(None), Claims::new(None));
    let key = client_key();
    assert_eq!(one.claim(key).await, Claim::Fresh);
    let give_back = async {
        sleep(100).await;
        assert_eq!(two.claim(key).await, Claim::Elsewhere);
        one.release(key);
    };
    join(two.wait(key), give_back).await;
    assert_eq!(one.claim(key).await, Claim::Elsewhere);
}

#[wasm_bindgen_test]
async fn tabs_without_web_locks_know_each_other() {
    let name = format!("test-{}", client_key());
    let db = Db::open(&name).await;
    let (one, two) = (Claims::by_signs(db.clone()), Claims::by_signs(db));
    let key = client_key();
    assert_eq!(one.claim(key).await, Claim::Fresh);
    assert_eq!(two.claim(key).await, Claim::Elsewhere);
    one.release(key);
    sleep(50).await;
    assert_eq!(two.claim(key).await, Claim::Fresh);
}

/// Whoever waits in the tab that has it goes on when it is given back, and not before.
#[wasm_bindgen_test]
async fn a_session_has_one_owner_within_a_tab_too() {
    for claims in [Claims::new(None), Claims::by_signs(None)] {
        let key = client_key();
        let (first, second) = join(claims.claim(key), claims.claim(key)).await;
        assert_eq!((first, second), (Claim::Fresh, Claim::Ours));
        let given_back = std::cell::Cell::new(false);
        let give_back = async {
            sleep(300).await;
            given_back.set(true);
            claims.release(key);
        };
        let waits = async {
            claims.wait(key).await;
            assert!(given_back.get());
        };
        join(waits, give_back).await;
        assert_eq!(claims.claim(key).await, Claim::Ours);
    }
}

#[wasm_bindgen_test]
async fn the_heartbeat_speaks_for_a_tab_that_does_not_answer() {
    let name = format!("test-{}", client_key());
    let db = Db::open(&name).await.unwrap();
    let (frozen, gone) = (client_key(), client_key());
    let (its, theirs) = (client_key(), client_key());
    db.beat(frozen, unix_now() - 60_000, vec![its]).await.unwrap();
    db.beat(gone, unix_now() - 600_000, vec![theirs]).await.unwrap();
    let claims = Claims::by_signs(Some(db));
    assert_eq!(claims.claim(its).await, Claim::Elsewhere);
    assert_eq!(claims.claim(theirs).await, Claim::Fresh);
}
