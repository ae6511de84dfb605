//! What this tab sends: its rows, what is unfinished, their sum and their limit.

use std::collections::HashSet;

use cairn_engine::{State, UploadId, View};
use leptos::prelude::*;

use crate::api::own::OwnId;
use crate::platform::{clock, document};
use crate::shell::Unfinished;
use crate::state::focus::{refocus, refocus_in, row_id};
use crate::state::language::Language;
use crate::state::limit::Limit;
use crate::state::notices::Notices;
use crate::state::phrases;
use crate::state::rows::{Line, Row, RowId, Rows};
use crate::state::running::Running;
use crate::state::totals::Totals;
use crate::state::words::fill;

/// What is sent, and what earlier visits left.
#[derive(Clone, Copy)]
pub struct Uploads {
    pub(super) rows: StoredValue<Rows>,
    /// How many rows there are.
    pub count: RwSignal<usize>,
    /// Grows whenever rows come, go, or stand elsewhere.
    pub order: RwSignal<u64>,
    /// Rows that wait for another tab.
    pub elsewhere: RwSignal<HashSet<UploadId>>,
    /// What earlier visits left, and what other tabs are at.
    pub unfinished: RwSignal<Vec<Unfinished>>,
    /// All rows in one.
    pub totals: RwSignal<Totals>,
    /// The bandwidth limit.
    pub limit: RwSignal<Limit>,
    /// Whether the browser believes that there is a network.
    pub network: RwSignal<bool>,
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
            rows: StoredValue::default(),
            count: RwSignal::default(),
            order: RwSignal::default(),
            elsewhere: RwSignal::default(),
            unfinished: RwSignal::default(),
            totals: RwSignal::default(),
            limit: RwSignal::new(Limit::kept()),
            network: RwSignal::new(document::online()),
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

    /// Has rows count down that wait for a time, and say whether there is a network.
    pub(super) fn follow_the_browser(self) {
        document::on_network(move |network| self.network.set(network));
        clock::every(1_000, move || {
            if self.rows.with_value(Rows::any_counts) {
                self.second.update(|second| *second += 1);
            }
        });
    }

    /// Whether anything is under way, or was.
    pub fn has_rows(self) -> bool {
        self.count.get() > 0
    }

    /// Has one wait.
    pub fn pause(self, upload: UploadId) {
        self.running.with(|shell| shell.pause(&[upload]));
    }

    /// Has one go on.
    pub fn resume(self, upload: UploadId) {
        self.running.with(|shell| shell.resume(&[upload]));
    }

    /// Has all wait that go on by themselves.
    pub fn pause_all(self) {
        let active = self.those(|state| {
            matches!(
                state,
                State::Waiting | State::Reading | State::Sending | State::Verifying | State::Offline
            )
        });
        self.running.with(|shell| shell.pause(&active));
        self.pause_folders();
    }

    /// Has all go on that wait for a person.
    pub fn resume_all(self) {
        let resting = self.those(|state| matches!(state, State::Paused | State::Failed));
        self.running.with(|shell| shell.resume(&resting));
        self.resume_folders();
    }

    /// Gives one up.
    pub fn cancel(self, upload: UploadId) {
        if let Some(row) = self.rows.with_value(|rows| rows.file(upload)) {
            self.say_cancelled(&row.view.with_untracked(|view| view.name.visible()));
        }
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
        self.rows.with_value(|rows| {
            rows.in_order().find_map(|line| match line {
                Line::File(row) => row.view.with_untracked(&fits).then_some(row.id),
                Line::Folder(_) => None,
            })
        })
    }

    fn those(self, fits: impl Fn(State) -> bool) -> Vec<UploadId> {
        self.rows.with_value(|rows| {
            let fits = rows.in_order().filter_map(|line| match line {
                Line::File(row) => row.view.with_untracked(|view| fits(view.state)).then_some(row.id),
                Line::Folder(_) => None,
            });
            fits.collect()
        })
    }

    /// The rows from one place up to another, as they are shown.
    pub fn lines(self, from: usize, to: usize) -> Vec<Line> {
        self.rows
            .with_value(|rows| rows.in_order().skip(from).take(to.saturating_sub(from)).cloned().collect())
    }

    fn remove(self, upload: UploadId) {
        self.remove_row(RowId::File(upload));
        refocus();
    }

    pub(super) fn remove_row(self, id: RowId) {
        if self.rows.try_update_value(|rows| rows.remove(id)) == Some(true) {
            self.moved();
        }
        self.sum_up();
    }

    pub(super) fn insert(self, line: Line) {
        self.rows.update_value(|rows| rows.insert(line));
        self.moved();
    }

    /// A row looks different now; `before` is what it came to then.
    pub(super) fn changed(self, id: RowId, before: Totals) {
        if self.rows.try_update_value(|rows| rows.changed(id, before)) == Some(true) {
            self.moved();
        }
    }

    /// Told once for many rows, since components look at it later.
    fn moved(self) {
        self.order.update(|order| *order += 1);
    }

    /// Takes what there is to see of an upload.
    pub fn put(self, upload: UploadId, view: View) {
        let Some(row) = self.rows.with_value(|rows| rows.file(upload)) else {
            self.insert(Line::File(Row { id: upload, view: ArcRwSignal::new(view) }));
            return;
        };
        if row.view.with_untracked(|shown| *shown == view) {
            return;
        }
        let before = row.view.get_untracked();
        self.say_change(&before, &view);
        // A button that has the focus goes where the state leaves it nothing to do.
        let place = format!("#{}", row_id(upload));
        let refocus = before.state != view.state && document::has_focus(&place);
        row.view.set(view);
        self.changed(RowId::File(upload), Totals::of(&before));
        if refocus {
            refocus_in(place);
        }
    }

    /// Shows, and says, the sum of what was put.
    pub fn sum_up(self) {
        let (count, totals) = self.rows.with_value(|rows| (rows.len(), rows.totals()));
        if self.count.get_untracked() != count {
            self.count.set(count);
        }
        if self.totals.get_untracked() != totals {
            self.totals.set(totals);
            self.notices.progress(&totals);
        }
    }

    pub(super) fn say_cancelled(self, name: &str) {
        self.notices.said.set(self.language.named(|words| &words.said_cancelled, name));
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
