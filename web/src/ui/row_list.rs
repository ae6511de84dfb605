//! The rows.

use leptos::prelude::*;

use crate::state::page::Page;
use crate::ui::folder_row::FolderRowView;
use crate::ui::row::RowView;

/// One row per folder and one per loose file, each in the order in which they came.
#[component]
pub fn RowList(page: Page) -> impl IntoView {
    view! {
        <ul class="list">
            <For
                each=move || page.folders.get()
                key=|row| row.id
                children=move |row| view! { <FolderRowView page row /> }
            />
            <For
                each=move || page.rows.get()
                key=|row| row.id
                children=move |row| view! { <RowView page row /> }
            />
        </ul>
    }
}
