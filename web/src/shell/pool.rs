//! The workers, and which of them has which upload: a file is read, hashed and sent by one of them.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use cairn_engine::UploadId;
use cairn_shared::limits::PACKED_BYTES_MAX;

use crate::platform::document;
use crate::platform::files::Chosen;
use crate::platform::worker_port::WorkerPort;
use crate::worker::message::{FromWorker, ToWorker};

/// Where reading is what takes the time, a third worker brings nothing (docs/ARCHITECTURE.md).
const WORKERS_MAX: usize = 2;

type On = Rc<dyn Fn(FromWorker)>;

/// Starts a worker when all others have an upload, up to a limit.
pub(super) struct Pool {
    max: usize,
    on: On,
    workers: RefCell<Vec<Member>>,
    homes: RefCell<HashMap<UploadId, usize>>,
}

struct Member {
    port: WorkerPort,
    uploads: usize,
    wasm_bytes: Rc<Cell<u64>>,
}

impl Pool {
    /// Starts the first worker; nothing where the browser has no module workers.
    pub(super) fn start(on: impl Fn(FromWorker) + 'static) -> Option<Self> {
        let max = document::workers_wanted().unwrap_or_else(|| {
            // One processor is left for the page itself, and for the browser that reads and sends.
            WORKERS_MAX.min(document::processors().saturating_sub(1))
        });
        let pool =
            Self { max: max.max(1), on: Rc::new(on), workers: RefCell::default(), homes: RefCell::default() };
        let first = pool.member()?;
        pool.workers.borrow_mut().push(first);
        Some(pool)
    }

    /// Hands a file to the upload's worker; the first time it gets the one that has least to do.
    pub(super) fn open(&self, upload: UploadId, file: &Chosen) {
        let known = self.homes.borrow().get(&upload).copied();
        let home = known.unwrap_or_else(|| {
            // Small chunks go together, so they have to be together.
            let is_small = file.source.size <= u64::from(PACKED_BYTES_MAX);
            let home = if is_small { 0 } else { self.least_busy() };
            self.homes.borrow_mut().insert(upload, home);
            self.count(home, |uploads| uploads + 1);
            home
        });
        if let Some(member) = self.workers.borrow().get(home) {
            member.port.post_file(&ToWorker::Open { upload: upload.0 }, file.file());
        }
    }

    /// Tells the upload's worker.
    pub(super) fn post(&self, upload: UploadId, message: &ToWorker) {
        let home = self.homes.borrow().get(&upload).copied();
        if let Some(member) = home.and_then(|home| self.workers.borrow().get(home).map(|m| m.port.clone())) {
            member.post(message);
        }
    }

    /// The upload's worker forgets it.
    pub(super) fn close(&self, upload: UploadId) {
        self.post(upload, &ToWorker::Close { upload: upload.0 });
        if let Some(home) = self.homes.borrow_mut().remove(&upload) {
            self.count(home, |uploads| uploads.saturating_sub(1));
        }
    }

    /// wasm memory of all workers, in bytes.
    pub(super) fn wasm_bytes(&self) -> u64 {
        self.workers.borrow().iter().map(|member| member.wasm_bytes.get()).sum()
    }

    fn least_busy(&self) -> usize {
        let least = || {
            let workers = self.workers.borrow();
            let least = workers.iter().enumerate().min_by_key(|(_, member)| member.uploads);
            least.map_or((0, 0), |(home, member)| (home, member.uploads))
        };
        let (home, uploads) = least();
        let count = self.workers.borrow().len();
        if uploads > 0
            && count < self.max
            && let Some(member) = self.member()
        {
            self.workers.borrow_mut().push(member);
            return count;
        }
        home
    }

    fn member(&self) -> Option<Member> {
        let wasm_bytes: Rc<Cell<u64>> = Rc::default();
        let (on, weighed) = (self.on.clone(), wasm_bytes.clone());
        let port = WorkerPort::start(move |message| {
            if let FromWorker::Chunks { wasm_bytes, .. } = &message {
                weighed.set(*wasm_bytes);
            }
            on(message);
        })
        .ok()?;
        Some(Member { port, uploads: 0, wasm_bytes })
    }

    fn count(&self, home: usize, count: impl Fn(usize) -> usize) {
        if let Some(member) = self.workers.borrow_mut().get_mut(home) {
            member.uploads = count(member.uploads);
        }
    }
}
