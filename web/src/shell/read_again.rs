//! When a worker ends: what it had is read again by another one.

use cairn_engine::{Failure, Input, State, UploadId};

use wasm_bindgen_futures::spawn_local;

use super::Shell;
use super::pool::Lost;
use crate::platform::clock;
use crate::platform::files::Chosen;

impl Shell {
    /// A worker did not start, or has stopped.
    pub(super) fn lose_worker(&self, worker: usize) {
        let inner = &self.0;
        let Lost { uploads, at_once } = inner.pool.lose(worker);
        // Nobody else answers for what it was sending together.
        let batches = inner.uploads.borrow().batches_of(uploads.iter().map(|(upload, _)| *upload));
        for request in batches {
            self.handle(Input::Reply { request, reply: Err(Failure::Network) });
        }
        if at_once {
            self.read_again(uploads);
            return;
        }
        inner.watcher.reads(false);
        if let Some(pause) = inner.pool.pause_ms() {
            let shell = self.clone();
            spawn_local(async move {
                clock::sleep(pause).await;
                shell.0.pool.first();
                shell.read_again(uploads);
            });
        }
    }

    fn read_again(&self, uploads: Vec<(UploadId, Chosen)>) {
        for (upload, file) in uploads {
            let state = self.0.engine.borrow().state(upload);
            if matches!(state, None | Some(State::Done)) {
                continue;
            }
            self.open_in_worker(upload, &file);
            // Also what has failed: the bytes with which it would go on are gone.
            if state != Some(State::NeedsFile) {
                self.handle(Input::Source { upload, source: file.source });
            }
        }
    }

    /// Hands a file to a worker; where none is left, a person is told.
    pub(super) fn open_in_worker(&self, upload: UploadId, file: &Chosen) {
        if !self.0.pool.open(upload, file) {
            self.0.watcher.reads(false);
        }
    }
}
