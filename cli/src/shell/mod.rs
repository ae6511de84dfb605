//! The terminal's shell: carries out the engine's effects with threads, files and blocking requests.

mod line;
mod reader;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use cairn_engine::{Config, Effect, Engine, Input, PassId, Reply, RequestId, Source, State, UploadId, View};
use cairn_shared::{Bearer, ClientKey};

pub(crate) use line::Line;
use line::{Errand, Senders};
use reader::{Held, Pass};

use crate::journal::Place;
use crate::platform::{Clock, random};
use crate::{owner, put};

/// Chunks on their way at once.
const SENDS_MAX: u32 = 8;
/// The longest wait before progress is told again.
const REPORT_EVERY: Duration = Duration::from_millis(200);

/// One file to upload.
pub(crate) struct Job {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What it is.
    pub(crate) source: Source,
}

/// Tells what happens.
pub(crate) trait Report {
    /// The server acknowledged a chunk.
    fn stored(&self, job: &Job, session: &str, index: u32, length: u32);
    /// A file is done, or can't be.
    fn ended(&self, job: &Job, view: &View);
    /// Something moved, perhaps.
    fn moved(&self, views: &[View]);
}

/// What threads tell the shell.
pub(crate) enum Event {
    /// For the engine.
    Input(Input),
    /// The server does not know the owner key that the request carried: the request is to be sent again.
    UnknownOwner(Errand),
}

struct Upload {
    job: Job,
    place: Place,
    ended: bool,
}

/// Runs the engine until every upload has ended.
pub(crate) struct Shell {
    state: PathBuf,
    line: Line,
    report: Box<dyn Report>,
    engine: Engine,
    clock: Clock,
    events: Receiver<Event>,
    tell: Sender<Event>,
    held: Held,
    senders: Senders,
    credential: Bearer,
    renewed: bool,
    uploads: HashMap<UploadId, Upload>,
    passes: HashMap<(UploadId, PassId), Pass>,
    sends: HashMap<RequestId, (UploadId, String, u32, u32)>,
}

impl Shell {
    /// Finds the owner key and starts the threads.
    pub(crate) fn open(state: &Path, line: Line, report: Box<dyn Report>) -> anyhow::Result<Self> {
        let credential = owner::owner_key(state, &line, false)?;
        let (tell, events) = mpsc::channel();
        let held = Held::default();
        let senders = Senders::start(SENDS_MAX as usize + 2, &line, &held, &tell);
        let config = Config { sends_max: SENDS_MAX, ..Config::default() };
        let engine = Engine::new(config, u64::from_le_bytes(random()?));
        Ok(Self {
            state: state.to_owned(),
            line,
            report,
            engine,
            clock: Clock::start(),
            events,
            tell,
            held,
            senders,
            credential,
            renewed: false,
            uploads: HashMap::new(),
            passes: HashMap::new(),
            sends: HashMap::new(),
        })
    }

    /// Uploads every file; how many could not be.
    pub(crate) fn run(mut self, jobs: Vec<Job>) -> anyhow::Result<usize> {
        for (number, job) in jobs.into_iter().enumerate() {
            self.add(UploadId(u32::try_from(number)?), job)?;
        }
        self.carry_out()?;
        while self.uploads.values().any(|upload| !upload.ended) {
            self.step()?;
        }
        let failed = |id: &&UploadId| self.engine.view(**id).is_none_or(|view| view.state != State::Done);
        Ok(self.uploads.keys().filter(failed).count())
    }

    fn add(&mut self, upload: UploadId, job: Job) -> anyhow::Result<()> {
        let place = Place::take(&self.state, self.line.server(), &job.path)?;
        let entry = place.load();
        let key = ClientKey::new(random()?);
        let source = job.source.clone();
        self.uploads.insert(upload, Upload { job, place, ended: false });
        self.engine.handle(Input::Add { upload, source, key, entry }, self.clock.now());
        Ok(())
    }

