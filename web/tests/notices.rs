//! The tab's title and the live region tell how far everything is, and nothing of what is gone.

#![cfg(target_arch = "wasm32")]
#![expect(clippy::unwrap_used, reason = "a test that can not go on has failed")]

use cairn_engine::{State, Trouble, UploadId, View};
use cairn_web::state::page::Page;
use cairn_web::state::phrases;
use cairn_web::state::words::Words;
use leptos::prelude::*;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

fn view(state: State, stored: u64) -> View {
    View {
        name: "a.txt".parse().unwrap(),
        path: None,
        size: 1_000,
        state,
        read: stored,
        stored,
        reused: 0,
        sent: stored,
        speed: Some(5_000_000),
        left_seconds: Some(80_000),
        changed: false,
        limit: None,
        trouble: None,
        retry_at: None,
        finished: None,
    }
}

fn title() -> String {
    web_sys::window().unwrap().document().unwrap().title().replace('\u{a0}', " ")
}

#[wasm_bindgen_test]
fn the_title_tells_the_share_and_the_end() {
    let owner = Owner::new();
    owner.set();
    let page = Page::new(Words::of("en"));
    let put = |id, view| {
        page.uploads.put(UploadId(id), view);
        page.uploads.sum_up();
    };
    put(1, view(State::Sending, 430));
    assert_eq!(title(), "43 % · Cairn");
    put(2, view(State::Waiting, 0));
    assert_eq!(title(), "21 % · Cairn");
    put(1, view(State::Done, 1_000));
    assert_eq!(title(), "50 % · Cairn");
    put(2, view(State::Done, 1_000));
    assert_eq!(title(), "Done · Cairn");
}

#[wasm_bindgen_test]
fn what_is_cancelled_is_said_to_be_and_leaves_no_share_behind() {
    let owner = Owner::new();
    owner.set();
    let page = Page::new(Words::of("en"));
    page.uploads.put(UploadId(1), view(State::Sending, 430));
    page.uploads.sum_up();
    page.notices.said.set("43 % sent, 0 of 1 file done".to_owned());
    page.uploads.cancel(UploadId(1));
    assert_eq!(page.notices.said.get_untracked(), "a.txt is cancelled.");
    assert_eq!((title().as_str(), page.uploads.count.get_untracked()), ("Cairn", 0));
}

#[wasm_bindgen_test]
fn whoever_is_away_has_no_speed_and_is_named() {
    let words = Words::of("en");
    let away = View { trouble: Some(Trouble::Network), ..view(State::Offline, 430) };
    assert_eq!(phrases::state(&words, &away, true), "Can’t reach the server");
    assert_eq!(phrases::state(&words, &away, false), "Waiting for network");
    assert!(!phrases::progress(&words, &away).contains("MB/s"));
    assert!(phrases::progress(&words, &view(State::Sending, 430)).contains("MB/s"));
    let owner = Owner::new();
    owner.set();
    let page = Page::new(words);
    page.uploads.put(UploadId(1), away);
    page.uploads.sum_up();
    assert_eq!(page.uploads.totals.get_untracked().left_seconds(), None);
}
