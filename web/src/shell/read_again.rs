//! When a worker ends: what it had is read again by another one.

use cairn_engine::{Failure, Input, State, UploadId};

use super::Shell;
use crate::platform::files::Chosen;

impl Shell {
    /// A worker did not start, or has stopped.
    pub(super) fn lose_worker(&self, worker: usize) {
        let inner = &self.0;
        let lost = inner.pool.lose(worker);
        // Nobody else answers for what it was sending together.
        let batches = inner.uploads.borrow().batches_of(lost.iter().map(|(upload, _)| *upload));
        for request in batches {
            self.handle(Input::Reply { request, reply: Err(Failure::Network) });
        }
        for (upload, file) in lost {
            self.open_in_worker(upload, &file);
            let state = inner.engine.borrow().state(upload);
            // Also what has failed: the bytes with which it would go on are gone.
            if !matches!(state, None | Some(State::Done | State::NeedsFile)) {
                self.handle(Input::Source { upload, source: file.source });
            }
        }
        if !inner.pool.can_read() {
            inner.watcher.reads_nothing();
        }
    }

    /// Hands a file to a worker; where none is left, a person is told.
    pub(super) fn open_in_worker(&self, upload: UploadId, file: &Chosen) {
        if !self.0.pool.open(upload, file) {
            self.0.watcher.reads_nothing();
        }
    }
}
