//! The link, and its QR code, by which another device goes on with an upload.

use leptos::prelude::*;

use crate::platform::document;
use crate::state::identity::{HAND_OVER_DIALOG, Handing, Identity};
use crate::state::language::Language;
use crate::state::qr;
use crate::ui::copy_button::CopyButton;

/// The dialog; without content while it is closed.
#[component]
pub fn HandOver() -> impl IntoView {
    let identity = Identity::here();
    view! {
        <dialog
            id=HAND_OVER_DIALOG
            class="dialog"
            data-testid="hand-over"
            aria-labelledby="hand-over-title"
            on:close=move |_| identity.handing.set(None)
        >
            {move || identity.handing.get().map(|handing| view! { <Content handing /> })}
        </dialog>
    }
}

#[component]
fn Content(handing: Handing) -> impl IntoView {
    let language = Language::here();
    let Handing { name, link } = handing;
    let code = qr::draw(&link).map(|(side, path)| {
        view! {
            <svg
                class="qr"
                role="img"
                aria-label=language.word(|words| &words.hand_over_code)
                viewBox=format!("0 0 {side} {side}")
            >
                <path d=path />
            </svg>
        }
    });
    view! {
        <h2 class="panel-title" id="hand-over-title">{language.named(|words| &words.hand_over_title, &name)}</h2>
        <p class="panel-lead">{language.word(|words| &words.hand_over_lead)}</p>
        {code}
        <a class="link" data-testid="hand-over-link" href=link.clone()>{link.clone()}</a>
        <p class="dialog-note">{language.word(|words| &words.hand_over_secret)}</p>
        <div class="dialog-actions">
            <CopyButton name text=link />
            <button
                type="button"
                class="button button-main"
                data-testid="hand-over-close"
                on:click=move |_| document::close_dialog(HAND_OVER_DIALOG)
            >
                {language.word(|words| &words.close)}
            </button>
        </div>
    }
}
