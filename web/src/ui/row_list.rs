//! The rows.

use leptos::prelude::*;

use crate::state::page::Page;
use crate::ui::row::RowView;

/// One row per file, in the order in which they came.
#[component]
pub fn RowList(page: Page) -> impl IntoView {
    view! {
        <ul class="list">
            <For
                each=move || page.rows.get()
                key=|row| row.id
                children=move |row| view! { <RowView page row /> }
            />
        </ul>
    }
}
