//! How far a file or a folder is, as a bar.

use cairn_engine::{State, View};
use leptos::prelude::*;

use crate::shell::FolderView;
use crate::state::figures;
use crate::state::language::Language;

/// What a bar shows, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    read: u64,
    stored: u64,
    reused: u64,
    size: u64,
    done: bool,
}

impl Shares {
    /// Of a file.
    pub fn of_file(view: &View) -> Self {
        let View { read, stored, reused, size, .. } = *view;
        Self { read, stored, reused, size, done: view.state == State::Done }
    }

    /// Of a folder.
    pub fn of_folder(view: &FolderView) -> Self {
        let FolderView { read, stored, reused, size, .. } = *view;
        Self { read, stored, reused, size, done: view.state == State::Done }
    }

    /// What is empty has arrived when it is published, not before.
    fn percent(self) -> u64 {
        if self.size == 0 && !self.done { 0 } else { figures::percent(self.stored, self.size) }
    }
}

/// Light for read, solid for stored, hatched for what had not to be sent.
#[component]
pub fn Bar(name: String, shares: Signal<Shares>) -> impl IntoView {
    let language = Language::here();
    let width =
        move |pick: fn(&Shares) -> u64| move || shares.with(|all| figures::width(pick(all), all.size));
    view! {
        <div
            class="bar"
            role="progressbar"
            data-testid="row-progress"
            aria-label=language.named(|words| &words.progress_label, &name)
            aria-valuemin="0"
            aria-valuemax="100"
            aria-valuenow=move || shares.get().percent().to_string()
            aria-valuetext=move || figures::percent_text(shares.get().percent())
        >
            <span class="bar-read" style:width=width(|all| all.read)></span>
            <span class="bar-stored" style:width=width(|all| all.stored)></span>
            <span class="bar-reused" style:width=width(|all| all.reused)></span>
        </div>
    }
}
