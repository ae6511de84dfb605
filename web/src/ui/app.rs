//! The whole page.

use leptos::prelude::*;

use crate::state::page::Page;
use crate::ui::drop_zone::DropZone;
use crate::ui::files::Files;
use crate::ui::footer::Footer;
use crate::ui::hand_over::HandOver;
use crate::ui::header::Header;
use crate::ui::picker::Picker;
use crate::ui::row_list::RowList;
use crate::ui::toolbar::Toolbar;
use crate::ui::unfinished::Unfinished;

/// The whole page.
#[component]
pub fn App(page: Page) -> impl IntoView {
    let any = Memo::new(move |_| page.has_rows());
    view! {
        <div class="page" class:page-hovered=move || page.hovered.get()>
            <Header page />
            <main class="main">
                <Picker page />
                {move || page.notice.get().map(|notice| view! { <p class="notice" role="alert">{notice}</p> })}
                <Unfinished page />
                <DropZone page />
                <Show when=move || any.get()>
                    <Toolbar page />
                    <RowList page />
                </Show>
                <Files page />
            </main>
            <Footer page />
            <HandOver page />
            <p class="visually-hidden" role="status" aria-live="polite">{move || page.said.get()}</p>
        </div>
    }
}
