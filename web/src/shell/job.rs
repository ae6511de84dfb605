//! A folder under way: its files wait here, and a few at a time are with the engine.

use std::collections::{BTreeMap, VecDeque};

use cairn_engine::{JournalEntry, Now, State, Trouble, UploadId, View};
use cairn_shared::message::FolderResponse;
use cairn_shared::{ClientKey, Name};

use super::SMALL_MAX;
use crate::platform::files::Chosen;
use crate::platform::idb::FolderRecord;

/// Files of one folder that are with the engine and go on; a few more than it works on at once.
const LOADED_MAX: usize = SMALL_MAX + 100;
/// So many failures are none of the files' own: the rest waits until a person has looked.
const TROUBLED_MAX: usize = 50;
/// Between two measurements of speed, in milliseconds.
const MEASURE_MS: Now = 1_000;

/// One folder, numbered by the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FolderId(pub u32);

/// What there is to see of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderView {
    /// Its name.
    pub name: Name,
    /// As of a file; `reading` also while the folder itself is walked.
    pub state: State,
    /// Not all of its files are known yet.
    pub walking: bool,
    /// Files known so far.
    pub files: u32,
    /// Files that have arrived.
    pub done: u32,
    /// Files that failed.
    pub failed: u32,
    /// Files that are gone, or can't be read.
    pub lost: u32,
    /// Only what is missing or failed keeps it from its end.
    pub can_do_without: bool,
    /// Folders in it without anything in them.
    pub empty: u32,
    /// Its link, once everything has arrived.
    pub url: Option<String>,
    /// Sum of sizes, in bytes.
    pub size: u64,
    /// Sum of what is cut and hashed, in bytes.
    pub read: u64,
    /// Sum of what the server has, in bytes.
    pub stored: u64,
    /// Sum of what had not to be sent, in bytes.
    pub reused: u64,
    /// Sum of what was sent in this visit, in bytes.
    pub sent: u64,
    /// Bytes per second; absent while it rests.
    pub speed: Option<u64>,
    /// Why a file waits or failed.
    pub trouble: Option<Trouble>,
    /// When that file is tried again.
    pub retry_at: Option<Now>,
}

/// What the server says that it has of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Receipt {
    pub(super) files: u32,
    pub(super) folders: u32,
    pub(super) url: Option<String>,
}

/// A file that is not with the engine yet.
pub(super) struct Waiting {
    pub(super) file: Chosen,
    pub(super) key: ClientKey,
    pub(super) entry: Option<JournalEntry>,
}

/// A folder.
pub(super) struct Job {
    pub(super) record: FolderRecord,
    pub(super) waiting: VecDeque<Waiting>,
    pub(super) loaded: BTreeMap<UploadId, Option<View>>,
    pub(super) walking: bool,
    pub(super) paused: bool,
    /// Everything has arrived, and the journal has forgotten it.
    pub(super) over: bool,
    /// Entries of files that are through while the walk still goes on. If the visit ends before the walk does, the
    /// next one has to know them.
    pub(super) held_back: Vec<ClientKey>,
    /// The folder on the server; `None` where it takes none, so that its files say why.
    pub(super) server: Option<FolderResponse>,
    /// Why the server has not answered for the folder itself, and when it is asked again.
    pub(super) unanswered: Option<(Trouble, Now)>,
    /// The server knows which folders are empty.
    pub(super) empty_told: bool,
    /// What the server says that it has, once everything should be there.
    pub(super) receipt: Option<Receipt>,
    /// Files that can't be read.
    pub(super) lost: u32,
    /// Entries of files that the journal knows and the walk has not met.
    pub(super) unmet: Vec<JournalEntry>,
    done: u32,
    stored: u64,
    reused: u64,
    sent: u64,
    measured: Option<(Now, u64)>,
    speed: Option<u64>,
}

impl Job {
    /// A folder of which so many files, so many bytes, are through since earlier visits.
    pub(super) fn new(record: FolderRecord, done: u32, stored: u64) -> Self {
        Self {
            record,
            waiting: VecDeque::new(),
            loaded: BTreeMap::new(),
            walking: true,
            paused: false,
            over: false,
            held_back: Vec::new(),
            server: None,
            unanswered: None,
            receipt: None,
            empty_told: false,
            lost: 0,
            unmet: Vec::new(),
            done,
            stored,
            reused: 0,
            sent: 0,
            measured: None,
            speed: None,
        }
    }

