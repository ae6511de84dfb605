//! Runs the engine in the page: maps its effects to the platform, and what the platform tells to its inputs.

mod calls;
mod folders;
mod go_on;
mod hand_over;
mod intake;
mod journal;
mod loose;
mod pool;
mod read_again;
mod show;
mod tree;
mod uploads;

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::num::NonZeroU64;
use std::rc::Rc;

use cairn_engine::{
    Config, Effect, Engine, Failure, Input, JournalEntry, Now, PassId, Reply, RequestId, UploadId, View,
};
use cairn_shared::{ClientKey, Name};
use wasm_bindgen_futures::spawn_local;

use crate::api::own::{self, Own, OwnId};
use crate::api::owner::Owner;
use crate::platform::clock::{self, Timer};
use crate::platform::idb::Db;
use crate::platform::locks::Claims;
use crate::platform::{document, memory, random};
use crate::worker::message::{FromWorker, Refusal, ToWorker};

use self::folders::Folders;
use self::go_on::LeftBehind;
use self::journal::Journal;
use self::loose::Loose;
use self::pool::Pool;
use self::uploads::Uploads;

pub use self::folders::{FolderId, FolderView};
pub use self::go_on::{Left, Unfinished};

/// Small files that the engine works on at once.
const SMALL_MAX: usize = 500;

/// Chunks that are read and not released, in bytes: several spans, so that their memory is used again as it is.
const HELD_BYTES_MAX: u64 = 64 << 20;

/// What the shell tells those who show it.
pub trait Watcher {
    /// These uploads look different now. Told before a frame is drawn, four times a second at most.
    fn changed(&self, views: Vec<(UploadId, View)>);
    /// These folders look different now, told as `changed`.
    fn folders(&self, views: Vec<(FolderId, FolderView)>);
    /// The folder of that name could not be read: it has no row any more.
    fn folder_gone(&self, folder: FolderId, name: &Name);
    /// Files of these names were chosen, and can't be read: they have no rows.
    fn unread(&self, names: &[String]);
    /// What earlier visits left, and what other tabs are at.
    fn unfinished(&self, left: Vec<Unfinished>);
    /// The uploads that wait for another tab to let go of them.
    fn elsewhere(&self, uploads: HashSet<UploadId>);
    /// Whether there is a worker that reads files.
    fn reads(&self, reads: bool);
    /// The browser does not keep what is unfinished: it goes on only as long as this page is open.
    fn forgets(&self);
    /// wasm memory of page and workers, in bytes; told while something runs.
    fn weighs(&self, bytes: u64);
}

/// The engine and everything it moves.
#[derive(Clone)]
pub struct Shell(Rc<Inner>);

struct Inner {
    engine: RefCell<Engine>,
    pool: Pool,
    db: Option<Db>,
    journal: Journal,
    claims: Claims,
    owner: Owner,
    uploads: RefCell<Uploads>,
    loose: RefCell<Loose>,
    folders: RefCell<Folders>,
    left: RefCell<LeftBehind>,
    timer: RefCell<Option<Timer>>,
    frame_asked: Cell<bool>,
    shown_at: Cell<Now>,
    watcher: Rc<dyn Watcher>,
}

