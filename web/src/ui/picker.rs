//! The inputs behind the buttons that choose files and folders, where the browser has no better pickers.

use leptos::prelude::*;

use crate::platform::files::picked;
use crate::state::choosing::{Choosing, FOLDER_INPUT, PICKER_INPUT};
use crate::state::language::Language;

/// The inputs; buttons open them.
#[component]
pub fn Picker() -> impl IntoView {
    let (language, choosing) = (Language::here(), Choosing::here());
    view! {
        <input
            type="file"
            multiple
            id=PICKER_INPUT
            class="visually-hidden"
            data-testid="file-input"
            tabindex="-1"
            aria-label=language.word(|words| &words.drop_button)
            on:change=move |event| choosing.picked(picked(&event))
        />
        <input
            type="file"
            multiple
            prop:webkitdirectory=true
            id=FOLDER_INPUT
            class="visually-hidden"
            data-testid="folder-input"
            tabindex="-1"
            aria-label=language.word(|words| &words.folder_button)
            on:change=move |event| choosing.picked(picked(&event))
        />
    }
}
