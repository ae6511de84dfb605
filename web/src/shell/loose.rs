//! Loose files that wait for the engine: it looks at every upload at each step, so it gets some at a time.

use std::collections::{BTreeSet, HashMap};

use cairn_engine::{Input, JournalEntry, Source, State, UploadId, View};
use cairn_shared::ClientKey;
use wasm_bindgen_futures::spawn_local;

use super::{SMALL_MAX, Shell};
use crate::platform::files::Chosen;

/// Loose files that are with the engine and go on; a few more than it works on at once.
const LOADED_MAX: usize = SMALL_MAX + 100;
/// So many failures are none of the files' own: the rest waits until a person has looked.
const TROUBLED_MAX: usize = 50;

/// A file that is not with the engine yet.
struct Queued {
    file: Chosen,
    key: ClientKey,
    entry: Option<JournalEntry>,
}

/// Those that wait, and those that are with the engine.
#[derive(Default)]
pub(super) struct Loose {
    /// In the order in which they came, but for those that a person has wait.
    waiting: BTreeSet<UploadId>,
    queued: HashMap<UploadId, Queued>,
    loaded: BTreeSet<UploadId>,
}

impl Loose {
    /// The next files, where there is room for them.
    fn next(&mut self, state: impl Fn(UploadId) -> Option<State>) -> Vec<(UploadId, Queued)> {
        let (mut going, mut troubled) = (0, 0);
        for upload in &self.loaded {
            match state(*upload) {
                Some(State::Failed | State::NeedsFile) => troubled += 1,
                Some(State::Paused | State::Done) | None => {}
                Some(
                    State::Waiting | State::Reading | State::Sending | State::Verifying | State::Offline,
                ) => going += 1,
            }
        }
        let mut next = Vec::new();
        while troubled < TROUBLED_MAX && going + next.len() < LOADED_MAX {
            let Some(upload) = self.waiting.pop_first() else { break };
            if let Some(queued) = self.queued.remove(&upload) {
                self.loaded.insert(upload);
                next.push((upload, queued));
            }
        }
        next
    }
}

impl Shell {
    /// Takes a file whose key is claimed: the journal knows it from now on, the engine when there is room.
    pub(super) fn queue(&self, file: Chosen, key: ClientKey, entry: Option<JournalEntry>) {
        let inner = &self.0;
        if entry.is_none() {
            inner.journal.save(None, JournalEntry::fresh(key, &file.source));
        }
        if let Some(handle) = file.handle() {
            inner.journal.save_handle(key, handle.clone());
        }
        {
            let (mut uploads, mut loose) = (inner.uploads.borrow_mut(), inner.loose.borrow_mut());
            let upload = uploads.number();
            uploads.name_key(upload, key);
            uploads.tell(upload, waiting(&file.source, State::Waiting));
            loose.waiting.insert(upload);
            loose.queued.insert(upload, Queued { file, key, entry });
        }
        self.ask_for_frame();
    }

    /// Gives the engine as many files as it has room for.
    pub(super) fn feed_loose(&self) {
        let inner = &self.0;
        if inner.loose.borrow().waiting.is_empty() {
            return;
        }
        let next = {
            let engine = inner.engine.borrow();
            inner.loose.borrow_mut().next(|upload| engine.state(upload))
        };
        let begun = next.into_iter().map(|(upload, queued)| {
            let Queued { file, key, entry } = queued;
            self.prepare(upload, &file, key, entry)
        });
        let begun: Vec<Input> = begun.collect();
        if !begun.is_empty() {
            self.handle_all(begun);
        }
    }

    /// Loose files were published: the engine need not know them any more.
    pub(super) fn settle_loose(&self, published: &[UploadId]) {
        let inner = &self.0;
        let mut over = Vec::new();
        for upload in published {
            let view = inner.engine.borrow().view(*upload).filter(|view| view.finished.is_some());
            let Some(view) = view else { continue };
            self.close(*upload);
            let mut uploads = inner.uploads.borrow_mut();
            uploads.forget_session(*upload);
            uploads.tell(*upload, view);
            inner.loose.borrow_mut().loaded.remove(upload);
            over.push(Input::Dismiss(*upload));
        }
        if !over.is_empty() {
            self.handle_all(over);
        }
    }

    /// Has some wait, or go on, that the engine has not met; gives the others.
    pub(super) fn hold_queued(&self, uploads: &[UploadId], holds: bool) -> Vec<UploadId> {
        let mut others = Vec::new();
        let mut loose = self.0.loose.borrow_mut();
        for upload in uploads {
            let Some(source) = loose.queued.get(upload).map(|queued| queued.file.source.clone()) else {
                others.push(*upload);
                continue;
            };
            let state = if holds {
                loose.waiting.remove(upload);
                State::Paused
            } else {
                loose.waiting.insert(*upload);
                State::Waiting
            };
            self.0.uploads.borrow_mut().tell(*upload, waiting(&source, state));
        }
        drop(loose);
        self.ask_for_frame();
        others
    }

    /// Gives one up; true where the engine has not met it.
    pub(super) fn cancel_queued(&self, upload: UploadId) -> bool {
        let queued = {
            let mut loose = self.0.loose.borrow_mut();
            loose.loaded.remove(&upload);
            loose.waiting.remove(&upload);
            loose.queued.remove(&upload)
        };
        let Some(Queued { key, entry, .. }) = queued else { return false };
        // Nothing of it may be shown again.
        self.0.uploads.borrow_mut().give_up(upload);
        self.0.journal.forget(None, key);
        self.release(key);
        if let Some(session) = entry.and_then(|entry| entry.session) {
            let shell = self.clone();
            spawn_local(async move {
                shell.delete_session(session.id, session.key).await;
            });
        }
        true
    }
}

/// A row before the engine knows of it.
pub(super) fn waiting(source: &Source, state: State) -> View {
    View { path: source.path.clone(), ..View::of(source.name.clone(), source.size, state) }
}
