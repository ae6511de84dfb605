//! What earlier visits left: one click and it goes on, or the name of what to choose again.

use leptos::prelude::*;

use crate::shell::{Left, Unfinished as Item};
use crate::state::choosing::Choosing;
use crate::state::figures;
use crate::state::focus::UNFINISHED_PANEL;
use crate::state::identity::Identity;
use crate::state::language::Language;
use crate::state::uploads::Uploads;
use crate::state::words::{Words, fill};
use crate::ui::file_name::FileName;
use crate::ui::icon::Sign;
use crate::ui::icon_button::IconButton;

/// The panel; absent where nothing is unfinished.
#[component]
pub fn Unfinished() -> impl IntoView {
    let (language, uploads, choosing) = (Language::here(), Uploads::here(), Choosing::here());
    let any = Memo::new(move |_| uploads.unfinished.with(|all| !all.is_empty()));
    let several = Memo::new(move |_| choosing.continuable().len() > 1);
    view! {
        <Show when=move || any.get()>
            <section class="panel" id=UNFINISHED_PANEL data-testid="unfinished" aria-labelledby="unfinished-title">
                <div class="panel-head">
                    <h2 class="panel-title" id="unfinished-title">{language.word(|words| &words.unfinished_title)}</h2>
                    <Show when=move || several.get()>
                        <button
                            type="button"
                            class="button button-main"
                            data-testid="continue-all"
                            on:click=move |_| choosing.go_on_all()
                        >
                            {language.word(|words| &words.go_on_all)}
                        </button>
                    </Show>
                </div>
                <p class="panel-lead">{language.word(|words| &words.unfinished_lead)}</p>
                <ul class="list">
                    <For
                        each=move || uploads.unfinished.get()
                        key=|item| (item.key, item.left.clone(), item.has_handle, item.lost, item.elsewhere)
                        children=move |item| view! { <Entry item /> }
                    />
                </ul>
            </section>
        </Show>
    }
}

#[component]
fn Entry(item: Item) -> impl IntoView {
    let language = Language::here();
    let name = item.name.visible();
    let path = item.path.as_ref().map(|path| cairn_shared::name::visible(path.as_str()));
    let figures = language.with(|words| how_far(words, &item.left));
    let note = language.with(|words| note(words, &item));
    let actions = (!item.elsewhere).then(|| view! { <Actions item=item.clone() /> });
    view! {
        <li
            class="entry"
            data-name=item.name.as_str().to_owned()
            data-elsewhere=item.elsewhere.to_string()
            data-lost=item.lost.to_string()
        >
            <div class="entry-main">
                <FileName name=name.clone() />
                {path.map(|path| view! { <span class="row-path">{path}</span> })}
                <span class="row-figures">
                    <span>{figures}</span> {note.map(|note| view! { <span class="row-hint">{note}</span> })}
                </span>
            </div>
            {actions}
        </li>
    }
}

#[component]
fn Actions(item: Item) -> impl IntoView {
    let (language, uploads, identity, choosing) =
        (Language::here(), Uploads::here(), Identity::here(), Choosing::here());
    let name = item.name.visible();
    let by_click = item.has_handle && !item.lost;
    let continue_label =
        language.named(|words| if by_click { &words.go_on_label } else { &words.choose_again_label }, &name);
    let discard_label = language.named(|words| &words.discard_label, &name);
    let (discarded, handed) = (item.clone(), item.clone());
    let hand_over = item.can_hand_over.then(|| {
        let label = language.named(|words| &words.hand_over_label, &name);
        view! {
            <IconButton
                testid="hand-over-left"
                label
                sign=Sign::HandOver
                press=move || identity.hand_over_left(&handed)
            />
        }
    });
    view! {
        <button
            type="button"
            class="button button-soft"
            data-testid="continue"
            aria-label=continue_label
            on:click=move |_| choosing.go_on(&item)
        >
            {language.word(|words| if by_click { &words.go_on } else { &words.unfinished_again })}
        </button>
        {hand_over}
        <button
            type="button"
            class="button button-quiet"
            data-testid="discard"
            aria-label=discard_label
            on:click=move |_| uploads.discard(&discarded)
        >
            {language.word(|words| &words.discard)}
        </button>
    }
}

fn how_far(words: &Words, left: &Left) -> String {
    match *left {
        Left::File { stored: 0, size } => {
            fill(&words.unfinished_none, &[("size", &figures::size(words, size))])
        }
        Left::File { stored, size } => {
            fill(&words.unfinished_stored, &[("part", &figures::part(words, stored, size))])
        }
        Left::Folder { files: 0, left } => {
            fill(words.unfinished_walk.of(left.into()), &[("count", &figures::count(words, left))])
        }
        Left::Folder { files, left } => {
            let text = words.unfinished_folder.of(files.into());
            let (left, count) = (figures::count(words, left), figures::count(words, files));
            fill(text, &[("left", &left), ("count", &count)])
        }
    }
}

fn note(words: &Words, item: &Item) -> Option<String> {
    if item.elsewhere {
        Some(words.elsewhere.clone())
    } else {
        item.lost.then(|| words.unfinished_lost.clone())
    }
}
