//! What this browser sends, and sent.

use leptos::prelude::*;

use crate::state::notices::Notices;
use crate::state::uploads::Uploads;
use crate::ui::drop_zone::DropZone;
use crate::ui::files::Files;
use crate::ui::picker::Picker;
use crate::ui::row_list::RowList;
use crate::ui::toolbar::Toolbar;
use crate::ui::unfinished::Unfinished;

/// The view of everybody who sends files.
#[component]
pub fn MyFiles() -> impl IntoView {
    let (notices, uploads) = (Notices::here(), Uploads::here());
    let any = Memo::new(move |_| uploads.has_rows());
    view! {
        <Picker />
        {move || notices.notice.get().map(|notice| view! { <p class="notice" role="alert">{notice}</p> })}
        <Unfinished />
        <DropZone />
        <Show when=move || any.get()>
            <Toolbar />
            <RowList />
        </Show>
        <Files />
    }
}