    /// The next file for the engine, where there is room for one.
    pub(super) fn next(&mut self) -> Option<Waiting> {
        let count = |rests: bool| self.loaded.values().filter(|view| rests == rests_alone(view)).count();
        let room = !self.paused && count(false) < LOADED_MAX && count(true) < TROUBLED_MAX;
        if room { self.waiting.pop_front() } else { None }
    }

    /// A file is published.
    pub(super) fn settle(&mut self, upload: UploadId, view: &View) {
        self.loaded.remove(&upload);
        self.done += 1;
        self.stored += view.size;
        self.reused += view.reused;
        self.sent += view.sent;
    }

    /// Every file has arrived.
    pub(super) fn is_done(&self) -> bool {
        !self.walking && self.waiting.is_empty() && self.loaded.is_empty() && self.lacks_none()
    }

    fn lacks_none(&self) -> bool {
        self.lost == 0 && self.unmet.is_empty()
    }

    /// Nothing goes on any more but by a person, who may do without what is missing or failed.
    fn can_do_without(&self) -> bool {
        let rests = !self.walking && !self.paused && self.waiting.is_empty() && !self.is_done();
        rests && self.server.is_some() && self.loaded.values().all(rests_alone)
    }

    /// Takes out what is missing or failed: entries that were never met, and uploads.
    pub(super) fn do_without(&mut self) -> (Vec<JournalEntry>, Vec<UploadId>) {
        if !self.can_do_without() {
            return (Vec::new(), Vec::new());
        }
        self.lost = 0;
        let (unmet, loaded) = (std::mem::take(&mut self.unmet), std::mem::take(&mut self.loaded));
        let sizes = unmet.iter().map(|entry| entry.size);
        let size: u64 = sizes.chain(loaded.values().flatten().map(|view| view.size)).sum();
        self.record.files = self.record.files.saturating_sub((unmet.len() + loaded.len()) as u32);
        self.record.size = self.record.size.saturating_sub(size);
        (unmet, loaded.into_keys().collect())
    }

    /// Files that only a person can have go on.
    pub(super) fn troubled(&self) -> Vec<UploadId> {
        self.loaded.iter().filter(|(_, view)| rests_alone(view)).map(|(upload, _)| *upload).collect()
    }

    /// What there is to see.
    pub(super) fn view(&mut self, now: Now) -> FolderView {
        let sum = |pick: fn(&View) -> u64| self.loaded.values().flatten().map(pick).sum::<u64>();
        let (loaded_read, stored) = (sum(|view| view.read), self.stored + sum(|view| view.stored));
        let (reused, sent) = (self.reused + sum(|view| view.reused), self.sent + sum(|view| view.sent));
        let read = self.stored + loaded_read;
        let failed = self.loaded.values().flatten().filter(|view| view.state == State::Failed).count() as u32;
        let needs =
            self.loaded.values().flatten().filter(|view| view.state == State::NeedsFile).count() as u32;
        let state = self.state();
        self.measure(now, stored, state);
        let wait = self.loaded.values().flatten().find(|view| view.state == state && view.trouble.is_some());
        let unanswered = self.unanswered.clone().filter(|_| state == State::Offline && wait.is_none());
        let retry_at =
            wait.and_then(|view| view.retry_at).or(unanswered.as_ref().map(|(_, retry_at)| *retry_at));
        FolderView {
            name: self.record.name.clone(),
            state,
            walking: self.walking,
            files: self.record.files,
            done: self.receipt.as_ref().map_or(self.done, |receipt| receipt.files),
            failed,
            lost: self.lost + self.unmet.len() as u32 + needs,
            can_do_without: self.can_do_without(),
            empty: self.receipt.as_ref().map_or(self.record.empty.len() as u32, |receipt| receipt.folders),
            url: self.receipt.as_ref().and_then(|receipt| receipt.url.clone()),
            size: self.record.size,
            read,
            stored,
            reused,
            sent,
            speed: self.speed,
            trouble: wait.and_then(|view| view.trouble.clone()).or(unanswered.map(|(trouble, _)| trouble)),
            retry_at,
        }
    }

