//! One file: what it is, how far it is, and what can be done about it.

use cairn_engine::{State, View};
use leptos::prelude::*;

use crate::platform::clock;
use crate::state::page::{Page, Row};
use crate::state::{figures, phrases};
use crate::ui::row_actions::RowActions;
use crate::ui::row_link::RowLink;

/// One row.
#[component]
pub fn RowView(page: Page, row: Row) -> impl IntoView {
    let view = row.view.clone();
    let (name, raw_name, path, stone) = view.with_untracked(|view| {
        let path = view.path.as_ref().map(|path| cairn_shared::name::visible(path.as_str()));
        (view.name.visible(), view.name.as_str().to_owned(), path, kind(view.name.as_str()))
    });
    let look = {
        let view = view.clone();
        move |pick: fn(&View) -> String| {
            let view = view.clone();
            move || view.with(pick)
        }
    };
    let phrase = {
        let view = view.clone();
        move || page.words.with_value(|words| view.with(|view| phrases::state(words, view).to_owned()))
    };
    let progress = {
        let view = view.clone();
        move || page.words.with_value(|words| view.with(|view| phrases::progress(words, view)))
    };
    let hint = {
        let view = view.clone();
        move || page.words.with_value(|words| view.with(|view| phrases::hint(words, view, clock::now())))
    };
    view! {
        <li
            class="row"
            data-testid="row"
            data-name=raw_name
            data-state=look(|view| view.state.as_str().to_owned())
            data-stored=look(|view| view.stored.to_string())
            data-sent=look(|view| view.sent.to_string())
        >
            <span class="stone" aria-hidden="true">{stone}</span>
            <div class="row-main">
                <div class="row-head">
                    <span class="row-name" title=name.clone()>{name.clone()}</span>
                    {path.map(|path| view! { <span class="row-path">{path}</span> })}
                    <span class="row-state">{phrase}</span>
                </div>
                <Bar page name=name.clone() view=view.clone() />
                <p class="row-figures">
                    <span>{progress}</span>
                    {move || hint().map(|hint| view! { <span class="row-hint">{hint}</span> })}
                </p>
                <RowLink page name=name.clone() view=view.clone() />
            </div>
            <RowActions page name id=row.id view />
        </li>
    }
}

/// Light for read, solid for stored, hatched for what had not to be sent.
#[component]
fn Bar(page: Page, name: String, view: ArcRwSignal<View>) -> impl IntoView {
    let share = |pick: fn(&View) -> u64| {
        let view = view.clone();
        move || view.with(|view| figures::width(pick(view), view.size))
    };
    let (read, stored, reused) =
        (share(|view| view.read), share(|view| view.stored), share(|view| view.reused));
    let percent = move || view.with(percent);
    let percent_text = percent.clone();
    view! {
        <div
            class="bar"
            role="progressbar"
            data-testid="row-progress"
            aria-label=page.named(|words| &words.progress_label, &name)
            aria-valuemin="0"
            aria-valuemax="100"
            aria-valuenow=move || percent().to_string()
            aria-valuetext=move || figures::percent_text(percent_text())
        >
            <span class="bar-read" style:width=read></span>
            <span class="bar-stored" style:width=stored></span>
            <span class="bar-reused" style:width=reused></span>
        </div>
    }
}

/// An empty file has arrived when it is published, not before.
fn percent(view: &View) -> u64 {
    if view.size == 0 && view.state != State::Done { 0 } else { figures::percent(view.stored, view.size) }
}

/// What kind of file it is, in up to four letters of its name's ending.
fn kind(name: &str) -> String {
    let ending = name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).map(|(_, ending)| ending);
    let short = ending.filter(|ending| (1..=4).contains(&ending.chars().count()));
    short.filter(|ending| ending.chars().all(char::is_alphanumeric)).unwrap_or_default().to_uppercase()
}
