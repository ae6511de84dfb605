//! Folders: walked in slices, kept in the journal, fed to the engine a few files at a time.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use cairn_engine::folder::{self, Config, FolderRecord};
use cairn_engine::{Input, JournalEntry, Now, UploadId, View};
use cairn_shared::ClientKey;
use wasm_bindgen_futures::spawn_local;

use super::{SMALL_MAX, Shell};
use crate::platform::clock::{self, Timer};
use crate::platform::files::Chosen;
use crate::platform::folder::{Folder, Found, Lost};
use crate::platform::locks::Claim;
use crate::platform::random;

pub use cairn_engine::folder::{FolderId, FolderView};

/// Files of one folder that are with the engine and go on, a few more than it works on at once; and those that wait for a person.
const CONFIG: Config = Config { loaded_max: SMALL_MAX + 100, troubled_max: 50, unattended: false };

type Job = folder::Folder<Chosen>;

/// All folders of this tab.
#[derive(Default)]
pub(super) struct Folders {
    next: u32,
    jobs: BTreeMap<FolderId, Job>,
    homes: HashMap<UploadId, FolderId>,
    changed: BTreeSet<FolderId>,
    /// Those that the journal has forgotten, since they came to their end.
    over: HashSet<FolderId>,
    timers: HashMap<FolderId, Timer>,
}

impl Folders {
    /// Whether a folder of this tab has that key.
    pub(super) fn has_key(&self, key: ClientKey) -> bool {
        self.jobs.values().any(|job| job.key() == key && !job.is_over())
    }

    /// The key of the folder that an upload's file lies in.
    pub(super) fn key_of(&self, upload: UploadId) -> Option<ClientKey> {
        self.jobs.get(self.homes.get(&upload)?).map(Job::key)
    }

