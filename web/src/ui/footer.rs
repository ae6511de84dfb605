//! Whether the tab may be closed: always, unless the browser can't keep what is unfinished.

use leptos::prelude::*;

use crate::state::language::Language;
use crate::state::notices::Notices;
use crate::state::uploads::Uploads;

/// The last line.
#[component]
pub fn Footer() -> impl IntoView {
    let (language, notices, uploads) = (Language::here(), Notices::here(), Uploads::here());
    let text = move || {
        let totals = uploads.totals.get();
        language.word(|words| {
            if totals.all_done() {
                &words.safe_now
            } else if totals.count > 0 && notices.forgetful.get() {
                &words.not_safe
            } else if totals.count > 0 {
                &words.safe_any_time
            } else {
                &words.idle
            }
        })
    };
    view! {
        <footer class="footer" data-testid="safe-to-close" data-safe=move || uploads.totals.get().all_done().to_string()>
            <p>{text}</p>
        </footer>
    }
}
