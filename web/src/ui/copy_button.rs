//! Copies a link and says that it did.

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::platform::{clipboard, clock};
use crate::state::language::Language;
use crate::state::notices::Notices;
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
    let sign = Signal::derive(move || if copied.get() == Some(true) { Sign::Tick } else { Sign::Copy });
    view! {
        <button
            type="button"
            class="button button-quiet"
            class:button-told=move || copied.get() == Some(true)
            data-testid="row-copy"
            aria-label=language.named(|words| &words.copy_label, &name)
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
