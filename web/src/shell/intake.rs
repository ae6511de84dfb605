//! How files come in: new ones, ones that go on with what an earlier visit left, ones chosen again.

use cairn_engine::identity::{Seen, assign};
use cairn_engine::{Input, JournalEntry, PassFailure, PassId, Source, State, UploadId};
use cairn_shared::ClientKey;
use wasm_bindgen_futures::spawn_local;

use super::Shell;
use super::loose::waiting;
use crate::platform::clock::{self, Pieces};
use crate::platform::files::{Chosen, Taken};
use crate::platform::folder::Folder;
use crate::platform::given::{Given, Looked};
use crate::platform::locks::Claim;
use crate::platform::random;

/// A file that changes is given so much time to rest before it is looked at again, in milliseconds.
const REST_MS: u32 = 1_000;

impl Shell {
    /// Takes what somebody chose.
    pub fn add(&self, taken: Taken) {
        let shell = self.clone();
        spawn_local(async move {
            let Taken { files, mut folders, mut unread } = taken;
            if !files.is_empty() {
                shell.add_files(files, &mut folders, &mut unread).await;
            }
            if !unread.is_empty() {
                shell.0.watcher.unread(&unread);
            }
            for folder in folders {
                shell.add_folder(folder).await;
            }
        });
    }

    /// Takes loose files; gives the folders among them, and the names of those that can't be read.
    async fn add_files(&self, files: Vec<Given>, folders: &mut Vec<Folder>, unread: &mut Vec<String>) {
        let entries = self.entries().await;
        let lost = self.lost();
        // What is known decides over all of them together; where nothing is, each is sent as soon as it was looked at.
        let sends_at_once = entries.is_empty() && lost.is_empty();
        let (mut chosen, mut pieces) = (Vec::new(), Pieces::new());
        for given in files {
            pieces.rest().await;
            match given.look().await {
                Looked::File(file) if sends_at_once => self.queue_fresh(file),
                Looked::File(file) => chosen.push(file),
                Looked::Folder(folder) => folders.push(folder),
                Looked::Nothing(name) => unread.push(name),
            }
        }
        if !chosen.is_empty() {
            self.add_known(chosen, entries, lost).await;
        }
        self.feed_loose();
    }

    /// Takes files some of which may go on with what is unfinished.
    async fn add_known(&self, files: Vec<Chosen>, entries: Vec<JournalEntry>, lost: Vec<(UploadId, Source)>) {
        let known = lost.iter().map(|(_, source)| Seen::from(source));
        let known: Vec<_> = known.chain(entries.iter().map(Seen::from)).collect();
        let chosen: Vec<_> = files.iter().map(|file| Seen::from(&file.source)).collect();
        let assigned = assign(&chosen, &known);
        let mut entries: Vec<_> = entries.into_iter().map(Some).collect();
        let (mut went_on, mut pieces) = (false, Pieces::new());
        for (file, index) in files.into_iter().zip(assigned) {
            pieces.rest().await;
            let entry = match index {
                // Somebody may have given it up meanwhile.
                Some(index) if index < lost.len() && self.has_lost(lost[index].0) => {
                    self.put_in_place(lost[index].0, &file);
                    continue;
                }
                Some(index) if index >= lost.len() => entries[index - lost.len()].take(),
                Some(_) | None => None,
            };
            match entry {
                Some(entry) => went_on |= self.go_on_with(file, entry).await,
                None => self.queue_fresh(file),
            }
        }
        if went_on {
            self.look_for_unfinished().await;
        }
    }

    /// Goes on with what an earlier visit left of the file; false where another tab is at it.
    async fn go_on_with(&self, file: Chosen, entry: JournalEntry) -> bool {
        let same = entry.size == file.source.size && entry.mtime == file.source.mtime;
        match self.0.claims.claim(entry.key).await {
            Claim::Fresh => {
                self.queue(file, entry.key, Some(entry));
                return true;
            }
            // Also where this tab waits for the other one already.
            Claim::Elsewhere | Claim::Ours if same => self.begin_after_other_tab(file, entry.key),
            Claim::Elsewhere | Claim::Ours => self.queue_fresh(file),
        }
        false
    }

    /// Entries of loose files that this tab is not at.
    async fn entries(&self) -> Vec<JournalEntry> {
        let Some(db) = &self.0.db else { return Vec::new() };
        self.0.journal.written().await;
        let mut entries = db.entries().await;
        let ours = self.0.uploads.borrow().keys();
        entries.retain(|entry| !ours.contains(&entry.key));
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        entries
    }

