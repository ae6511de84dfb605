//! Where files come in. The whole window takes drops; this is where it says so.

use leptos::prelude::*;

use crate::state::choosing::Choosing;
use crate::state::focus::PICKER_BUTTON;
use crate::state::language::Language;
use crate::state::uploads::Uploads;

/// Fills most of an empty page, and shrinks to one line once there are rows.
#[component]
pub fn DropZone() -> impl IntoView {
    let (language, uploads, choosing) = (Language::here(), Uploads::here(), Choosing::here());
    let small = Memo::new(move |_| uploads.has_rows());
    let title = move || {
        language.word(|words| match (choosing.hovered.get(), small.get()) {
            (true, _) => &words.drop_now,
            (false, true) => &words.drop_more,
            (false, false) => &words.drop_title,
        })
    };
    // The first button needs no listener of its own: its click reaches the zone, like a click beside it.
    view! {
        <section class="drop" class:drop-small=move || small.get() data-testid="drop-zone" on:click=move |_| choosing.choose()>
            <svg class="drop-sign" viewBox="0 0 120 96" aria-hidden="true">
                <path class="stone-top" d="M46 21c3-9 24-11 30-3 4 6 1 13-8 15-9 2-18 2-21-2-3-2-2-7-1-10Z" />
                <path class="stone-middle" d="M32 52c2-10 16-14 31-13 14 0 26 5 26 14 1 9-10 13-29 13-18 0-30-4-28-14Z" />
                <path class="stone-bottom" d="M12 83c1-8 20-12 48-12 29 0 49 4 49 12 0 8-20 10-49 10-30 0-49-2-48-10Z" />
            </svg>
            <p class="drop-title">{title}</p>
            <p class="drop-or">{language.word(|words| &words.drop_or)}</p>
            <div class="drop-buttons">
                <button type="button" class="button button-main" id=PICKER_BUTTON>
                    {language.word(|words| &words.drop_button)}
                </button>
                <button
                    type="button"
                    class="button button-soft"
                    data-testid="choose-folder"
                    on:click=move |event| {
                        event.stop_propagation();
                        choosing.choose_folder();
                    }
                >
                    {language.word(|words| &words.folder_button)}
                </button>
            </div>
            <p class="drop-lead">{language.word(|words| &words.drop_lead)}</p>
        </section>
    }
}
