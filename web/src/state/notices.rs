//! What the page tells: aloud, in a sentence that stays in sight, and in the tab's title.

use cairn_shared::name;
use leptos::prelude::*;

use crate::platform::{clock, document};
use crate::state::figures;
use crate::state::language::Language;
use crate::state::totals::Totals;
use crate::state::words::fill;

/// Progress is said again after this time, in milliseconds.
const SAY_MS: u64 = 10_000;

/// Names that one sentence tells.
const NAMES_MAX: usize = 5;

/// What is told.
#[derive(Clone, Copy)]
pub struct Notices {
    /// What the live region says.
    pub said: RwSignal<String>,
    /// A sentence that stays in sight until the next files come.
    pub notice: RwSignal<Option<String>>,
    /// What is unfinished is not kept when the tab closes.
    pub forgetful: RwSignal<bool>,
    language: Language,
    said_at: StoredValue<(u64, u64)>,
}

impl Notices {
    /// Nothing has been told.
    pub fn new(language: Language) -> Self {
        Self {
            said: RwSignal::default(),
            notice: RwSignal::default(),
            forgetful: RwSignal::new(false),
            language,
            said_at: StoredValue::new((0, 0)),
        }
    }

    /// Those of the page that a component belongs to.
    pub fn here() -> Self {
        expect_context()
    }

    /// Whether files can be read at all.
    pub(super) fn reads(self, reads: bool) {
        let broken = Some(self.language.word(|words| &words.no_browser));
        if !reads {
            self.notice.set(broken);
        } else if self.notice.with_untracked(|notice| *notice == broken) {
            self.notice.set(None);
        }
    }

    /// What was chosen and can't be read, the first few by their names.
    pub fn unread(self, names: &[String]) {
        let mut shown: Vec<_> = names.iter().take(NAMES_MAX).map(|name| name::visible(name)).collect();
        if names.len() > NAMES_MAX {
            shown.push("…".to_owned());
        }
        let (names, count) = (shown.join(", "), names.len() as u64);
        let gaps = [("names", &*names), ("count", &*count.to_string())];
        let told = self.language.with(|words| fill(words.files_unread.of(count), &gaps));
        self.said.set(told.clone());
        self.notice.set(Some(told));
    }

    /// How far everything is: in the tab at once, and aloud every 10 %, but not more often than every 10 s.
    pub(super) fn progress(self, totals: &Totals) {
        self.say_progress(totals);
        let percent = figures::percent_text(totals.percent());
        document::set_title(&if totals.active > 0 {
            self.language.with(|words| fill(&words.title_progress, &[("percent", &percent)]))
        } else if totals.all_done() {
            self.language.word(|words| &words.title_done)
        } else {
            self.language.word(|words| &words.title)
        });
        document::set_icon(if totals.all_done() { "cairn-done" } else { "cairn" });
    }

    fn say_progress(self, totals: &Totals) {
        let (step, now) = (totals.percent() / 10, clock::now());
        let (said_step, said_at) = self.said_at.get_value();
        if totals.active == 0 || step == said_step || now < said_at + SAY_MS {
            return;
        }
        self.said_at.set_value((step, now));
        let percent = figures::percent_text(totals.percent());
        let (done, count) = (totals.done.to_string(), totals.count.to_string());
        let gaps = [("percent", percent.as_str()), ("done", &done), ("count", &count)];
        self.said.set(self.language.with(|words| fill(words.said_progress.of(totals.count as u64), &gaps)));
    }
}
