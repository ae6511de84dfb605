//! The page's state: rows, what is unfinished, the owner's files, and what is said aloud.

use std::collections::HashSet;

use cairn_engine::{State, UploadId, View};
use cairn_shared::Name;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::platform::files::Taken;
use crate::platform::{clock, document};
use crate::shell::{FolderId, FolderView, Own, OwnId, Shell, Unfinished, Watcher};
use crate::state::focus::{UNFINISHED_PANEL, row_id};
use crate::state::handing::Handing;
use crate::state::limit::Limit;
use crate::state::totals::Totals;
use crate::state::words::{Words, fill};
use crate::state::{figures, phrases};

/// The input behind every button that chooses files, where the browser has no better picker.
pub const PICKER_INPUT: &str = "file-input";
/// As above, for a folder.
pub const FOLDER_INPUT: &str = "folder-input";
/// Progress is said again after this time, in milliseconds.
const SAY_MS: u64 = 10_000;

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

/// The page's signals, and the way to the shell.
#[derive(Clone, Copy)]
pub struct Page {
    /// In the order in which files came.
    pub rows: RwSignal<Vec<Row>>,
    /// In the order in which they came.
    pub folders: RwSignal<Vec<FolderRow>>,
    /// Rows that wait for another tab.
    pub elsewhere: RwSignal<HashSet<UploadId>>,
    /// What earlier visits left, and what other tabs are at.
    pub unfinished: RwSignal<Vec<Unfinished>>,
    /// What this owner sent earlier.
    pub files: RwSignal<Vec<Own>>,
    /// All rows in one.
    pub totals: RwSignal<Totals>,
    /// What the dialog hands over.
    pub handing: RwSignal<Option<Handing>>,
    /// The bandwidth limit.
    pub limit: RwSignal<Limit>,
    /// What the live region says.
    pub said: RwSignal<String>,
    /// A sentence that stays in sight until the next files come.
    pub notice: RwSignal<Option<String>>,
    /// What is unfinished is not kept when the tab closes.
    pub forgetful: RwSignal<bool>,
    /// Files hover over the window.
    pub hovered: RwSignal<bool>,
    /// Goes on every second while a row counts down.
    pub second: RwSignal<u64>,
    /// The language.
    pub words: StoredValue<Words>,
    pub(super) shell: StoredValue<Option<Shell>, LocalStorage>,
    /// What came before the shell had started.
    early: StoredValue<Taken, LocalStorage>,
    /// The name that `continue` asked for.
    pub(super) wanted: StoredValue<Option<String>>,
    said_at: StoredValue<(u64, u64)>,
}

impl Page {
    /// An empty page in that language, without a shell.
    pub fn new(words: Words) -> Self {
        Self {
            rows: RwSignal::default(),
            folders: RwSignal::default(),
            elsewhere: RwSignal::default(),
            unfinished: RwSignal::default(),
            files: RwSignal::default(),
            totals: RwSignal::default(),
            handing: RwSignal::default(),
            limit: RwSignal::new(Self::kept_limit()),
            said: RwSignal::default(),
            notice: RwSignal::default(),
            forgetful: RwSignal::new(false),
            hovered: RwSignal::new(false),
            second: RwSignal::new(0),
            words: StoredValue::new(words),
            shell: StoredValue::new_local(None),
            early: StoredValue::new_local(Taken::default()),
            wanted: StoredValue::new(None),
            said_at: StoredValue::new((0, 0)),
        }
    }

