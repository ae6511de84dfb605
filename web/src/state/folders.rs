//! Folders' rows: one for each folder, however many files it has.

use cairn_engine::State;
use leptos::prelude::*;

use crate::platform::{clock, document};
use crate::shell::{FolderId, FolderView};
use crate::state::focus::{folder_row_id, refocus, refocus_in};
use crate::state::phrases;
use crate::state::uploads::{FolderRow, Uploads};
use crate::state::words::fill;

impl Uploads {
    /// Has a folder wait.
    pub fn pause_folder(self, id: FolderId) {
        self.running.with(|shell| shell.pause_folder(id));
    }

    /// Has a folder go on.
    pub fn resume_folder(self, id: FolderId) {
        self.running.with(|shell| shell.resume_folder(id));
    }

    /// Ends a folder without what is missing or failed.
    pub fn do_without(self, id: FolderId) {
        self.running.with(|shell| shell.do_without(id));
    }

    /// Gives a folder up.
    pub fn cancel_folder(self, id: FolderId) {
        self.running.with(|shell| shell.cancel_folder(id));
        self.remove_folder(id);
        refocus();
    }

    pub(super) fn remove_folder(self, id: FolderId) {
        self.folders.update(|rows| rows.retain(|row| row.id != id));
        self.sum_up();
    }

    pub(super) fn pause_folders(self) {
        let fits = |state| !matches!(state, State::Done | State::Paused | State::NeedsFile | State::Failed);
        self.folders_that(fits).into_iter().for_each(|id| self.pause_folder(id));
    }

    pub(super) fn resume_folders(self) {
        let fits = |state| matches!(state, State::Paused | State::Failed);
        self.folders_that(fits).into_iter().for_each(|id| self.resume_folder(id));
    }

    pub(super) fn folder_that(self, fits: impl Fn(&FolderView) -> bool) -> Option<FolderId> {
        self.folders
            .with_untracked(|rows| rows.iter().find(|row| row.view.with_untracked(&fits)).map(|row| row.id))
    }

    fn folders_that(self, fits: impl Fn(State) -> bool) -> Vec<FolderId> {
        self.folders.with_untracked(|rows| {
            let fits = rows.iter().filter(|row| row.view.with_untracked(|view| fits(view.state)));
            fits.map(|row| row.id).collect()
        })
    }

    pub(super) fn put_folder(self, id: FolderId, view: FolderView) {
        let row = self.folders.with_untracked(|rows| rows.iter().find(|row| row.id == id).cloned());
        let Some(row) = row else {
            self.folders.update(|rows| rows.push(FolderRow { id, view: ArcRwSignal::new(view) }));
            return;
        };
        let before = row.view.get_untracked();
        if before == view {
            return;
        }
        if before.state != view.state {
            self.say_folder(&view);
        }
        let place = format!("#{}", folder_row_id(id));
        let goes = before.state != view.state || before.can_do_without != view.can_do_without;
        let refocus = goes && document::has_focus(&place);
        row.view.set(view);
        if refocus {
            refocus_in(place);
        }
    }

    fn say_folder(self, view: &FolderView) {
        let name = view.name.visible();
        if view.state == State::Done {
            self.notices.said.set(self.language.named(|words| &words.said_folder_done, &name));
        } else if matches!(view.state, State::Failed | State::NeedsFile) {
            self.notices.said.set(self.language.with(|words| {
                let why = phrases::folder_hint(words, view, clock::now());
                let why = why.unwrap_or_else(|| phrases::folder_state(words, view));
                fill(&words.said_failed, &[("name", &name), ("why", &why)])
            }));
        }
    }
}
