//! Folders' rows: one for each folder, however many files it has.

use cairn_engine::State;
use leptos::prelude::*;

use crate::platform::{clock, document};
use crate::shell::{FolderId, FolderView};
use crate::state::focus::{folder_row_id, refocus, refocus_in};
use crate::state::phrases;
use crate::state::rows::{FolderRow, Line, RowId};
use crate::state::totals::Totals;
use crate::state::uploads::Uploads;
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
        if let Some(row) = self.rows.with_value(|rows| rows.folder(id)) {
            self.say_cancelled(&row.view.with_untracked(|view| view.name.visible()));
        }
        self.running.with(|shell| shell.cancel_folder(id));
        self.remove_folder(id);
        refocus();
    }

    pub(super) fn remove_folder(self, id: FolderId) {
        self.remove_row(RowId::Folder(id));
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
        self.folders_with(fits).into_iter().next()
    }

    fn folders_that(self, fits: impl Fn(State) -> bool) -> Vec<FolderId> {
        self.folders_with(|view| fits(view.state))
    }

    fn folders_with(self, fits: impl Fn(&FolderView) -> bool) -> Vec<FolderId> {
        self.rows.with_value(|rows| {
            let fits = rows.in_order().filter_map(|line| match line {
                Line::Folder(row) => row.view.with_untracked(&fits).then_some(row.id),
                Line::File(_) => None,
            });
            fits.collect()
        })
    }

    /// Takes what there is to see of a folder.
    pub fn put_folder(self, id: FolderId, view: FolderView) {
        let Some(row) = self.rows.with_value(|rows| rows.folder(id)) else {
            self.insert(Line::Folder(FolderRow { id, view: ArcRwSignal::new(view) }));
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
        self.changed(RowId::Folder(id), Totals::of_folder(&before));
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
                let why = why.unwrap_or_else(|| phrases::folder_state(words, view, true));
                fill(&words.said_failed, &[("name", &name), ("why", &why)])
            }));
        }
    }
}
