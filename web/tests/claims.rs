//! One tab owns a session: claims over Web Locks in a real browser.

#![cfg(target_arch = "wasm32")]

use cairn_web::platform::clock::sleep;
use cairn_web::platform::locks::Claims;
use cairn_web::platform::random::client_key;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
async fn a_session_has_one_owner_until_it_is_given_back() {
    let (one, two) = (Claims::new(), Claims::new());
    let key = client_key();
    assert!(one.claim(key).await);
    assert!(one.claim(key).await);
    assert!(!two.claim(key).await);
    assert!(two.held_elsewhere().await.contains(&key));
    assert!(!one.held_elsewhere().await.contains(&key));
    one.release(key);
    sleep(50).await;
    assert!(two.claim(key).await);
}

#[wasm_bindgen_test]
async fn a_fresh_key_is_claimed_without_waiting() {
    let (one, two) = (Claims::new(), Claims::new());
    let (key, dropped) = (client_key(), client_key());
    one.claim_fresh(key);
    one.claim_fresh(dropped);
    one.release(dropped);
    sleep(50).await;
    assert!(!two.claim(key).await);
    assert!(two.claim(dropped).await);
}