impl Shell {
    /// Starts a worker and looks for unfinished uploads. Nothing where the browser has no module workers.
    pub async fn start(watcher: impl Watcher + 'static) -> Option<Self> {
        let db = Db::open("cairn").await;
        let watcher: Rc<dyn Watcher> = Rc::new(watcher);
        let forgetful = watcher.clone();
        if db.is_none() {
            watcher.forgets();
        }
        let told: Rc<RefCell<Option<Shell>>> = Rc::default();
        let tell = told.clone();
        let ended = told.clone();
        let pool = Pool::start(
            move |message| {
                let shell = tell.borrow().clone();
                if let Some(shell) = shell {
                    shell.hear(message);
                }
            },
            move |worker| {
                let shell = ended.borrow().clone();
                if let Some(shell) = shell {
                    shell.lose_worker(worker);
                }
            },
        )?;
        let shell = Self(Rc::new(Inner {
            engine: RefCell::new(Engine::new(
                Config { small_max: SMALL_MAX, held_bytes_max: HELD_BYTES_MAX, ..Config::default() },
                random::seed(),
            )),
            pool,
            owner: Owner::new(db.clone()),
            journal: Journal::new(db.clone(), move || forgetful.forgets()),
            claims: Claims::new(db.clone()),
            db,
            uploads: RefCell::default(),
            loose: RefCell::default(),
            folders: RefCell::default(),
            left: RefCell::default(),
            timer: RefCell::default(),
            frame_asked: Cell::default(),
            shown_at: Cell::default(),
            watcher,
        }));
        *told.borrow_mut() = Some(shell.clone());
        shell.follow_the_browser();
        shell.look_for_unfinished().await;
        Some(shell)
    }

    /// A person wants them to wait.
    pub fn pause(&self, uploads: &[UploadId]) {
        self.handle_all(self.hold_queued(uploads, true).into_iter().map(Input::Pause).collect());
    }

    /// A person wants them to go on.
    pub fn resume(&self, uploads: &[UploadId]) {
        self.handle_all(self.hold_queued(uploads, false).into_iter().map(Input::Resume).collect());
    }

    /// A person gives it up.
    pub fn cancel(&self, upload: UploadId) {
        self.stop_waiting(upload);
        if self.cancel_queued(upload) {
            return;
        }
        self.handle(Input::Cancel(upload));
        self.close(upload);
    }

    /// What this browser's owner keeps on the server.
    pub async fn own(&self) -> Vec<Own> {
        own::list(&self.0.owner).await
    }

    /// Deletes it with its links; tells whether it is gone.
    pub async fn delete_own(&self, id: OwnId) -> bool {
        own::delete(&self.0.owner, id).await
    }