    fn step(&mut self) -> anyhow::Result<()> {
        let now = self.clock.now();
        let wait = self.engine.poll_timeout().map(|at| Duration::from_millis(at.saturating_sub(now)));
        match self.events.recv_timeout(wait.unwrap_or(REPORT_EVERY).min(REPORT_EVERY)) {
            Ok(event) => {
                self.take(event)?;
                while let Ok(event) = self.events.try_recv() {
                    self.take(event)?;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => anyhow::bail!("every thread has ended"),
        }
        let now = self.clock.now();
        if self.engine.poll_timeout().is_some_and(|at| at <= now) {
            self.engine.handle(Input::Tick, now);
        }
        self.carry_out()?;
        self.tell_ended();
        Ok(())
    }

    fn take(&mut self, event: Event) -> anyhow::Result<()> {
        match event {
            Event::Input(input) => {
                self.tell_stored(&input);
                self.engine.handle(input, self.clock.now());
            }
            Event::UnknownOwner(errand) => {
                // One fresh key a run: a server that refuses that one too says so in the errand's own reply.
                if !self.renewed {
                    self.renewed = true;
                    self.credential = owner::owner_key(&self.state, &self.line, true)?;
                }
                self.senders.send(errand.with_credential(self.credential));
            }
        }
        Ok(())
    }

    fn tell_stored(&mut self, input: &Input) {
        let Input::Reply { request, reply } = input else { return };
        let Some((upload, session, index, length)) = self.sends.remove(request) else { return };
        if matches!(reply, Ok(Reply::Stored))
            && let Some(upload) = self.uploads.get(&upload)
        {
            self.report.stored(&upload.job, &session, index, length);
        }
    }

    fn carry_out(&mut self) -> anyhow::Result<()> {
        while let Some(effect) = self.engine.poll_effect() {
            match effect {
                Effect::Request { request, call, .. } => {
                    self.senders.send(Errand::call(request, call, self.credential));
                }
                Effect::Send { request, upload, session, index, chunk } => {
                    self.sends.insert(request, (upload, session.to_string(), index, chunk.length));
                    self.senders.send(Errand::chunk(
                        request,
                        session,
                        index,
                        (upload, chunk),
                        self.credential,
                    ));
                }
                Effect::Read { upload, pass, bytes } => self.read(upload, pass, bytes),
                Effect::Release { upload, chunks } => self.held.release(upload, &chunks),
                Effect::EndPass { upload, pass } => {
                    self.passes.remove(&(upload, pass));
                    self.held.end(upload, pass);
                }
                Effect::Abort(request) => {
                    self.sends.remove(&request);
                    self.senders.abort(request);
                }
                Effect::Save { upload, entry } => {
                    if let Some(upload) = self.uploads.get(&upload) {
                        upload.place.save(entry)?;
                    }
                }
                Effect::Forget(upload) => {
                    if let Some(upload) = self.uploads.get(&upload) {
                        upload.place.forget();
                    }
                }
            }
        }
        Ok(())
    }

    fn read(&mut self, upload: UploadId, pass: PassId, bytes: u64) {
        let Some(path) = self.uploads.get(&upload).map(|upload| upload.job.path.clone()) else { return };
        let (held, tell) = (self.held.clone(), self.tell.clone());
        let running =
            self.passes.entry((upload, pass)).or_insert_with(|| Pass::start(upload, pass, path, held, tell));
        running.grant(bytes);
    }

    fn tell_ended(&mut self) {
        let mut views = Vec::with_capacity(self.uploads.len());
        for (id, upload) in &mut self.uploads {
            let Some(view) = self.engine.view(*id) else { continue };
            // The digest of the whole file may come a moment after the link: programs want both.
            let awaited =
                view.state == State::Done && view.finished.as_ref().is_some_and(|done| done.blob.is_none());
            let over = matches!(view.state, State::Done | State::Failed | State::NeedsFile) && !awaited;
            if over && !upload.ended {
                upload.ended = true;
                self.report.ended(&upload.job, &view);
            }
            views.push(view);
        }
        self.report.moved(&views);
    }
}

/// The file as it is now, for a reader that has come to its end.
pub(crate) fn look_again(path: &Path) -> anyhow::Result<Source> {
    put::source(path, None)
}
