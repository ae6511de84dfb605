//! A row shows its state, its progress and what can be done, in a real document.

#![cfg(target_arch = "wasm32")]
#![expect(clippy::unwrap_used, reason = "a test that can not go on has failed")]

use cairn_engine::{State, Trouble, UploadId, View};
use cairn_shared::message::FinishResponse;
use cairn_shared::{FileId, ManifestDigest, ProblemCode};
use cairn_web::platform::clock::sleep;
use cairn_web::state::page::Page;
use cairn_web::state::rows::Row;
use cairn_web::state::words::Words;
use cairn_web::ui::row::{RowView, RowViewProps};
use leptos::mount::mount_to;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::{Element, HtmlElement};

wasm_bindgen_test_configure!(run_in_browser);

fn view(state: State) -> View {
    View {
        name: "a\u{202e}b.txt".parse().unwrap(),
        path: Some("holiday/spain".parse().unwrap()),
        size: 4_800_000_000,
        state,
        read: 3_600_000_000,
        stored: 1_200_000_000,
        reused: 480_000_000,
        sent: 720_000_000,
        speed: Some(34_000_000),
        left_seconds: Some(120),
        changed: false,
        limit: None,
        trouble: None,
        retry_at: None,
        finished: None,
    }
}

/// A row in the document.
struct Shown {
    parent: HtmlElement,
    view: ArcRwSignal<View>,
}

impl Shown {
    fn new(first: View) -> Self {
        let document = web_sys::window().unwrap().document().unwrap();
        let parent: HtmlElement = document.create_element("ul").unwrap().dyn_into().unwrap();
        document.body().unwrap().append_child(&parent).unwrap();
        let view = ArcRwSignal::new(first);
        let row = Row { id: UploadId(1), view: view.clone() };
        mount_to(parent.clone(), move || {
            Page::new(Words::of("en")).provide();
            RowView(RowViewProps { row })
        })
        .forget();
        Self { parent, view }
    }

    async fn set(&self, view: View) {
        self.view.set(view);
        sleep(20).await;
    }

    fn find(&self, testid: &str) -> Option<Element> {
        self.parent.query_selector(&format!("[data-testid={testid}]")).unwrap()
    }

    fn attribute(&self, testid: &str, name: &str) -> Option<String> {
        self.find(testid)?.get_attribute(name)
    }

    fn text(&self) -> String {
        self.parent.text_content().unwrap_or_default()
    }
}

#[wasm_bindgen_test]
async fn each_state_has_its_word_and_its_buttons() {
    let shown = Shown::new(view(State::Waiting));
    let cases = [
        (State::Waiting, "Waiting", Some("row-pause")),
        (State::Reading, "Reading", Some("row-pause")),
        (State::Sending, "Sending", Some("row-pause")),
        (State::Verifying, "Verifying", Some("row-pause")),
        (State::Offline, "Can’t reach the server", Some("row-pause")),
        (State::Paused, "Paused", Some("row-resume")),
        (State::Failed, "Failed", Some("row-resume")),
        (State::NeedsFile, "Choose the file again", Some("row-choose")),
        (State::Done, "Done", None),
    ];
    for (state, word, button) in cases {
        shown.set(view(state)).await;
        assert_eq!(shown.attribute("row", "data-state").as_deref(), Some(state.as_str()));
        assert!(shown.text().contains(word), "{state:?}: {}", shown.text());
        for known in ["row-pause", "row-resume", "row-choose"] {
            assert_eq!(shown.find(known).is_some(), button == Some(known), "{state:?}: {known}");
        }
        assert_eq!(shown.find("row-cancel").is_some(), state != State::Done, "{state:?}");
        let nameless = shown.parent.query_selector("button:not([aria-label])").unwrap();
        assert!(nameless.is_none(), "{state:?}: every button says what it is for");
    }
}

