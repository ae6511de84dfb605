//! The rows.

use leptos::prelude::*;

use crate::state::uploads::Uploads;
use crate::ui::folder_row::FolderRowView;
use crate::ui::row::RowView;

/// One row per folder and one per loose file, each in the order in which they came.
#[component]
pub fn RowList() -> impl IntoView {
    let uploads = Uploads::here();
    view! {
        <ul class="list">
            <For
                each=move || uploads.folders.get()
                key=|row| row.id
                children=move |row| view! { <FolderRowView row /> }
            />
            <For
                each=move || uploads.rows.get()
                key=|row| row.id
                children=move |row| view! { <RowView row /> }
            />
        </ul>
    }
}
