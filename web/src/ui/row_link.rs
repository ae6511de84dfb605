//! What a finished row offers: its link, a copy of it, and, of a file, its end.

use cairn_engine::View;
use leptos::prelude::*;

use crate::api::own::OwnId;
use crate::platform::document;
use crate::state::language::Language;
use crate::state::words::fill;
use crate::ui::copy_button::CopyButton;
use crate::ui::delete_button::DeleteButton;

/// Appears once the file is published.
#[component]
pub fn RowLink(name: String, view: ArcRwSignal<View>) -> impl IntoView {
    let finished = Memo::new(move |_| view.with(|view| view.finished.clone()));
    move || {
        let finished = finished.get()?;
        let name = name.clone();
        let link = finished.url.map(|url| view! { <Link name=name.clone() url /> });
        Some(view! {
            <div class="link-line">
                {link} <DeleteButton name id=OwnId::File(finished.file) />
            </div>
        })
    }
}

/// The one link of a folder.
#[component]
pub fn FolderLink(name: String, url: String) -> impl IntoView {
    view! {
        <div class="link-line">
            <Link name url />
        </div>
    }
}

/// A link, and a copy of it.
#[component]
fn Link(name: String, url: String) -> impl IntoView {
    let language = Language::here();
    let whole = document::absolute(&url);
    // Who speaks to the page says what is to be seen: a label has that in it.
    let seen = without_scheme(&whole);
    let label = language.with(|words| fill(&words.link_label, &[("link", &seen), ("name", &name)]));
    view! {
        <a
            class="link"
            data-testid="row-link"
            href=whole.clone()
            target="_blank"
            rel="noopener"
            aria-label=label
        >
            {seen}
        </a>
        <CopyButton name text=whole.clone() />
    }
}

/// An address as people read it.
pub fn without_scheme(address: &str) -> String {
    address.split_once("://").map_or(address, |(_, rest)| rest).to_owned()
}
