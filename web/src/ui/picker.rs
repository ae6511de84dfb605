//! The file input behind every button that chooses files.

use leptos::prelude::*;

use crate::platform::files::picked;
use crate::state::page::{PICKER_INPUT, Page};

/// The file input; buttons open it.
#[component]
pub fn Picker(page: Page) -> impl IntoView {
    view! {
        <input
            type="file"
            multiple
            id=PICKER_INPUT
            class="visually-hidden"
            data-testid="file-input"
            tabindex="-1"
            aria-label=page.word(|words| &words.drop_button)
            on:change=move |event| page.picked(picked(&event))
        />
    }
}
