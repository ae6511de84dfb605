//! Runs the engine in the page: maps its effects to the platform, and what the platform tells to its inputs.

mod calls;
mod intake;
mod uploads;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use cairn_engine::{
    Config, Effect, Engine, Input, JournalEntry, Now, PassFailure, PassId, RequestId, UploadId, View,
};
use wasm_bindgen_futures::spawn_local;

use crate::owner::Owner;
use crate::platform::clock::{self, Timer};
use crate::platform::idb::Db;
use crate::platform::locks::Claims;
use crate::platform::worker_port::WorkerPort;
use crate::platform::{document, memory, random};
use crate::worker::message::{FromWorker, ToWorker};

use self::uploads::Uploads;

/// Nobody reads figures that change more often, and drawing them takes time from reading and sending.
const SHOW_MS: Now = 100;

/// What the shell tells those who show it.
pub trait Watcher {
    /// These uploads look different now. Told before a frame is drawn, ten times a second at most.
    fn changed(&self, views: Vec<(UploadId, View)>);
    /// What earlier visits left, and no other tab is at.
    fn unfinished(&self, entries: Vec<JournalEntry>);
    /// wasm memory of page and worker, in bytes; told while something runs.
    fn weighs(&self, bytes: u64);
}

/// The engine and everything it moves.
#[derive(Clone)]
pub struct Shell(Rc<Inner>);

struct Inner {
    engine: RefCell<Engine>,
    port: WorkerPort,
    db: Option<Db>,
    claims: Claims,
    owner: Owner,
    uploads: RefCell<Uploads>,
    timer: RefCell<Option<Timer>>,
    frame_asked: Cell<bool>,
    shown_at: Cell<Now>,
    worker_bytes: Cell<u64>,
    watcher: Box<dyn Watcher>,
}

impl Shell {
    /// Starts the worker and looks for unfinished uploads. Nothing where the browser has no module workers.
    pub async fn start(watcher: impl Watcher + 'static) -> Option<Self> {
        let db = Db::open("cairn").await;
        let told: Rc<RefCell<Option<Shell>>> = Rc::default();
        let tell = told.clone();
        let port = WorkerPort::start(move |message| {
            let shell = tell.borrow().clone();
            if let Some(shell) = shell {
                shell.hear(message);
            }
        })
        .ok()?;
        let shell = Self(Rc::new(Inner {
            engine: RefCell::new(Engine::new(Config::default(), random::seed())),
            port,
            owner: Owner::new(db.clone()),
            db,
            claims: Claims::new(),
            uploads: RefCell::default(),
            timer: RefCell::default(),
            frame_asked: Cell::default(),
            shown_at: Cell::default(),
            worker_bytes: Cell::default(),
            watcher: Box::new(watcher),
        }));
        *told.borrow_mut() = Some(shell.clone());
        shell.follow_the_browser();
        shell.look_for_unfinished().await;
        Some(shell)
    }

    /// A person wants it to wait.
    pub fn pause(&self, upload: UploadId) {
        self.handle(Input::Pause(upload));
    }

    /// A person wants it to go on.
    pub fn resume(&self, upload: UploadId) {
        self.handle(Input::Resume(upload));
    }

    /// A person gives it up.
    pub fn cancel(&self, upload: UploadId) {
        self.0.uploads.borrow_mut().cancel(upload);
        self.handle(Input::Cancel(upload));
        self.close(upload);
    }

    fn follow_the_browser(&self) {
        const WEIGH_MS: u32 = 1_000;
        let shell = self.clone();
        // Browsers call a machine without a network offline even where the server is on that machine.
        let local = document::on_loopback();
        if !local && !document::online() {
            self.handle(Input::Online(false));
        }
        document::on_network(move |online| {
            if online || !local {
                shell.handle(Input::Online(online));
            }
        });
        let shell = self.clone();
        document::on_shown(move || {
            let shell = shell.clone();
            spawn_local(async move { shell.look_for_unfinished().await });
        });
        let shell = self.clone();
        clock::every(WEIGH_MS, move || {
            let inner = &shell.0;
            if inner.uploads.borrow().any_open() {
                inner.watcher.weighs(memory::wasm_bytes() + inner.worker_bytes.get());
            }
        });
    }

    /// Tells the engine, does what it asks for, and has the changes shown with the next frame.
    fn handle(&self, input: Input) {
        let inner = &self.0;
        inner.uploads.borrow_mut().note_input(&input);
        let mut effects = Vec::new();
        {
            let mut engine = inner.engine.borrow_mut();
            engine.handle(input, clock::now());
            while let Some(effect) = engine.poll_effect() {
                effects.push(effect);
            }
        }
        for effect in effects {
            inner.uploads.borrow_mut().note_effect(&effect);
            self.perform(effect);
        }
        self.set_timer();
        self.ask_for_frame();
    }