    /// Everything together takes at most so many bytes a second from now on.
    pub fn limit(&self, bytes_per_second: Option<NonZeroU64>) {
        self.handle(Input::Limit(bytes_per_second));
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
                inner.watcher.weighs(memory::wasm_bytes() + inner.pool.wasm_bytes());
            }
        });
    }

    fn handle(&self, input: Input) {
        self.handle_all(vec![input]);
    }

    /// Tells the engine, does what it asks for, and has the changes shown with the next frame.
    fn handle_all(&self, inputs: Vec<Input>) {
        let inner = &self.0;
        inputs.iter().for_each(|input| inner.uploads.borrow_mut().note_input(input));
        let mut effects = Vec::new();
        {
            let mut engine = inner.engine.borrow_mut();
            engine.handle_all(inputs, clock::now());
            while let Some(effect) = engine.poll_effect() {
                effects.push(effect);
            }
        }
        let mut published = Vec::new();
        for effect in effects {
            inner.uploads.borrow_mut().note_effect(&effect);
            if let Effect::Forget(upload) = &effect {
                published.push(*upload);
            }
            self.perform(effect);
        }
        self.set_timer();
        // The last link is what somebody waits for.
        if !published.is_empty() && inner.engine.borrow().is_at_rest() {
            inner.shown_at.set(0);
            inner.frame_asked.set(false);
        }
        self.ask_for_frame();
        let in_folder = |upload: &UploadId| inner.folders.borrow().key_of(*upload).is_some();
        let (in_folders, loose): (Vec<_>, Vec<_>) = published.into_iter().partition(in_folder);
        self.settle_loose(&loose);
        in_folders.into_iter().for_each(|upload| self.settle(upload));
    }

    fn perform(&self, effect: Effect) {
        let inner = &self.0;
        match effect {
            Effect::Request { request, upload, call } => self.call(request, upload, call),
            Effect::Batch { request, call } => self.batch(request, call),
            Effect::SendBatch { request, chunks } => self.send_together(request, &chunks),
            Effect::Read { upload, pass, rule, bytes } => {
                inner.pool.post(upload, &ToWorker::Read { upload: upload.0, pass: pass.0, rule, bytes });
            }
            Effect::Send { request, upload, session, index, chunks } => {
                let bearer = inner.uploads.borrow().session_key(session);
                let (request, chunks) = (request.0, chunks.into_iter().map(Into::into).collect());
                let message = ToWorker::Send { request, upload: upload.0, session, index, chunks, bearer };
                inner.pool.post(upload, &message);
            }
            Effect::Prove { upload, index, chunk, key } => {
                let (chunk, key) = (chunk.into(), *key.as_bytes());
                inner.pool.post(upload, &ToWorker::Prove { upload: upload.0, index, chunk, key });
            }
            Effect::Release { upload, chunks } => {
                let chunks = chunks.into_iter().map(Into::into).collect();
                inner.pool.post(upload, &ToWorker::Release { upload: upload.0, chunks });
            }
            Effect::EndPass { upload, pass } => {
                inner.pool.post(upload, &ToWorker::EndPass { upload: upload.0, pass: pass.0 });
            }
            Effect::Abort(request) => {
                let sends = inner.uploads.borrow_mut().abort_call(request);
                if let Some(upload) = sends {
                    inner.pool.post(upload, &ToWorker::Abort { request: request.0 });
                }
            }
            Effect::Save { upload, entry } => self.save(upload, entry),
            Effect::Forget(upload) => self.forget(upload),
        }
    }

    fn save(&self, upload: UploadId, entry: JournalEntry) {
        let inner = &self.0;
        let folder = inner.folders.borrow().key_of(upload);
        let replaced = inner.uploads.borrow_mut().keep_entry(upload, &entry);
        if let Some(replaced) = replaced {
            inner.journal.forget(folder, replaced);
            if folder.is_none() {
                inner.claims.claim_fresh(entry.key);
                self.release(replaced);
            }
        }
        let handle = inner.uploads.borrow().handle(upload).filter(|_| folder.is_none());
        if let Some(handle) = handle {
            inner.journal.save_handle(entry.key, handle);
        }
        inner.journal.save(folder, entry);
    }

    fn forget(&self, upload: UploadId) {
        let key = self.0.uploads.borrow_mut().take_key(upload);
        let Some(key) = key else { return };
        let folder = self.0.folders.borrow().key_of(upload);
        self.0.journal.forget(folder, key);
        if folder.is_none() {
            self.release(key);
        }
    }

    /// Lets another tab have it, once what was to be forgotten of it is forgotten.
    fn release(&self, key: ClientKey) {
        let shell = self.clone();
        spawn_local(async move {
            shell.0.journal.written().await;
            shell.0.claims.release(key);
        });
    }

    fn hear(&self, message: FromWorker) {
        match message {
            FromWorker::Ready => self.0.watcher.reads(true),
            FromWorker::Failed => {}
            FromWorker::Chunks { upload, pass, chunks, wasm_bytes: _ } => {
                let chunks = chunks.into_iter().map(|(held, digest)| (held.into(), digest)).collect();
                self.handle(Input::Chunks { upload: UploadId(upload), pass: PassId(pass), chunks });
            }
            FromWorker::Proven { upload, index, chunk, proof } => {
                let (upload, chunk) = (UploadId(upload), chunk.into());
                self.handle(Input::Proven { upload, index, chunk, proof });
            }
            FromWorker::PassEnd { upload, pass, size, mtime } => {
                self.handle(Input::PassEnd { upload: UploadId(upload), pass: PassId(pass), size, mtime });
            }
            FromWorker::PassLost { upload, pass } => {
                self.look_again(UploadId(upload), PassId(pass));
            }
            FromWorker::Replies { request, result } => {
                let reply = |item: Result<(), Refusal>| item.map(|()| Reply::Stored).map_err(Failure::from);
                let reply = result
                    .map(|items| Reply::Batch(items.into_iter().map(reply).collect()))
                    .map_err(Failure::from);
                self.handle(Input::Reply { request: RequestId(request), reply });
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
}
