//! How files come in: new ones, ones that go on with what an earlier visit left, ones chosen again.

use cairn_engine::{Input, JournalEntry, Source, State, UploadId};
use wasm_bindgen_futures::spawn_local;

use super::Shell;
use crate::matching;
use crate::platform::files::Chosen;
use crate::platform::random;
use crate::worker::message::ToWorker;

impl Shell {
    /// Takes files that somebody chose.
    pub fn add(&self, files: Vec<Chosen>) {
        let shell = self.clone();
        spawn_local(async move {
            let mut entries = shell.unclaimed().await;
            let mut went_on = false;
            for file in files {
                if shell.choose_again(&file) {
                    continue;
                }
                let entry = matching::best(&file.source, &entries).map(|index| entries.remove(index));
                let entry = match entry {
                    Some(entry) if shell.0.claims.claim(entry.key).await => Some(entry),
                    Some(_) | None => None,
                };
                went_on |= entry.is_some();
                shell.begin(&file, entry);
            }
            if went_on {
                shell.look_for_unfinished().await;
            }
        });
    }

    /// Tells what earlier visits left, and no tab is at.
    pub async fn look_for_unfinished(&self) {
        let entries = self.unclaimed().await;
        self.0.watcher.unfinished(entries);
    }

    /// Gives up what an earlier visit left.
    pub fn discard(&self, entry: JournalEntry) {
        let shell = self.clone();
        spawn_local(async move {
            if let Some(db) = &shell.0.db {
                // An entry that stays is shown again, and can be discarded again.
                let _ = db.forget(entry.key).await;
            }
            shell.look_for_unfinished().await;
            if let Some(session) = entry.session {
                shell.delete_session(session.id, session.key).await;
            }
        });
    }

    async fn unclaimed(&self) -> Vec<JournalEntry> {
        let Some(db) = &self.0.db else { return Vec::new() };
        let mut entries = db.entries().await;
        if !entries.is_empty() {
            let held = self.0.claims.held_elsewhere().await;
            let uploads = self.0.uploads.borrow();
            entries.retain(|entry| !held.contains(&entry.key) && !uploads.has_key(entry.key));
            entries.sort_by(|a, b| a.name.cmp(&b.name));
        }
        entries
    }

    /// Hands the file to an upload of this tab that lost its own.
    fn choose_again(&self, file: &Chosen) -> bool {
        let (ids, sources): (Vec<UploadId>, Vec<Source>) = {
            let engine = self.0.engine.borrow();
            let lost = |upload| engine.view(upload).is_some_and(|view| view.state == State::NeedsFile);
            self.0.uploads.borrow().opened().into_iter().filter(|(upload, _)| lost(*upload)).unzip()
        };
        let Some(upload) = matching::best(&file.source, &sources).map(|index| ids[index]) else {
            return false;
        };
        self.0.uploads.borrow_mut().reopen(upload, file.source.clone());
        self.0.port.post_file(&ToWorker::Open { upload: upload.0 }, file.file());
        self.handle(Input::Source { upload, source: file.source.clone() });
        true
    }

    fn begin(&self, file: &Chosen, entry: Option<JournalEntry>) {
        let source = file.source.clone();
        let key = entry.as_ref().map_or_else(random::client_key, |entry| entry.key);
        if entry.is_none() {
            self.0.claims.claim_fresh(key);
        }
        let upload = {
            let mut uploads = self.0.uploads.borrow_mut();
            if let Some(session) = entry.as_ref().and_then(|entry| entry.session.as_ref()) {
                uploads.keep_session_key(session.id, session.key);
            }
            uploads.open(source.clone(), key)
        };
        self.0.port.post_file(&ToWorker::Open { upload: upload.0 }, file.file());
        self.handle(Input::Add { upload, source, key, entry });
    }
}