    fn perform(&self, effect: Effect) {
        let inner = &self.0;
        match effect {
            Effect::Request { request, upload, call } => self.call(request, upload, call),
            Effect::Read { upload, pass, bytes } => {
                inner.port.post(&ToWorker::Read { upload: upload.0, pass: pass.0, bytes });
            }
            Effect::Send { request, upload, session, index, chunk } => {
                let bearer = inner.uploads.borrow().session_key(session);
                let (request, upload) = (request.0, upload.0);
                let chunk = chunk.into();
                inner.port.post(&ToWorker::Send { request, upload, session, index, chunk, bearer });
            }
            Effect::Release { upload, chunks } => {
                let chunks = chunks.into_iter().map(Into::into).collect();
                inner.port.post(&ToWorker::Release { upload: upload.0, chunks });
            }
            Effect::EndPass { upload, pass } => {
                inner.port.post(&ToWorker::EndPass { upload: upload.0, pass: pass.0 });
            }
            Effect::Abort(request) => {
                let was_here = inner.uploads.borrow_mut().abort_call(request);
                if !was_here {
                    inner.port.post(&ToWorker::Abort { request: request.0 });
                }
            }
            Effect::Save { upload, entry } => self.save(upload, entry),
            Effect::Forget(upload) => self.forget(upload),
        }
    }

    fn save(&self, upload: UploadId, entry: JournalEntry) {
        self.0.uploads.borrow_mut().keep_entry(upload, &entry);
        if let Some(db) = self.0.db.clone() {
            spawn_local(async move {
                // A full or broken disk costs the memory of this upload, not the upload.
                let _ = db.save(&entry).await;
            });
        }
    }

    fn forget(&self, upload: UploadId) {
        let key = self.0.uploads.borrow_mut().take_key(upload);
        let Some(key) = key else { return };
        let (db, claims) = (self.0.db.clone(), self.0.claims.clone());
        spawn_local(async move {
            if let Some(db) = db {
                // An entry that stays is answered with 404 or 410 at the next visit, and goes then.
                let _ = db.forget(key).await;
            }
            claims.release(key);
        });
    }

    fn hear(&self, message: FromWorker) {
        match message {
            FromWorker::Ready => {}
            FromWorker::Chunks { upload, pass, chunks, wasm_bytes } => {
                self.0.worker_bytes.set(wasm_bytes);
                let chunks = chunks.into_iter().map(|(held, digest)| (held.into(), digest)).collect();
                self.handle(Input::Chunks { upload: UploadId(upload), pass: PassId(pass), chunks });
            }
            FromWorker::PassEnd { upload, pass, size, mtime } => {
                self.handle(Input::PassEnd { upload: UploadId(upload), pass: PassId(pass), size, mtime });
            }
            FromWorker::PassLost { upload, pass } => {
                let (upload, pass) = (UploadId(upload), PassId(pass));
                self.handle(Input::PassFailed { upload, pass, failure: PassFailure::Lost });
            }
            FromWorker::Reply { request, result } => {
                let reply = result.map(|()| cairn_engine::Reply::Stored).map_err(Into::into);
                self.handle(Input::Reply { request: RequestId(request), reply });
            }
        }
    }

    fn set_timer(&self) {
        let due = self.0.engine.borrow().poll_timeout();
        let shell = self.clone();
        let timer = due.map(|due| {
            let ms = u32::try_from(due.saturating_sub(clock::now())).unwrap_or(u32::MAX);
            Timer::after(ms.min(i32::MAX as u32), move || shell.handle(Input::Tick))
        });
        *self.0.timer.borrow_mut() = timer;
    }

    fn ask_for_frame(&self) {
        if self.0.uploads.borrow().any_changed() && !self.0.frame_asked.replace(true) {
            let shell = self.clone();
            let rest = (self.0.shown_at.get() + SHOW_MS).saturating_sub(clock::now());
            spawn_local(async move {
                clock::sleep(rest as u32).await;
                clock::next_frame(move || shell.show());
            });
        }
    }

    fn show(&self) {
        self.0.frame_asked.set(false);
        self.0.shown_at.set(clock::now());
        let changed = self.0.uploads.borrow_mut().take_changed();
        let mut views = Vec::with_capacity(changed.len());
        for upload in changed {
            if let Some(view) = self.0.engine.borrow().view(upload) {
                if view.finished.is_some() {
                    self.close(upload);
                }
                views.push((upload, view));
            }
        }
        self.0.watcher.changed(views);
    }

    /// The worker need no longer keep the file.
    fn close(&self, upload: UploadId) {
        if self.0.uploads.borrow_mut().close(upload) {
            self.0.port.post(&ToWorker::Close { upload: upload.0 });
        }
    }
}