    /// Starts the shell, and shows what it knows.
    pub fn start(self) {
        spawn_local(async move {
            let Some(shell) = Shell::start(self).await else {
                return self.reads(false);
            };
            shell.limit(self.limit.get_untracked().bytes());
            self.shell.set_value(Some(shell.clone()));
            self.follow_address();
            self.add(self.early.try_update_value(std::mem::take).unwrap_or_default());
            self.files.set(shell.own().await);
        });
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

    /// One of the words.
    pub fn word(self, pick: impl Fn(&Words) -> &str) -> String {
        self.words.with_value(|words| pick(words).to_owned())
    }

    /// One of the words, with a name put into it.
    pub fn named(self, pick: impl Fn(&Words) -> &str, name: &str) -> String {
        self.words.with_value(|words| fill(pick(words), &[("name", name)]))
    }

    /// Has one wait.
    pub fn pause(self, upload: UploadId) {
        self.with_shell(|shell| shell.pause(upload));
    }

    /// Has one go on.
    pub fn resume(self, upload: UploadId) {
        self.with_shell(|shell| shell.resume(upload));
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
        self.with_shell(|shell| shell.cancel(upload));
        self.remove(upload);
    }

    /// Gives up what an earlier visit left.
    pub fn discard(self, left: &Unfinished) {
        self.with_shell(|shell| shell.discard(left.key));
    }

    /// Deletes a file or a folder with its links; tells whether it is gone.
    pub async fn delete(self, id: OwnId) -> bool {
        let Some(shell) = self.shell.get_value() else { return false };
        let gone = shell.delete_own(id).await;
        if gone {
            let url = self.files.with_untracked(|all| all.iter().find(|own| own.id == id)?.url.clone());
            self.files.update(|files| files.retain(|own| own.id != id));
            match id {
                OwnId::File(file) => {
                    let row = self.row_that(|view| view.finished.as_ref().is_some_and(|it| it.file == file));
                    row.into_iter().for_each(|row| self.remove(row));
                }
                OwnId::Folder(_) => {
                    let row = self.folder_that(|view| view.url.is_some() && view.url == url);
                    row.into_iter().for_each(|row| self.remove_folder(row));
                }
            }
            self.refocus();
        }
        gone
    }

    fn row_that(self, fits: impl Fn(&View) -> bool) -> Option<UploadId> {
        self.rows
            .with_untracked(|rows| rows.iter().find(|row| row.view.with_untracked(&fits)).map(|row| row.id))
    }

    pub(super) fn add(self, taken: Taken) {
        match self.shell.get_value() {
            Some(shell) if !taken.is_empty() => shell.add(taken),
            Some(_) => {}
            None => self.early.update_value(|early| early.extend(taken)),
        }
    }

    pub(super) fn with_shell(self, then: impl FnOnce(&Shell)) {
        if let Some(shell) = self.shell.get_value() {
            then(&shell);
        }
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
        self.refocus();
    }

    fn put(self, upload: UploadId, view: View) {
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
                        self.refocus_in(place);
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
            self.said.set(self.named(|words| &words.said_done, &name));
        } else if matches!(after.state, State::Failed | State::NeedsFile) {
            let why = self.words.with_value(|words| phrases::hint(words, after, clock::now()));
            let why = why.unwrap_or_default();
            self.said.set(
                self.words.with_value(|words| fill(&words.said_failed, &[("name", &name), ("why", &why)])),
            );
        }
    }

    /// Every 10 %, but not more often than every 10 s.
    fn say_progress(self) {
        let totals = self.totals.get_untracked();
        let (step, now) = (totals.percent() / 10, clock::now());
        let (said_step, said_at) = self.said_at.get_value();
        if totals.active == 0 || step == said_step || now < said_at + SAY_MS {
            return;
        }
        self.said_at.set_value((step, now));
        let percent = figures::percent_text(totals.percent());
        let (done, count) = (totals.done.to_string(), totals.count.to_string());
        let gaps = [("percent", percent.as_str()), ("done", &done), ("count", &count)];
        self.said.set(self.words.with_value(|words| fill(&words.said_progress, &gaps)));
    }

    fn set_title(self) {
        let totals = self.totals.get_untracked();
        let percent = figures::percent_text(totals.percent());
        document::set_title(&if totals.active > 0 {
            self.words.with_value(|words| fill(&words.title_progress, &[("percent", &percent)]))
        } else {
            self.word(|words| &words.title)
        });
    }
}

impl Watcher for Page {
    fn changed(&self, views: Vec<(UploadId, View)>) {
        for (upload, view) in views {
            self.put(upload, view);
        }
        self.sum_up();
        self.say_progress();
        self.set_title();
    }

    fn folders(&self, views: Vec<(FolderId, FolderView)>) {
        views.into_iter().for_each(|(id, view)| self.put_folder(id, view));
        self.sum_up();
        self.say_progress();
        self.set_title();
    }

    fn folder_gone(&self, folder: FolderId, name: &Name) {
        self.remove_folder(folder);
        self.notice.set(Some(self.named(|words| &words.folder_unread, &name.visible())));
        self.refocus();
    }

    fn unfinished(&self, left: Vec<Unfinished>) {
        if self.unfinished.with_untracked(|shown| *shown != left) {
            let focused = document::has_focus(&format!("#{UNFINISHED_PANEL}"));
            self.unfinished.set(left);
            if focused {
                self.refocus();
            }
        }
    }

    fn elsewhere(&self, uploads: HashSet<UploadId>) {
        self.elsewhere.set(uploads);
    }

    fn reads(&self, reads: bool) {
        let broken = Some(self.word(|words| &words.no_browser));
        if !reads {
            self.notice.set(broken);
        } else if self.notice.with_untracked(|notice| *notice == broken) {
            self.notice.set(None);
        }
    }

    fn forgets(&self) {
        self.forgetful.set(true);
    }

    fn weighs(&self, bytes: u64) {
        document::set_attribute("data-wasm-bytes", &bytes.to_string());
    }
}
