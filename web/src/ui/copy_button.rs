//! Copies a link and says that it did.

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::platform::{clipboard, clock};
use crate::state::language::Language;
use crate::state::notices::Notices;
use crate::state::words::fill;
use crate::ui::icon::{Icon, Sign};

/// How long the button says so, in milliseconds.
const SAID_MS: u32 = 2_500;

/// A button that copies.
#[component]
pub fn CopyButton(name: String, text: String) -> impl IntoView {
    let (language, notices) = (Language::here(), Notices::here());
    let copied = RwSignal::new(None::<bool>);
    let copy = move |_| {
        let text = text.clone();
        spawn_local(async move {
            let worked = clipboard::copy(&text).await;
            copied.try_set(Some(worked));
            notices.said.set(said(language, Some(worked)));
            clock::sleep(SAID_MS).await;
            copied.try_set(None);
        });
    };
    // Who speaks to the page says what is to be seen: a label has that in it.
    let label = move || {
        let text = said(language, copied.get());
        language.with(|words| fill(&words.copy_label, &[("text", &text), ("name", &name)]))
    };
    let sign = Signal::derive(move || if copied.get() == Some(true) { Sign::Tick } else { Sign::Copy });
    view! {
        <button
            type="button"
            class="button button-quiet"
            class:button-told=move || copied.get() == Some(true)
            data-testid="row-copy"
            aria-label=label
            on:click=copy
        >
            <Icon sign />
            {move || said(language, copied.get())}
        </button>
    }
}

fn said(language: Language, copied: Option<bool>) -> String {
    language.word(|words| match copied {
        None => &words.copy,
        Some(true) => &words.copied,
        Some(false) => &words.copy_failed,
    })
}
