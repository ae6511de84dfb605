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

/// Workers that are started in a visit, those in place of others included: what ends them all would go on doing so.
const STARTS_MAX: usize = 8;
/// Before a second worker is started where the first did not start, in milliseconds; twice as long each time. The
/// server may be away.
const PAUSE_MS: u32 = 1_000;

type On = Rc<dyn Fn(FromWorker)>;
type OnEnd = Rc<dyn Fn(usize)>;

/// Starts a worker when all others have an upload, up to a limit.
pub(super) struct Pool {
    max: Cell<usize>,
    on: On,
    on_end: OnEnd,
    /// In the order in which they were started; `None` where one has ended.
    workers: RefCell<Vec<Option<Member>>>,
    homes: RefCell<HashMap<UploadId, Home>>,
}

struct Member {
    port: WorkerPort,
    uploads: usize,
    wasm_bytes: Rc<Cell<u64>>,
}

/// What a worker leaves that has ended.
pub(super) struct Lost {
    pub(super) uploads: Vec<(UploadId, Chosen)>,
    /// Another one can go on with them at once; otherwise after a pause.
    pub(super) at_once: bool,
}

/// Which worker has an upload, and what it was given.
struct Home {
    member: usize,
    file: Chosen,
}

impl Pool {
    /// Starts the first worker; nothing where the browser has no module workers. `on_end` is told the number of one
    /// that did not start, or has stopped.
    pub(super) fn start(on: impl Fn(FromWorker) + 'static, on_end: impl Fn(usize) + 'static) -> Option<Self> {
        let max = document::workers_wanted().unwrap_or_else(|| {
            // One processor is left for the page itself, and for the browser that reads and sends.
            WORKERS_MAX.min(document::processors().saturating_sub(1))
        });
        let pool = Self {
            max: Cell::new(max.max(1)),
            on: Rc::new(on),
            on_end: Rc::new(on_end),
            workers: RefCell::default(),
            homes: RefCell::default(),
        };
        pool.start_one()?;
        Some(pool)
    }

    /// Hands a file to the upload's worker; the first time it gets the one that has least to do. False where no
    /// worker is left.
    pub(super) fn open(&self, upload: UploadId, file: &Chosen) -> bool {
        let known = self.homes.borrow().get(&upload).map(|home| home.member);
        // Small chunks go together, so they have to be together.
        let is_small = file.source.size <= u64::from(PACKED_BYTES_MAX);
        let wanted = known.or_else(|| if is_small { self.first() } else { self.least_busy() });
        let Some(member) = wanted else { return false };
        self.homes.borrow_mut().insert(upload, Home { member, file: file.clone() });
        if known.is_none() {
            self.count(member, |uploads| uploads + 1);
        }
        self.post_to(member, |port| port.post_file(&ToWorker::Open { upload: upload.0 }, file.file()));
        true
    }

    /// That worker has ended; gives the uploads that it had, with their files.
    pub(super) fn lose(&self, member: usize) -> Lost {
        let ended = self.workers.borrow_mut().get_mut(member).and_then(Option::take);
        let was_ready = ended.is_some_and(|member| member.port.was_ready());
        if !was_ready && self.alive() > 0 {
            // What kept it from starting would keep the next one too, and there are others.
            self.max.set(self.alive());
        }
        let its = |_: &UploadId, home: &mut Home| home.member == member;
        let mut homes = self.homes.borrow_mut();
        let mut uploads: Vec<_> = homes.extract_if(its).map(|(upload, home)| (upload, home.file)).collect();
        uploads.sort_by_key(|(upload, _)| *upload);
        Lost { uploads, at_once: was_ready || self.alive() > 0 }
    }

    /// The pause before another worker is started where none is left, in milliseconds; nothing where all were tried.
    pub(super) fn pause_ms(&self) -> Option<u32> {
        let started = self.workers.borrow().len();
        (started < STARTS_MAX).then(|| PAUSE_MS << started.saturating_sub(1))
    }

    fn alive(&self) -> usize {
        self.workers.borrow().iter().flatten().count()
    }

    /// Tells the upload's worker.
    pub(super) fn post(&self, upload: UploadId, message: &ToWorker) {
        let member = self.homes.borrow().get(&upload).map(|home| home.member);
        if let Some(member) = member {
            self.post_to(member, |port| port.post(message));
        }
    }

    fn post_to(&self, member: usize, post: impl FnOnce(&WorkerPort)) {
        if let Some(Some(member)) = self.workers.borrow().get(member) {
            post(&member.port);
        }
    }

    /// The upload's worker forgets it.
    pub(super) fn close(&self, upload: UploadId) {
        self.post(upload, &ToWorker::Close { upload: upload.0 });
        let home = self.homes.borrow_mut().remove(&upload);
        if let Some(home) = home {
            self.count(home.member, |uploads| uploads.saturating_sub(1));
        }
    }

    /// wasm memory of all workers, in bytes.
    pub(super) fn wasm_bytes(&self) -> u64 {
        self.workers.borrow().iter().flatten().map(|member| member.wasm_bytes.get()).sum()
    }

    /// The first worker; starts one where none is left.
    pub(super) fn first(&self) -> Option<usize> {
        let first = self.workers.borrow().iter().position(Option::is_some);
        first.or_else(|| self.start_one())
    }

    fn least_busy(&self) -> Option<usize> {
        let least = {
            let workers = self.workers.borrow();
            let alive = workers.iter().enumerate().filter_map(|(at, one)| Some((at, one.as_ref()?.uploads)));
            alive.min_by_key(|(_, uploads)| *uploads)
        };
        let busy = least.is_none_or(|(_, uploads)| uploads > 0);
        let another = if busy && self.alive() < self.max.get() { self.start_one() } else { None };
        another.or(least.map(|(at, _)| at))
    }

    fn start_one(&self) -> Option<usize> {
        let at = self.workers.borrow().len();
        if at >= STARTS_MAX {
            return None;
        }
        let member = self.member(at)?;
        self.workers.borrow_mut().push(Some(member));
        Some(at)
    }

    fn member(&self, at: usize) -> Option<Member> {
        let wasm_bytes: Rc<Cell<u64>> = Rc::default();
        let (on, on_end, weighed) = (self.on.clone(), self.on_end.clone(), wasm_bytes.clone());
        let on = move |message| {
            if let FromWorker::Chunks { wasm_bytes, .. } = &message {
                weighed.set(*wasm_bytes);
            }
            on(message);
        };
        let port = WorkerPort::start(on, move || on_end(at)).ok()?;
        Some(Member { port, uploads: 0, wasm_bytes })
    }

    fn count(&self, member: usize, count: impl Fn(usize) -> usize) {
        if let Some(Some(member)) = self.workers.borrow_mut().get_mut(member) {
            member.uploads = count(member.uploads);
        }
    }
}
