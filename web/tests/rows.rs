//! A list of many rows has those in the document that are in sight, and what goes on and what is new stands first.

#![cfg(target_arch = "wasm32")]
#![expect(clippy::unwrap_used, reason = "a test that can not go on has failed")]

use cairn_engine::{State, UploadId, View};
use cairn_web::platform::clock::sleep;
use cairn_web::state::page::Page;
use cairn_web::state::uploads::Uploads;
use cairn_web::state::words::Words;
use cairn_web::ui::row_list::RowList;
use leptos::mount::mount_to;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::{Element, HtmlElement};

wasm_bindgen_test_configure!(run_in_browser);

const MANY: u32 = 20_000;
/// What fills a window three times over, and some.
const SHOWN_MAX: usize = 150;

fn view(id: u32, state: State) -> View {
    View::of(format!("{id}.txt").parse().unwrap(), 1_000, state)
}

/// A list in the document; it goes when this does, so that no other test finds its rows.
struct List {
    parent: HtmlElement,
    uploads: Uploads,
    mounted: Option<Box<dyn FnOnce()>>,
}

impl List {
    fn new() -> Self {
        let document = web_sys::window().unwrap().document().unwrap();
        let parent: HtmlElement = document.create_element("main").unwrap().dyn_into().unwrap();
        document.body().unwrap().append_child(&parent).unwrap();
        // Without styles, rows are as high as their text: this is what a row of the page takes.
        let style = document.create_element("style").unwrap();
        style.set_text_content(Some(".row { height: 100px; overflow: hidden } ul { margin: 0; padding: 0 }"));
        parent.append_child(&style).unwrap();
        let page = Page::new(Words::of("en"));
        let handle = mount_to(parent.clone(), move || {
            page.provide();
            view! { <RowList /> }
        });
        Self { parent, uploads: page.uploads, mounted: Some(Box::new(move || drop(handle))) }
    }

    async fn put(&self, ids: impl IntoIterator<Item = u32>, state: State) {
        ids.into_iter().for_each(|id| self.uploads.put(UploadId(id), view(id, state)));
        self.uploads.sum_up();
        sleep(150).await;
    }

    fn rows(&self) -> Vec<Element> {
        let first = self.parent.query_selector("[data-testid=row]").unwrap();
        let all = std::iter::successors(first, Element::next_element_sibling);
        all.filter(|element| element.has_attribute("data-name")).collect()
    }

    fn names(&self) -> Vec<String> {
        self.rows().iter().map(|row| row.get_attribute("data-name").unwrap()).collect()
    }
}

impl Drop for List {
    fn drop(&mut self) {
        self.mounted.take().into_iter().for_each(|end| end());
        self.parent.remove();
        web_sys::window().unwrap().scroll_to_with_x_and_y(0.0, 0.0);
    }
}

#[wasm_bindgen_test]
async fn of_twenty_thousand_rows_those_in_sight_are_in_the_document() {
    let list = List::new();
    list.put(1..=MANY, State::Waiting).await;
    let rows = list.rows();
    assert!((20..=SHOWN_MAX).contains(&rows.len()), "{} rows", rows.len());
    assert_eq!(list.names()[0], "20000.txt");
    let count = list.parent.query_selector("[data-testid=rows]").unwrap().unwrap();
    assert_eq!(count.get_attribute("data-count").as_deref(), Some("20000"));

    let window = web_sys::window().unwrap();
    let height = window.inner_height().unwrap().as_f64().unwrap();
    for part in [0.5, 1.0, 0.25, 0.0] {
        let whole = window.document().unwrap().document_element().unwrap().scroll_height();
        assert!(whole > 20_000 * 90, "there is room for all: {whole}");
        window.scroll_to_with_x_and_y(0.0, f64::from(whole) * part);
        sleep(250).await;
        let shown = list.rows();
        assert!(shown.len() <= SHOWN_MAX, "{} rows at {part}", shown.len());
        let seen = shown.iter().map(Element::get_bounding_client_rect);
        let seen = seen.filter(|place| place.bottom() > 0.0 && place.top() < height).count();
        assert!(seen as f64 >= (height / 100.0 - 1.0).floor(), "{seen} rows in sight at {part}");
    }
}

#[wasm_bindgen_test]
async fn what_goes_on_and_what_is_new_is_at_the_top() {
    let list = List::new();
    list.put(1..=5, State::Done).await;
    list.put([6], State::Waiting).await;
    assert_eq!(list.names(), ["6.txt", "5.txt", "4.txt", "3.txt", "2.txt", "1.txt"]);
    list.put([7], State::Waiting).await;
    list.put([6], State::Sending).await;
    assert_eq!(list.names()[..3], ["6.txt", "7.txt", "5.txt"]);
    list.put([6], State::Done).await;
    assert_eq!(list.names()[..3], ["7.txt", "6.txt", "5.txt"]);
}

#[wasm_bindgen_test]
async fn a_row_that_moves_keeps_the_focus() {
    let list = List::new();
    list.put(1..=3, State::Waiting).await;
    let pause = || {
        let row = list.rows().into_iter().find(|row| row.get_attribute("data-name").unwrap() == "1.txt");
        let button = row.unwrap().query_selector("[data-testid=row-pause]").unwrap().unwrap();
        button.dyn_into::<HtmlElement>().unwrap()
    };
    pause().focus().unwrap();
    list.put([1], State::Sending).await;
    assert_eq!(list.names(), ["1.txt", "3.txt", "2.txt"]);
    let active = web_sys::window().unwrap().document().unwrap().active_element().unwrap();
    assert!(active.is_same_node(Some(&pause())), "{}", active.outer_html());
}