#[wasm_bindgen_test]
async fn progress_is_there_for_eyes_and_for_screen_readers() {
    let shown = Shown::new(view(State::Sending));
    assert_eq!(shown.attribute("row", "data-name").as_deref(), Some("a\u{202e}b.txt"));
    assert_eq!(shown.attribute("row", "data-stored").as_deref(), Some("1200000000"));
    assert_eq!(shown.attribute("row", "data-sent").as_deref(), Some("720000000"));
    assert_eq!(shown.attribute("row-progress", "role").as_deref(), Some("progressbar"));
    assert_eq!(shown.attribute("row-progress", "aria-valuenow").as_deref(), Some("25"));
    let text = shown.text().replace('\u{a0}', " ");
    for part in [
        "a\\u{202E}b.txt",
        "holiday/spain",
        "1.2 of 4.8 GB",
        "34 MB/s",
        "about 2 min",
        "480 MB not sent twice",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let widths: Vec<String> = ["bar-read", "bar-stored", "bar-reused"]
        .iter()
        .map(|class| shown.parent.query_selector(&format!(".{class}")).unwrap().unwrap())
        .map(|bar| bar.unchecked_into::<HtmlElement>().style().get_property_value("width").unwrap())
        .collect();
    assert_eq!(widths, ["75%", "25%", "10%"]);

    shown.set(View { stored: 4_800_000_000, changed: true, ..view(State::Verifying) }).await;
    assert_eq!(shown.attribute("row-progress", "aria-valuenow").as_deref(), Some("100"));
    assert!(shown.text().contains("Changed since: 10\u{a0}% reused"), "{}", shown.text());
}

#[wasm_bindgen_test]
async fn a_failure_says_why() {
    let many = Trouble::Problem(ProblemCode::RowsTooMany);
    let shown = Shown::new(View { trouble: Some(many), ..view(State::Failed) });
    assert!(shown.text().contains("The session has too many rows. (rows_too_many)"), "{}", shown.text());
}

#[wasm_bindgen_test]
async fn a_full_server_is_said_to_be_full() {
    let full = Trouble::Full { needed: Some(1_200_000_000), free: Some(300_000_000) };
    let shown = Shown::new(View { trouble: Some(full), ..view(State::Offline) });
    let text = shown.text().replace('\u{a0}', " ");
    for part in ["Waiting for space", "disk is full: this needs 1.2 GB, and 300 MB are free"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    shown
        .set(View { trouble: Some(Trouble::Full { needed: None, free: None }), ..view(State::Offline) })
        .await;
    assert!(shown.text().contains("disk is full. It goes on by itself"), "{}", shown.text());
}

#[wasm_bindgen_test]
async fn a_finished_row_offers_its_link() {
    let shown = Shown::new(view(State::Verifying));
    assert!(shown.find("row-link").is_none());
    let finished = FinishResponse {
        file: FileId::new([1; 16]),
        manifest_digest: ManifestDigest::new([2; 32]),
        blob: None,
        url: Some("/d/token".to_owned()),
    };
    let done = View { finished: Some(finished), stored: 4_800_000_000, ..view(State::Done) };
    shown.set(done.clone()).await;
    // The whole address: below a path, the browser would resolve a root-relative one wrongly.
    let link = shown.attribute("row-link", "href").unwrap();
    assert!(link.starts_with("http") && link.ends_with("/d/token"), "{link}");
    assert!(shown.find("row-copy").is_some() && shown.find("row-delete").is_some());
    shown.set(View { sent: 0, reused: 4_800_000_000, ..done }).await;
    assert!(shown.text().contains("Already on the server"), "{}", shown.text());
}

#[wasm_bindgen_test]
async fn a_label_has_in_it_what_is_to_be_seen() {
    let finished = FinishResponse {
        file: FileId::new([1; 16]),
        manifest_digest: ManifestDigest::new([2; 32]),
        blob: None,
        url: Some("/d/token".to_owned()),
    };
    for state in [State::NeedsFile, State::Done] {
        let finished = (state == State::Done).then(|| finished.clone());
        let shown = Shown::new(View { finished, ..view(state) });
        sleep(20).await;
        let mut told = 0;
        for selector in ["row-choose", "row-link", "row-copy", "row-delete"] {
            let Some(element) = shown.find(selector) else { continue };
            let text = element.text_content().unwrap().to_lowercase();
            let label = element.get_attribute("aria-label").unwrap().to_lowercase();
            assert!(label.contains(text.trim()), "{label}: {text}");
            told += 1;
        }
        assert_eq!(told, if state == State::Done { 3 } else { 1 });
    }
}

#[wasm_bindgen_test]
async fn a_long_name_keeps_its_ending_and_is_read_as_a_whole() {
    let name = "Crossing the plateau, full length, with subtitles, second half.mkv";
    let shown = Shown::new(View { name: name.parse().unwrap(), ..view(State::Sending) });
    let tail = shown.parent.query_selector(".name-tail").unwrap().unwrap();
    assert_eq!(tail.text_content().as_deref(), Some("half.mkv"));
    assert_eq!(tail.get_attribute("aria-hidden").as_deref(), Some("true"));
    let whole = shown.parent.query_selector(".row-name .visually-hidden").unwrap().unwrap();
    assert_eq!(whole.text_content().as_deref(), Some(name));
}
