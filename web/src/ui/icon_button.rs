//! A button that shows a sign alone, and says what it does to those who can't tell from it.

use leptos::prelude::*;

use crate::ui::icon::{Icon, Sign};

/// The button.
#[component]
pub fn IconButton(
    testid: &'static str,
    label: String,
    sign: Sign,
    press: impl Fn() + 'static,
) -> impl IntoView {
    view! {
        <button
            type="button"
            class="icon-button"
            data-testid=testid
            aria-label=label.clone()
            title=label
            on:click=move |_| press()
        >
            <Icon sign />
        </button>
    }
}
