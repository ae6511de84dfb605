//! The link, and its QR code, by which another device goes on with an upload.

use leptos::prelude::*;

use crate::platform::document;
use crate::state::handing::{HAND_OVER_DIALOG, Handing};
use crate::state::page::Page;
use crate::state::qr;
use crate::ui::copy_button::CopyButton;

/// The dialog; without content while it is closed.
#[component]
pub fn HandOver(page: Page) -> impl IntoView {
    view! {
        <dialog
            id=HAND_OVER_DIALOG
            class="dialog"
            data-testid="hand-over"
            aria-labelledby="hand-over-title"
            on:close=move |_| page.handing.set(None)
        >
            {move || page.handing.get().map(|handing| view! { <Content page handing /> })}
        </dialog>
    }
}

#[component]
fn Content(page: Page, handing: Handing) -> impl IntoView {
    let Handing { name, link } = handing;
    let code = qr::draw(&link).map(|(side, path)| {
        view! {
            <svg
                class="qr"
                role="img"
                aria-label=page.word(|words| &words.hand_over_code)
                viewBox=format!("0 0 {side} {side}")
            >
                <path d=path />
            </svg>
        }
    });
    view! {
        <h2 class="panel-title" id="hand-over-title">{page.named(|words| &words.hand_over_title, &name)}</h2>
        <p class="panel-lead">{page.word(|words| &words.hand_over_lead)}</p>
        {code}
        <a class="link" data-testid="hand-over-link" href=link.clone()>{link.clone()}</a>
        <p class="dialog-note">{page.word(|words| &words.hand_over_secret)}</p>
        <div class="dialog-actions">
            <CopyButton page name text=link />
            <button
                type="button"
                class="button button-main"
                data-testid="hand-over-close"
                on:click=move |_| document::close_dialog(HAND_OVER_DIALOG)
            >
                {page.word(|words| &words.close)}
            </button>
        </div>
    }
}
