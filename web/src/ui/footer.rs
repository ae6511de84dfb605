//! Whether the tab may be closed: always, unless the browser can't keep what is unfinished.

use leptos::prelude::*;

use crate::state::page::Page;

/// The last line.
#[component]
pub fn Footer(page: Page) -> impl IntoView {
    let text = move || {
        let totals = page.totals.get();
        page.word(|words| {
            if totals.all_done() {
                &words.safe_now
            } else if totals.count > 0 && page.forgetful.get() {
                &words.not_safe
            } else if totals.count > 0 {
                &words.safe_any_time
            } else {
                &words.idle
            }
        })
    };
    view! {
        <footer class="footer" data-testid="safe-to-close" data-safe=move || page.totals.get().all_done().to_string()>
            <p>{text}</p>
        </footer>
    }
}
