//! All rows at once: their sum, pause and resume.

use leptos::prelude::*;

use crate::state::figures;
use crate::state::language::Language;
use crate::state::totals::Totals;
use crate::state::uploads::Uploads;
use crate::state::words::{Words, fill};
use crate::ui::limit_field::LimitField;

/// The line above the rows.
#[component]
pub fn Toolbar() -> impl IntoView {
    let (language, uploads) = (Language::here(), Uploads::here());
    let sum = move || language.with(|words| sum(words, &uploads.totals.get()));
    let none_active = move || (uploads.totals.get().active == 0).to_string();
    let none_resting = move || (uploads.totals.get().resting == 0).to_string();
    // Disabled buttons would lose the focus of somebody who uses a keyboard, so they are only told to be.
    view! {
        <div class="toolbar" role="group" aria-label=language.word(|words| &words.toolbar_label)>
            <h2 class="toolbar-title">{language.word(|words| &words.rows_title)}</h2>
            <p class="toolbar-sum">{sum}</p>
            <LimitField />
            <button
                type="button"
                class="button button-quiet"
                data-testid="pause-all"
                aria-disabled=none_active
                on:click=move |_| uploads.pause_all()
            >
                {language.word(|words| &words.pause_all)}
            </button>
            <button
                type="button"
                class="button button-quiet"
                data-testid="resume-all"
                aria-disabled=none_resting
                on:click=move |_| uploads.resume_all()
            >
                {language.word(|words| &words.resume_all)}
            </button>
        </div>
    }
}

fn sum(words: &Words, totals: &Totals) -> String {
    let (done, count) = (totals.done.to_string(), totals.count.to_string());
    let mut parts =
        vec![fill(words.total_files.of(totals.count as u64), &[("done", &done), ("count", &count)])];
    if totals.all_done() {
        parts.push(figures::size(words, totals.size));
    } else if totals.size > 0 {
        parts.push(figures::part(words, totals.stored, totals.size));
    }
    if totals.reused > 0 {
        parts.push(fill(&words.saved, &[("size", &figures::size(words, totals.reused))]));
    }
    if totals.speed > 0 {
        parts.push(figures::rate(words, totals.speed));
    }
    parts.extend(totals.left_seconds().map(|left| {
        let time = figures::time(words, left);
        fill(&words.left_about, &[("time", &time)])
    }));
    parts.join(" · ")
}
