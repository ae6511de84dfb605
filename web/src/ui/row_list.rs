//! The rows.

use leptos::prelude::*;

use crate::platform::{clock, scroll};
use crate::state::rows::Line;
use crate::state::uploads::Uploads;
use crate::state::window::{Sight, Window};
use crate::ui::folder_row::FolderRowView;
use crate::ui::row::RowView;

/// The list in the document.
const LIST: &str = "rows";
/// From one row to the next before any was measured, in CSS pixels.
const PITCH: f64 = 108.0;

/// One row per folder and one per loose file. Of a long list only those are in the document that are in sight, or nearly.
#[component]
pub fn RowList() -> impl IntoView {
    let uploads = Uploads::here();
    let sight = RwSignal::new(Sight { from: 0.0, height: scroll::height(), pitch: PITCH });
    let window = Memo::new(move |_| Window::of(uploads.count.get(), sight.get()));
    // It is called later, when the list may be gone.
    let look = move || {
        let (Some(window), Some(before)) = (window.try_get_untracked(), sight.try_get_untracked()) else {
            return;
        };
        let count = window.end - window.first;
        if let Some((from, rows)) = scroll::place(LIST, window.above) {
            let fresh = rows.filter(|_| count > 0).map(|rows| rows / count as f64);
            // A little more or less moves nothing.
            let pitch = fresh.filter(|fresh| (fresh - before.pitch).abs() > before.pitch / 8.0);
            sight.try_set(Sight { from, height: scroll::height(), pitch: pitch.unwrap_or(before.pitch) });
        }
    };
    let lines = move || {
        uploads.order.track();
        let Window { first, end, .. } = window.get();
        // A row that is put elsewhere in the document loses the focus on the way.
        let focus = scroll::Focus::now();
        clock::next_frame(move || {
            focus.again();
            look();
        });
        uploads.lines(first, end)
    };
    let watching = scroll::Watching::begin(move || clock::next_frame(look));
    let watching = StoredValue::new_local(Some(watching));
    on_cleanup(move || watching.set_value(None));
    let room = move |pick: fn(&Window) -> f64| move || format!("{}px", window.with(pick));
    view! {
        <ul class="list" id=LIST data-testid="rows" data-count=move || uploads.count.get().to_string()>
            <li class="row-room" aria-hidden="true" style:height=room(|window| window.above)></li>
            <For
                each=lines
                key=Line::id
                children=move |line| match line {
                    Line::File(row) => view! { <RowView row /> }.into_any(),
                    Line::Folder(row) => view! { <FolderRowView row /> }.into_any(),
                }
            />
            <li class="row-room" aria-hidden="true" style:height=room(|window| window.below)></li>
        </ul>
    }
}
