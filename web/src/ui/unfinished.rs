//! What earlier visits left: which files to choose again.

use cairn_engine::JournalEntry;
use leptos::prelude::*;

use crate::state::figures;
use crate::state::page::Page;
use crate::state::words::{Words, fill};

/// The panel; absent where nothing is unfinished.
#[component]
pub fn Unfinished(page: Page) -> impl IntoView {
    let any = Memo::new(move |_| page.unfinished.with(|entries| !entries.is_empty()));
    view! {
        <Show when=move || any.get()>
            <section class="panel" data-testid="unfinished" aria-labelledby="unfinished-title">
                <h2 class="panel-title" id="unfinished-title">{page.word(|words| &words.unfinished_title)}</h2>
                <p class="panel-lead">{page.word(|words| &words.unfinished_lead)}</p>
                <ul class="list">
                    <For
                        each=move || page.unfinished.get()
                        key=|entry| (entry.key, entry.stored)
                        children=move |entry| view! { <Entry page entry /> }
                    />
                </ul>
            </section>
        </Show>
    }
}

#[component]
fn Entry(page: Page, entry: JournalEntry) -> impl IntoView {
    let name = entry.name.visible();
    let path = entry.path.as_ref().map(|path| cairn_shared::name::visible(path.as_str()));
    let stored = page.words.with_value(|words| stored(words, &entry));
    let continue_label = page.named(|words| &words.go_on_label, &name);
    let discard_label = page.named(|words| &words.discard_label, &name);
    let wanted = entry.name.as_str().to_owned();
    let (data_name, title) = (wanted.clone(), name.clone());
    view! {
        <li class="entry" data-name=data_name>
            <div class="entry-main">
                <span class="row-name" title=title>{name}</span>
                {path.map(|path| view! { <span class="row-path">{path}</span> })}
                <span class="row-figures">{stored}</span>
            </div>
            <button
                type="button"
                class="button button-soft"
                data-testid="continue"
                aria-label=continue_label
                on:click=move |_| page.choose_again(wanted.clone())
            >
                {page.word(|words| &words.go_on)}
            </button>
            <button
                type="button"
                class="button button-quiet"
                data-testid="discard"
                aria-label=discard_label
                on:click=move |_| page.discard(entry.clone())
            >
                {page.word(|words| &words.discard)}
            </button>
        </li>
    }
}

fn stored(words: &Words, entry: &JournalEntry) -> String {
    if entry.stored == 0 {
        return fill(&words.unfinished_none, &[("size", &figures::size(words, entry.size))]);
    }
    fill(&words.unfinished_stored, &[("part", &figures::part(words, entry.stored, entry.size))])
}
