//! One file: what it is, how far it is, and what can be done about it.

use cairn_engine::View;
use leptos::prelude::*;

use crate::platform::clock;
use crate::state::focus::row_id;
use crate::state::language::Language;
use crate::state::phrases;
use crate::state::rows::Row;
use crate::state::uploads::Uploads;
use crate::ui::bar::{Bar, Shares};
use crate::ui::file_name::FileName;
use crate::ui::row_actions::RowActions;
use crate::ui::row_link::RowLink;

/// One row.
#[component]
pub fn RowView(row: Row) -> impl IntoView {
    let (language, uploads) = (Language::here(), Uploads::here());
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
        move || {
            language
                .with(|words| view.with(|view| phrases::state(words, view, uploads.network.get()).to_owned()))
        }
    };
    let progress = {
        let view = view.clone();
        move || language.with(|words| view.with(|view| phrases::progress(words, view)))
    };
    let hint = {
        let view = view.clone();
        move || {
            uploads.second.track();
            language.with(|words| view.with(|view| phrases::hint(words, view, clock::now())))
        }
    };
    let shares = {
        let view = view.clone();
        Signal::derive(move || view.with(Shares::of_file))
    };
    let elsewhere = move || uploads.elsewhere.with(|rows| rows.contains(&row.id));
    view! {
        <li
            class="row"
            id=row_id(row.id)
            data-testid="row"
            data-name=raw_name
            data-state=look(|view| view.state.as_str().to_owned())
            data-stored=look(|view| view.stored.to_string())
            data-sent=look(|view| view.sent.to_string())
        >
            <span class="stone" aria-hidden="true">{stone}</span>
            <div class="row-main">
                <div class="row-head">
                    <FileName name=name.clone() />
                    {path.map(|path| view! { <span class="row-path">{path}</span> })}
                    <span class="row-state">{phrase}</span>
                </div>
                <Bar name=name.clone() shares />
                <p class="row-figures">
                    <span>{progress}</span>
                    {move || elsewhere().then(|| {
                        view! { <span class="row-hint">{language.word(|words| &words.elsewhere_row)}</span> }
                    })}
                    {move || hint().map(|hint| view! { <span class="row-hint">{hint}</span> })}
                </p>
                <RowLink name=name.clone() view=view.clone() />
            </div>
            <RowActions name id=row.id view />
        </li>
    }
}

/// What kind of file it is, in up to four letters of its name's ending.
fn kind(name: &str) -> String {
    let ending = name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).map(|(_, ending)| ending);
    let short = ending.filter(|ending| (1..=4).contains(&ending.chars().count()));
    short.filter(|ending| ending.chars().all(char::is_alphanumeric)).unwrap_or_default().to_uppercase()
}
