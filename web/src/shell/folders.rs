//! Folders: walked in slices, kept in the journal, fed to the engine a few files at a time.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cairn_engine::{Input, JournalEntry, Now, UploadId, View};
use cairn_shared::ClientKey;
use wasm_bindgen_futures::spawn_local;

use super::Shell;
use super::job::{FolderId, FolderView, Job, Waiting};
use crate::platform::folder::{Folder, Found, Lost};
use crate::platform::idb::FolderRecord;
use crate::platform::locks::Claim;
use crate::platform::{clock, random};

/// Which of a folder's files are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// All, for the first time.
    New,
    /// All.
    All,
    /// Those that the journal knows; others are through since an earlier visit, unless they changed since then.
    Unfinished,
}

/// All folders of this tab.
#[derive(Default)]
pub(super) struct Folders {
    next: u32,
    jobs: BTreeMap<FolderId, Job>,
    homes: HashMap<UploadId, FolderId>,
    changed: BTreeSet<FolderId>,
}

impl Folders {
    /// Whether a folder of this tab has that key.
    pub(super) fn has_key(&self, key: ClientKey) -> bool {
        self.jobs.values().any(|job| job.record.key == key && !job.over)
    }

    /// The key of the folder that an upload's file lies in.
    pub(super) fn key_of(&self, upload: UploadId) -> Option<ClientKey> {
        self.jobs.get(self.homes.get(&upload)?).map(|job| job.record.key)
    }

    /// Keeps an entry that is over until the walk is; false where it already is.
    pub(super) fn hold_back(&mut self, upload: UploadId, key: ClientKey) -> bool {
        let job = self.homes.get(&upload).and_then(|id| self.jobs.get_mut(id)).filter(|job| job.walking);
        let held = job.is_some();
        job.into_iter().for_each(|job| job.held_back.push(key));
        held
    }

    /// Takes the view of a file in a folder; gives back that of a loose file.
    pub(super) fn keep_view(&mut self, upload: UploadId, view: View) -> Option<View> {
        let Some(id) = self.homes.get(&upload) else { return Some(view) };
        if let Some(kept) = self.jobs.get_mut(id).and_then(|job| job.loaded.get_mut(&upload)) {
            *kept = Some(view);
            self.changed.insert(*id);
        }
        None
    }

    /// Whether any folder may look different.
    pub(super) fn any_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// What looks different since the last time.
    pub(super) fn take_changed(&mut self, now: Now) -> Vec<(FolderId, FolderView)> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().filter_map(|id| Some((id, self.jobs.get_mut(&id)?.view(now)))).collect()
    }

    /// Whether somebody still wants it.
    pub(super) fn is_here(&self, id: FolderId) -> bool {
        self.jobs.contains_key(&id)
    }

    pub(super) fn change<T>(&mut self, id: FolderId, change: impl FnOnce(&mut Job) -> T) -> Option<T> {
        self.changed.insert(id);
        self.jobs.get_mut(&id).map(change)
    }
}

impl Shell {
    /// Takes a folder; one of that name that an earlier visit left goes on.
    pub(super) async fn add_folder(&self, folder: Folder) {
        for record in self.unclaimed_folders(&folder).await {
            if self.0.claims.claim(record.key).await == Claim::Fresh {
                self.begin_folder(folder, record, Which::All).await;
                self.look_for_unfinished().await;
                return;
            }
        }
        let key = random::client_key();
        self.0.claims.claim_fresh(key);
        let name = folder.name.clone();
        let record = FolderRecord { key, name, files: 0, size: 0, empty: Vec::new(), walked_at: None };
        self.begin_folder(folder, record, Which::New).await;
    }

    /// Takes a folder that this tab has claimed: it has its row from now on, and goes on by itself.
    pub(super) async fn begin_folder(&self, folder: Folder, mut record: FolderRecord, which: Which) {
        let inner = &self.0;
        let key = record.key;
        let entries = match &inner.db {
            Some(db) => db.files_of(key).await,
            None => Vec::new(),
        };
        let (left, left_bytes) = (entries.len() as u32, entries.iter().map(|entry| entry.size).sum::<u64>());
        let walked_at = record.walked_at;
        // Of a walk that was cut short nobody knows how much there is: it is counted again.
        let (done, stored) = match walked_at {
            Some(_) => (record.files.saturating_sub(left), record.size.saturating_sub(left_bytes)),
            None => (0, 0),
        };
        (record.files, record.size) = (done, stored);
        record.empty.clear();
        if let Some(handle) = folder.handle() {
            inner.journal.save_handle(key, handle.clone());
        }
        if walked_at.is_none() {
            inner.journal.save_folder(record.clone());
        }
        let id = self.keep_job(Job::new(record, done, stored));
        let known: HashMap<String, JournalEntry> = entries
            .into_iter()
            .filter_map(|entry| Some((entry.path.as_ref()?.as_str().to_owned(), entry)))
            .collect();
        let since = walked_at.filter(|_| which == Which::Unfinished);
        let shell = self.clone();
        spawn_local(async move { shell.run_folder(id, folder, known, since, which).await });
    }

