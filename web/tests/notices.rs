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
        read: stored,
        stored,
        sent: stored,
        speed: Some(5_000_000),
        left_seconds: Some(80_000),
        ..View::of("a.txt".parse().unwrap(), 1_000, state)
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

#[wasm_bindgen_test]
fn what_can_not_be_read_is_counted_and_named() {
    let owner = Owner::new();
    owner.set();
    let page = Page::new(Words::of("en"));
    let told = |names: &[&str]| {
        page.notices.unread(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(page.notices.notice.get_untracked(), Some(page.notices.said.get_untracked()));
        page.notices.said.get_untracked()
    };
    assert_eq!(told(&["a.txt"]), "“a.txt” can’t be read, and is not sent. Choose it again.");
    let many = told(&["1", "2", "3", "4", "5", "six", "seven"]);
    assert!(many.starts_with("7 files can’t be read") && many.contains(": 1, 2, 3, 4, 5, …."), "{many}");
}
