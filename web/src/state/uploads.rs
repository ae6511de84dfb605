//! What this tab sends: its rows, what is unfinished, their sum and their limit.

use std::collections::HashSet;

use cairn_engine::{State, UploadId, View};
use leptos::prelude::*;

use crate::api::own::OwnId;
use crate::platform::{clock, document};
use crate::shell::{FolderId, FolderView, Unfinished};
use crate::state::focus::{refocus, refocus_in, row_id};
use crate::state::language::Language;
use crate::state::limit::Limit;
use crate::state::notices::Notices;
use crate::state::phrases;
use crate::state::running::Running;
use crate::state::totals::Totals;
use crate::state::words::fill;

/// One row.
#[derive(Clone)]
pub struct Row {
    /// Its upload.
    pub id: UploadId,
    /// What there is to see of it.
    pub view: ArcRwSignal<View>,
}

/// One folder's row.
#[derive(Clone)]
pub struct FolderRow {
    /// Which folder.
    pub id: FolderId,
    /// What there is to see of it.
    pub view: ArcRwSignal<FolderView>,
}

/// What is sent, and what earlier visits left.
#[derive(Clone, Copy)]
pub struct Uploads {
    /// In the order in which files came.
    pub rows: RwSignal<Vec<Row>>,
    /// In the order in which they came.
    pub folders: RwSignal<Vec<FolderRow>>,
    /// Rows that wait for another tab.
    pub elsewhere: RwSignal<HashSet<UploadId>>,
    /// What earlier visits left, and what other tabs are at.
    pub unfinished: RwSignal<Vec<Unfinished>>,
    /// All rows in one.
    pub totals: RwSignal<Totals>,
    /// The bandwidth limit.
    pub limit: RwSignal<Limit>,
    /// Goes on every second while a row counts down.
    pub second: RwSignal<u64>,
    pub(super) language: Language,
    pub(super) notices: Notices,
    pub(super) running: Running,
}

impl Uploads {
    /// Nothing is sent yet.
    pub fn new(language: Language, notices: Notices, running: Running) -> Self {
        Self {
            rows: RwSignal::default(),
            folders: RwSignal::default(),
            elsewhere: RwSignal::default(),
            unfinished: RwSignal::default(),
            totals: RwSignal::default(),
            limit: RwSignal::new(Limit::kept()),
            second: RwSignal::new(0),
            language,
            notices,
            running,
        }
    }

    /// Those of the page that a component belongs to.
    pub fn here() -> Self {
        expect_context()
    }

    /// Has rows count down that wait for a time.
    pub(super) fn count_seconds(self) {
        clock::every(1_000, move || {
            let counts = |view: &View| view.retry_at.is_some();
            let counting =
                self.rows.with_untracked(|rows| rows.iter().any(|row| row.view.with_untracked(counts)))
                    || self.folders.with_untracked(|rows| {
                        rows.iter().any(|row| row.view.with_untracked(|view| view.retry_at.is_some()))
                    });
            if counting {
                self.second.update(|second| *second += 1);
            }
        });
    }

    /// Whether anything is under way, or was.
    pub fn has_rows(self) -> bool {
        self.rows.with(|rows| !rows.is_empty()) || self.folders.with(|rows| !rows.is_empty())
    }

    /// Has one wait.
    pub fn pause(self, upload: UploadId) {
        self.running.with(|shell| shell.pause(upload));
    }

    /// Has one go on.
    pub fn resume(self, upload: UploadId) {
        self.running.with(|shell| shell.resume(upload));
    }

    /// Has all wait that go on by themselves.
    pub fn pause_all(self) {
        for upload in self.those(|state| {
            matches!(
                state,
                State::Waiting | State::Reading | State::Sending | State::Verifying | State::Offline
            )
        }) {
            self.pause(upload);
        }
        self.pause_folders();
    }

    /// Has all go on that wait for a person.
    pub fn resume_all(self) {
        for upload in self.those(|state| matches!(state, State::Paused | State::Failed)) {
            self.resume(upload);
        }
        self.resume_folders();
    }

    /// Gives one up.
    pub fn cancel(self, upload: UploadId) {
        self.running.with(|shell| shell.cancel(upload));
        self.remove(upload);
    }

    /// Gives up what an earlier visit left.
    pub fn discard(self, left: &Unfinished) {
        self.running.with(|shell| shell.discard(left.key));
    }

    /// Sets the limit, and keeps it for later visits.
    pub fn set_limit(self, limit: Limit) {
        self.limit.set(limit);
        limit.keep();
        self.running.with(|shell| shell.limit(limit.bytes()));
    }

    /// What was deleted has no row any more; `url` is a folder's link.
    pub(super) fn remove_deleted(self, id: OwnId, url: Option<&str>) {
        match id {
            OwnId::File(file) => {
                let row = self.row_that(|view| view.finished.as_ref().is_some_and(|it| it.file == file));
                row.into_iter().for_each(|row| self.remove(row));
            }
            OwnId::Folder(_) => {
                let row = self.folder_that(|view| view.url.is_some() && view.url.as_deref() == url);
                row.into_iter().for_each(|row| self.remove_folder(row));
            }
        }
        refocus();
    }

    fn row_that(self, fits: impl Fn(&View) -> bool) -> Option<UploadId> {
        self.rows
            .with_untracked(|rows| rows.iter().find(|row| row.view.with_untracked(&fits)).map(|row| row.id))
    }

    fn those(self, fits: impl Fn(State) -> bool) -> Vec<UploadId> {
        self.rows.with_untracked(|rows| {
            let fits = rows.iter().filter(|row| row.view.with_untracked(|view| fits(view.state)));
            fits.map(|row| row.id).collect()
        })
    }

    fn remove(self, upload: UploadId) {
        self.rows.update(|rows| rows.retain(|row| row.id != upload));
        self.sum_up();
        refocus();
    }

    pub(super) fn put(self, upload: UploadId, view: View) {
        let row = self.rows.with_untracked(|rows| rows.iter().find(|row| row.id == upload).cloned());
        match row {
            Some(row) => {
                if row.view.with_untracked(|shown| *shown != view) {
                    let before = row.view.get_untracked();
                    self.say_change(&before, &view);
                    // A button that has the focus goes where the state leaves it nothing to do.
                    let place = format!("#{}", row_id(upload));
                    let refocus = before.state != view.state && document::has_focus(&place);
                    row.view.set(view);
                    if refocus {
                        refocus_in(place);
                    }
                }
            }
            None => self.rows.update(|rows| rows.push(Row { id: upload, view: ArcRwSignal::new(view) })),
        }
    }

    pub(super) fn sum_up(self) {
        let mut totals = Totals::default();
        self.rows.with_untracked(|rows| {
            rows.iter().for_each(|row| row.view.with_untracked(|view| totals.add(view)));
        });
        self.folders.with_untracked(|rows| {
            rows.iter().for_each(|row| row.view.with_untracked(|view| totals.add_folder(view)));
        });
        if self.totals.get_untracked() != totals {
            self.totals.set(totals);
        }
    }

    fn say_change(self, before: &View, after: &View) {
        if before.state == after.state {
            return;
        }
        let name = after.name.visible();
        if after.state == State::Done {
            self.notices.said.set(self.language.named(|words| &words.said_done, &name));
        } else if matches!(after.state, State::Failed | State::NeedsFile) {
            let why = self.language.with(|words| phrases::hint(words, after, clock::now()));
            let why = why.unwrap_or_default();
            self.notices
                .said
                .set(self.language.with(|words| fill(&words.said_failed, &[("name", &name), ("why", &why)])));
        }
    }
}