    fn state(&self) -> State {
        let any = |state: State| self.loaded.values().flatten().any(|view| view.state == state);
        if self.is_done() {
            let is_told = self.receipt.is_some() || self.server.is_none();
            return match (is_told, &self.unanswered) {
                (true, _) => State::Done,
                (false, Some(_)) => State::Offline,
                (false, None) => State::Verifying,
            };
        }
        if self.paused {
            return State::Paused;
        }
        let busy = [State::Sending, State::Reading, State::Offline, State::Verifying];
        if let Some(state) = busy.into_iter().find(|state| any(*state)) {
            // While files are left, one that is being published is no news.
            let last = self.waiting.is_empty() && !self.walking;
            return if state == State::Verifying && !last { State::Sending } else { state };
        }
        let resting = self.loaded.values().all(rests_alone);
        if self.unanswered.is_some() {
            State::Offline
        } else if self.walking {
            State::Reading
        } else if !resting || (!self.waiting.is_empty() && self.loaded.len() < TROUBLED_MAX) {
            State::Waiting
        } else if any(State::Failed) {
            State::Failed
        } else {
            State::NeedsFile
        }
    }

    fn measure(&mut self, now: Now, stored: u64, state: State) {
        if !matches!(state, State::Reading | State::Sending | State::Verifying) {
            (self.measured, self.speed) = (None, None);
            return;
        }
        let Some((at, before)) = self.measured else {
            self.measured = Some((now, stored));
            return;
        };
        if now >= at + MEASURE_MS {
            let fresh = stored.saturating_sub(before) * 1_000 / (now - at);
            self.speed = Some(self.speed.map_or(fresh, |speed| (speed * 3 + fresh) / 4));
            self.measured = Some((now, stored));
        }
    }
}

/// Goes on only when a person does something.
fn rests_alone(view: &Option<View>) -> bool {
    view.as_ref().is_some_and(|view| matches!(view.state, State::Failed | State::NeedsFile))
}

#[cfg(test)]
mod tests {
    use cairn_shared::FolderId;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    fn view(state: State) -> Option<View> {
        Some(View {
            name: "file".parse().unwrap(),
            path: None,
            size: 10,
            state,
            read: 0,
            stored: 0,
            reused: 0,
            sent: 0,
            speed: None,
            left_seconds: None,
            changed: false,
            limit: None,
            trouble: None,
            retry_at: None,
            finished: None,
        })
    }

    fn entry() -> JournalEntry {
        JournalEntry {
            key: ClientKey::new([2; 16]),
            name: "gone".parse().unwrap(),
            path: None,
            folder: None,
            rule: None,
            size: 5,
            mtime: None,
            media_type: None,
            start_size: 5,
            start_mtime: None,
            session: None,
            stored: 0,
        }
    }

    /// A walked folder of ten files, 100 bytes: one was never met, and one is as given.
    fn job(state: State) -> Job {
        let key = ClientKey::new([1; 16]);
        let name = "folder".parse().unwrap();
        let record = FolderRecord { key, name, files: 10, size: 100, empty: Vec::new(), walked_at: Some(1) };
        let mut job = Job::new(record, 8, 85);
        job.walking = false;
        job.server = Some(FolderResponse { folder: FolderId::new([3; 16]), revision: 1, url: None });
        job.unmet.push(entry());
        job.loaded.insert(UploadId(1), view(state));
        job
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn ends_without_what_is_missing_once_nothing_else_goes_on() {
        for state in [State::Sending, State::Waiting, State::Offline] {
            let mut job = job(state);
            assert!(!job.view(0).can_do_without, "{state:?}");
            assert_eq!(job.do_without(), (Vec::new(), Vec::new()));
            assert_eq!(job.view(0).lost, 1);
        }
        for state in [State::Failed, State::NeedsFile] {
            let mut job = job(state);
            assert!(job.view(0).can_do_without, "{state:?}");
            assert_eq!(job.do_without(), (vec![entry()], vec![UploadId(1)]));
            assert!(job.is_done());
            let view = job.view(0);
            assert_eq!((view.files, view.size, view.lost, view.failed), (8, 85, 0, 0));
            assert_eq!(view.state, State::Verifying);
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn says_that_the_server_does_not_answer_for_the_folder() {
        let mut job = job(State::Sending);
        job.unanswered = Some((Trouble::Network, 7));
        assert_eq!(job.view(0).state, State::Sending, "its files have an answer");
        job.loaded.clear();
        job.walking = true;
        let view = job.view(0);
        assert_eq!(
            (view.state, view.trouble, view.retry_at),
            (State::Offline, Some(Trouble::Network), Some(7))
        );
        job.paused = true;
        let view = job.view(0);
        assert_eq!((view.state, view.trouble, view.retry_at), (State::Paused, None, None));
    }
}