    /// Uploads of this tab that lost their file.
    fn lost(&self) -> Vec<(UploadId, Source)> {
        let folders = self.0.folders.borrow();
        // A loose file is nobody's in a folder, whatever it is called.
        let is_lost = |upload| self.has_lost(upload) && folders.key_of(upload).is_none();
        self.0.uploads.borrow().opened_that(is_lost)
    }

    fn has_lost(&self, upload: UploadId) -> bool {
        self.0.engine.borrow().state(upload) == Some(State::NeedsFile)
    }

    fn put_in_place(&self, upload: UploadId, file: &Chosen) {
        self.0.uploads.borrow_mut().reopen(upload, file.source.clone(), file.handle());
        self.open_in_worker(upload, file);
        self.handle(Input::Source { upload, source: file.source.clone() });
    }

    fn queue_fresh(&self, file: Chosen) {
        let key = random::client_key();
        self.0.claims.claim_fresh(key);
        self.queue(file, key, None);
    }

    /// Another tab sends the same file: this row waits, and goes on where that tab ends.
    fn begin_after_other_tab(&self, file: Chosen, key: ClientKey) {
        let upload = self.0.uploads.borrow_mut().number();
        self.0.uploads.borrow_mut().tell(upload, waiting(&file.source, State::Waiting));
        self.ask_for_frame();
        self.wait_elsewhere(upload, Some(key));
        let shell = self.clone();
        spawn_local(async move {
            // The row says it from now on.
            shell.look_for_unfinished().await;
            shell.0.claims.wait(key).await;
            let entry = match &shell.0.db {
                Some(db) => db.entry(key).await,
                None => None,
            };
            // Where it was given up, it waits no more.
            let wanted = shell.0.uploads.borrow().is_elsewhere(upload);
            shell.wait_elsewhere(upload, None);
            if !wanted {
                shell.0.claims.release(key);
            } else if entry.is_some() {
                shell.begin(upload, &file, key, entry);
            } else {
                // The other tab is through with it. What the server has is not sent again, and this row gets a link.
                shell.0.claims.release(key);
                let key = random::client_key();
                shell.0.claims.claim_fresh(key);
                shell.begin(upload, &file, key, None);
            }
            shell.look_for_unfinished().await;
        });
    }

    /// A row that waits for another tab is given up.
    pub(super) fn stop_waiting(&self, upload: UploadId) {
        if self.0.uploads.borrow().is_elsewhere(upload) {
            self.wait_elsewhere(upload, None);
            let shell = self.clone();
            spawn_local(async move { shell.look_for_unfinished().await });
        }
    }

    fn wait_elsewhere(&self, upload: UploadId, key: Option<ClientKey>) {
        let all = self.0.uploads.borrow_mut().wait_elsewhere(upload, key);
        self.0.watcher.elsewhere(all);
    }

    /// Hands a file to the engine; its key is claimed.
    pub(super) fn begin(&self, upload: UploadId, file: &Chosen, key: ClientKey, entry: Option<JournalEntry>) {
        self.handle(self.prepare(upload, file, key, entry));
    }

    /// As above; gives what the engine is to be told.
    pub(super) fn prepare(
        &self,
        upload: UploadId,
        file: &Chosen,
        key: ClientKey,
        entry: Option<JournalEntry>,
    ) -> Input {
        let source = file.source.clone();
        {
            let mut uploads = self.0.uploads.borrow_mut();
            if let Some(session) = entry.as_ref().and_then(|entry| entry.session.as_ref()) {
                uploads.keep_session_key(upload, session.id, session.key);
            }
            uploads.open(upload, source.clone(), file.handle(), key);
        }
        if self.0.folders.borrow().key_of(upload).is_none()
            && let Some(handle) = file.handle()
        {
            self.0.journal.save_handle(key, handle.clone());
        }
        self.open_in_worker(upload, file);
        Input::Add { upload, source, key, entry }
    }

    /// The file can't be read on as it is: it is looked at afresh where there is a handle, else it is lost.
    pub(super) fn look_again(&self, upload: UploadId, pass: PassId) {
        let shell = self.clone();
        spawn_local(async move {
            let (handle, path) = {
                let mut uploads = shell.0.uploads.borrow_mut();
                (uploads.look_again(upload), uploads.path(upload))
            };
            let mut again = None;
            if let Some(handle) = handle {
                clock::sleep(REST_MS).await;
                again = Chosen::again(&handle, path).await;
            }
            match again {
                Some(file) if shell.0.uploads.borrow().is_open(upload) => shell.put_in_place(upload, &file),
                Some(_) => {}
                None => shell.handle(Input::PassFailed { upload, pass, failure: PassFailure::Lost }),
            }
        });
    }
}