    /// Walks a folder and sends what is in it.
    async fn run_folder(
        &self,
        id: FolderId,
        folder: Folder,
        mut known: HashMap<String, JournalEntry>,
        since: Option<u64>,
        which: Which,
    ) {
        let Some(key) = self.0.folders.borrow().jobs.get(&id).map(|job| job.record.key) else { return };
        self.make_folder(id, key, folder.name.clone()).await;
        let walked = folder.walk(|found| self.take_found(id, found, &mut known, since)).await;
        if !self.0.folders.borrow().is_here(id) {
            return;
        }
        match walked {
            Ok(()) => self.end_walk(id, known),
            Err(Lost) => self.leave_folder(id, which).await,
        }
    }

    /// It can't be read: somebody has to choose it again.
    async fn leave_folder(&self, id: FolderId, which: Which) {
        let Some(job) = self.0.folders.borrow_mut().jobs.remove(&id) else { return };
        let key = job.record.key;
        self.0.watcher.folder_gone(id, &job.record.name);
        if which == Which::New {
            // There is nothing to go on with.
            self.0.journal.forget_folder(key);
        } else {
            self.0.left.borrow_mut().lose(key);
        }
        self.release(key);
        self.look_for_unfinished().await;
    }

    fn keep_job(&self, job: Job) -> FolderId {
        let mut folders = self.0.folders.borrow_mut();
        folders.next += 1;
        let id = FolderId(folders.next);
        folders.jobs.insert(id, job);
        folders.changed.insert(id);
        drop(folders);
        self.ask_for_frame();
        id
    }

    /// Takes a slice of the walk; false where nobody wants the folder any more.
    fn take_found(
        &self,
        id: FolderId,
        found: Found,
        known: &mut HashMap<String, JournalEntry>,
        since: Option<u64>,
    ) -> bool {
        let mut folders = self.0.folders.borrow_mut();
        let taken = folders.change(id, |job| {
            job.record.empty.extend(found.empty);
            job.lost += found.left_out;
            for mut file in found.files {
                file.source.folder = job.server.as_ref().map(|server| server.folder);
                let Some(path) = &file.source.path else { continue };
                let entry = known.remove(path.as_str());
                let unchanged =
                    since.is_some_and(|since| file.source.mtime.is_none_or(|mtime| mtime <= since));
                if entry.is_none() && unchanged {
                    continue;
                }
                job.record.files += 1;
                job.record.size += entry.as_ref().map_or(file.source.size, |entry| entry.size);
                let key = entry.as_ref().map_or_else(random::client_key, |entry| entry.key);
                if entry.is_none() {
                    self.0.journal.save(Some(job.record.key), JournalEntry::fresh(key, &file.source));
                }
                job.waiting.push_back(Waiting { file, key, entry });
            }
        });
        drop(folders);
        self.feed(id);
        self.ask_for_frame();
        taken.is_some()
    }

    /// Everything in it is known from now on. What the journal knows and the walk has not met is lost.
    fn end_walk(&self, id: FolderId, unmet: HashMap<String, JournalEntry>) {
        let journal = &self.0.journal;
        self.0.folders.borrow_mut().change(id, |job| {
            job.walking = false;
            job.record.files += unmet.len() as u32;
            job.record.size += unmet.values().map(|entry| entry.size).sum::<u64>();
            job.unmet = unmet.into_values().collect();
            job.record.walked_at = Some(clock::unix_now());
            journal.save_folder(job.record.clone());
            for key in std::mem::take(&mut job.held_back) {
                journal.forget(Some(job.record.key), key);
            }
        });
        self.send_empty(id);
        self.feed(id);
        self.end_if_done(id);
        self.ask_for_frame();
    }

