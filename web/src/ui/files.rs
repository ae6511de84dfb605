//! What this browser's owner sent earlier.

use leptos::prelude::*;

use crate::api::own::Own;
use crate::platform::document;
use crate::state::figures;
use crate::state::language::Language;
use crate::state::library::Library;
use crate::state::words::{Words, fill};
use crate::ui::copy_button::CopyButton;
use crate::ui::delete_button::DeleteButton;
use crate::ui::file_name::FileName;
use crate::ui::row_link::without_scheme;

/// Files that are shown at first, and more with each click.
const SHOWN: usize = 50;

/// The list; absent where there is nothing.
#[component]
pub fn Files() -> impl IntoView {
    let (language, library) = (Language::here(), Library::here());
    let any = Memo::new(move |_| library.files.with(|files| !files.is_empty()));
    let shown = RwSignal::new(SHOWN);
    let some =
        move || library.files.with(|files| files.iter().take(shown.get()).cloned().collect::<Vec<_>>());
    let lead = move || {
        language.with(|words| {
            let size = library.files.with(|files| files.iter().map(|file| file.size).sum());
            format!(
                "{} {}",
                words.files_lead,
                fill(&words.files_total, &[("size", &figures::size(words, size))])
            )
        })
    };
    let hidden = Memo::new(move |_| library.files.with(|files| files.len().saturating_sub(shown.get())));
    let more = move || {
        let n = u32::try_from(hidden.get().min(SHOWN)).unwrap_or(u32::MAX);
        language.with(|words| fill(&words.more_files, &[("n", &figures::count(words, n))]))
    };
    view! {
        <Show when=move || any.get()>
            <section class="files" aria-labelledby="files-title">
                <h2 class="panel-title" id="files-title">{language.word(|words| &words.files_title)}</h2>
                <p class="panel-lead">{lead}</p>
                <ul class="list">
                    <For
                        each=some
                        key=|item| item.id
                        children=move |item| view! { <Item item /> }
                    />
                </ul>
                <Show when=move || hidden.get() != 0>
                    <button
                        type="button"
                        class="button button-quiet"
                        data-testid="more-files"
                        on:click=move |_| shown.update(|shown| *shown += SHOWN)
                    >
                        {more}
                    </button>
                </Show>
            </section>
        </Show>
    }
}

#[component]
fn Item(item: Own) -> impl IntoView {
    let language = Language::here();
    let name = item.name.visible();
    let figures = language.with(|words| figures_of(words, &item));
    let kind = item.files.map(|_| "folder");
    let link = item.url.map(|url| {
        let whole = document::absolute(&url);
        view! {
            <a class="link" href=whole.clone() target="_blank" rel="noopener">{without_scheme(&whole)}</a>
            <CopyButton name=name.clone() text=whole />
        }
    });
    let none = link
        .is_none()
        .then(|| view! { <span class="row-figures">{language.word(|words| &words.no_link)}</span> });
    view! {
        <li class="file" data-testid="file" data-kind=kind data-name=item.name.as_str().to_owned()>
            <FileName name=name.clone() />
            <span class="row-figures">{figures}</span>
            <div class="link-line">{link} {none} <DeleteButton name id=item.id /></div>
        </li>
    }
}

/// `12 files · 4.8 GB`; of a file its size.
fn figures_of(words: &Words, item: &Own) -> String {
    let size = figures::size(words, item.size);
    let Some(files) = item.files else { return size };
    let count = figures::count(words, u32::try_from(files).unwrap_or(u32::MAX));
    format!("{} · {size}", fill(words.files_all.of(files), &[("count", &count)]))
}