    /// Takes the view of a file in a folder; gives back that of a loose file.
    pub(super) fn keep_view(&mut self, upload: UploadId, view: View) -> Option<View> {
        let Some(id) = self.homes.get(&upload) else { return Some(view) };
        if let Some(job) = self.jobs.get_mut(id) {
            job.looks(upload, view);
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
    fn is_here(&self, id: FolderId) -> bool {
        self.jobs.contains_key(&id)
    }

    pub(super) fn change<T>(&mut self, id: FolderId, change: impl FnOnce(&mut Job) -> T) -> Option<T> {
        let job = self.jobs.get_mut(&id)?;
        self.changed.insert(id);
        Some(change(job))
    }

    /// Has one timer for each folder at most.
    pub(super) fn set_timer(&mut self, id: FolderId, timer: Option<Timer>) {
        self.timers.remove(&id);
        self.timers.extend(timer.map(|timer| (id, timer)));
    }

    fn remove(&mut self, id: FolderId) -> Option<Job> {
        self.timers.remove(&id);
        self.changed.remove(&id);
        self.jobs.remove(&id)
    }
}

impl Shell {
    /// Takes a folder; one of that name that an earlier visit left goes on.
    pub(super) async fn add_folder(&self, folder: Folder) {
        for record in self.unclaimed_folders(&folder).await {
            if self.0.claims.claim(record.key).await == Claim::Fresh {
                self.begin_folder(folder, record).await;
                self.look_for_unfinished().await;
                return;
            }
        }
        let key = random::client_key();
        self.0.claims.claim_fresh(key);
        let record = FolderRecord::new(key, folder.name.clone());
        self.0.journal.save_folder(record.clone());
        self.take_folder(folder, Job::new(CONFIG, record, None));
    }

    /// Goes on with a folder that an earlier visit left, and that this tab has claimed.
    pub(super) async fn begin_folder(&self, folder: Folder, record: FolderRecord) {
        let entries = match &self.0.db {
            Some(db) => db.files_of(record.key).await,
            None => Vec::new(),
        };
        self.take_folder(folder, Job::new(CONFIG, record, Some(entries)));
    }

    /// It has its row from now on, and goes on by itself.
    fn take_folder(&self, folder: Folder, job: Job) {
        if let Some(handle) = folder.handle() {
            self.0.journal.save_handle(job.key(), handle.clone());
        }
        let is_new = job.is_new();
        let id = self.keep_job(job);
        let shell = self.clone();
        spawn_local(async move {
            let walked = folder.walk(|found| shell.take_found(id, found)).await;
            if !shell.0.folders.borrow().is_here(id) {
                return;
            }
            match walked {
                Ok(()) => shell.end_walk(id),
                Err(Lost) => shell.leave_folder(id, is_new).await,
            }
        });
    }

    /// It can't be read: somebody has to choose it again.
    async fn leave_folder(&self, id: FolderId, is_new: bool) {
        let Some(job) = self.0.folders.borrow_mut().remove(id) else { return };
        let key = job.key();
        self.0.watcher.folder_gone(id, &job.record().name);
        if is_new {
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
        self.go_on_with_folder(id);
        self.ask_for_frame();
        id
    }

    /// Takes a slice of the walk; false where nobody wants the folder any more.
    fn take_found(&self, id: FolderId, found: Found) -> bool {
        let Found { files, empty, left_out } = found;
        let files = files.into_iter().map(|file| (file, random::client_key())).collect();
        let found = folder::Found { files, empty, left_out };
        let taken = self.0.folders.borrow_mut().change(id, |job| job.found(found));
        self.go_on_with_folder(id);
        self.ask_for_frame();
        taken.is_some()
    }

    /// Everything in it is known from now on.
    fn end_walk(&self, id: FolderId) {
        let walked = self.0.folders.borrow_mut().change(id, |job| {
            job.walked(clock::unix_now());
            job.record().clone()
        });
        walked.into_iter().for_each(|record| self.0.journal.save_folder(record));
        self.go_on_with_folder(id);
        self.ask_for_frame();
    }

    /// Does what the folder asks for.
    pub(super) fn go_on_with_folder(&self, id: FolderId) {
        let fresh = self.0.folders.borrow_mut().change(id, |job| (job.key(), job.take_fresh()));
        let Some((key, fresh)) = fresh else { return };
        fresh.into_iter().for_each(|entry| self.0.journal.save(Some(key), entry));
        self.feed(id);
        self.ask_for_folder(id);
        let is_over = self.0.folders.borrow_mut().change(id, |job| job.is_over()).unwrap_or_default();
        if is_over && self.0.folders.borrow_mut().over.insert(id) {
            self.0.journal.forget_folder(key);
            self.release(key);
        }
    }

    /// Gives the engine as many files as it has room for.
    fn feed(&self, id: FolderId) {
        let mut adds = Vec::new();
        loop {
            let upload = self.0.uploads.borrow_mut().number();
            let next = {
                let mut folders = self.0.folders.borrow_mut();
                let next = folders.change(id, |job| job.next_file(upload)).flatten();
                next.inspect(|_| {
                    folders.homes.insert(upload, id);
                })
            };
            let Some(folder::Waiting { file, key, entry }) = next else { break };
            adds.push(self.prepare(upload, &file, key, entry));
        }
        if !adds.is_empty() {
            self.handle_all(adds);
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
        self.go_on_with_folder(id);
    }

    fn drop_upload(&self, upload: UploadId) {
        self.handle(Input::Cancel(upload));
        self.close(upload);
    }

    /// A person wants a folder to wait.
    pub fn pause_folder(&self, id: FolderId) {
        let loaded = self.0.folders.borrow_mut().change(id, Job::pause);
        loaded.unwrap_or_default().into_iter().for_each(|upload| self.handle(Input::Pause(upload)));
    }

    /// A person wants a folder to go on; also a retry of what failed in it.
    pub fn resume_folder(&self, id: FolderId) {
        let loaded = self.0.folders.borrow_mut().change(id, |job| job.resume(clock::now()));
        loaded.unwrap_or_default().into_iter().for_each(|upload| self.handle(Input::Resume(upload)));
        self.go_on_with_folder(id);
        self.ask_for_frame();
    }

    /// A person does without what is missing or failed: the folder ends with what has arrived.
    pub fn do_without(&self, id: FolderId) {
        let taken = self.0.folders.borrow_mut().change(id, |job| (job.do_without(), job.record().clone()));
        let Some(((unmet, loaded), record)) = taken else { return };
        unmet.iter().for_each(|entry| self.0.journal.forget(Some(record.key), entry.key));
        self.0.journal.save_folder(record);
        for upload in loaded {
            self.drop_upload(upload);
            self.0.folders.borrow_mut().homes.remove(&upload);
        }
        self.go_on_with_folder(id);
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
        let Some(job) = self.0.folders.borrow_mut().remove(id) else { return };
        if !job.is_over() {
            self.0.journal.forget_folder(job.key());
            self.release(job.key());
        }
        let empty = job.made_in_vain();
        let (loaded, entries) = job.take_apart();
        for upload in loaded {
            self.drop_upload(upload);
            self.0.folders.borrow_mut().homes.remove(&upload);
        }
        self.delete_sessions(entries);
        let shell = self.clone();
        spawn_local(async move {
            if let Some(folder) = empty {
                shell.remove_if_empty(folder).await;
            }
        });
    }
}