    /// Gives the engine as many files as it has room for.
    fn feed(&self, id: FolderId) {
        loop {
            let next = self.0.folders.borrow_mut().jobs.get_mut(&id).and_then(Job::next);
            let Some(Waiting { file, key, entry }) = next else { return };
            let upload = self.0.uploads.borrow_mut().number();
            {
                let mut folders = self.0.folders.borrow_mut();
                folders.homes.insert(upload, id);
                folders.change(id, |job| job.loaded.insert(upload, None));
            }
            self.begin(upload, &file, key, entry);
        }
    }

    /// A file in a folder was published: the engine need not know it any more, and the next one takes its place.
    pub(super) fn settle(&self, upload: UploadId) {
        let Some(id) = self.0.folders.borrow().homes.get(&upload).copied() else { return };
        let view = self.0.engine.borrow().view(upload).filter(|view| view.finished.is_some());
        let Some(view) = view else { return };
        {
            let mut folders = self.0.folders.borrow_mut();
            folders.change(id, |job| job.settle(upload, &view));
            folders.homes.remove(&upload);
        }
        self.drop_upload(upload);
        self.0.uploads.borrow_mut().forget_session(upload);
        self.feed(id);
        self.end_if_done(id);
    }

    fn drop_upload(&self, upload: UploadId) {
        self.handle(Input::Cancel(upload));
        self.close(upload);
    }

    pub(super) fn end_if_done(&self, id: FolderId) {
        let key = {
            let mut folders = self.0.folders.borrow_mut();
            let done = folders.jobs.get_mut(&id).filter(|job| job.is_done() && job.empty_told && !job.over);
            done.map(|job| {
                job.over = true;
                job.record.key
            })
        };
        if let Some(key) = key {
            let shell = self.clone();
            spawn_local(async move {
                shell.take_receipt(id).await;
                shell.0.journal.forget_folder(key);
                shell.release(key);
            });
        }
    }

    /// A person wants a folder to wait.
    pub fn pause_folder(&self, id: FolderId) {
        let loaded = self.0.folders.borrow_mut().change(id, |job| {
            job.paused = true;
            job.loaded.keys().copied().collect::<Vec<_>>()
        });
        loaded.unwrap_or_default().into_iter().for_each(|upload| self.handle(Input::Pause(upload)));
    }

    /// A person wants a folder to go on; also a retry of what failed in it.
    pub fn resume_folder(&self, id: FolderId) {
        let loaded = self.0.folders.borrow_mut().change(id, |job| {
            let resting = if job.paused { job.loaded.keys().copied().collect() } else { job.troubled() };
            job.paused = false;
            resting
        });
        loaded.unwrap_or_default().into_iter().for_each(|upload| self.handle(Input::Resume(upload)));
        self.feed(id);
    }

    /// A person does without what is missing or failed: the folder ends with what has arrived.
    pub fn do_without(&self, id: FolderId) {
        let taken = self
            .0
            .folders
            .borrow_mut()
            .change(id, |job| (job.record.key, job.do_without(), job.record.clone()));
        let Some((key, (unmet, loaded), record)) = taken else { return };
        unmet.iter().for_each(|entry| self.0.journal.forget(Some(key), entry.key));
        self.0.journal.save_folder(record);
        for upload in loaded {
            self.drop_upload(upload);
            self.0.folders.borrow_mut().homes.remove(&upload);
        }
        self.end_if_done(id);
        self.ask_for_frame();
        self.delete_sessions(unmet);
    }

    fn delete_sessions(&self, entries: impl IntoIterator<Item = JournalEntry>) {
        let shell = self.clone();
        let sessions: Vec<_> = entries.into_iter().filter_map(|entry| entry.session).collect();
        spawn_local(async move {
            for session in sessions {
                shell.delete_session(session.id, session.key).await;
            }
        });
    }

    /// A person gives a folder up; what has arrived stays.
    pub fn cancel_folder(&self, id: FolderId) {
        let Some(job) = self.0.folders.borrow_mut().jobs.remove(&id) else { return };
        for upload in job.loaded.into_keys() {
            self.drop_upload(upload);
            self.0.folders.borrow_mut().homes.remove(&upload);
        }
        if !job.over {
            self.0.journal.forget_folder(job.record.key);
            self.release(job.record.key);
        }
        self.delete_sessions(job.waiting.into_iter().filter_map(|waiting| waiting.entry).chain(job.unmet));
    }
}
