//! The terminal's shell: carries out the engine's effects with threads, files and blocking requests.

mod answer;
mod jobs;
mod joined;
mod line;
mod pause;
mod pool;
mod reader;
mod report;
mod small;
mod waits;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use cairn_engine::journal::SessionHandle;
use cairn_engine::{
    BatchChunk, Call, ChunkRef, Config, Effect, Engine, Input, PassId, Reply, RequestId, State, UploadId,
};
use cairn_shared::limits::PACKED_BYTES_MAX;
use cairn_shared::{Bearer, ChunkRule, Proof, SessionId};

pub(crate) use jobs::Job;
pub(crate) use line::Line;
use line::{Errand, Senders};
pub(crate) use pause::patiently;
use reader::{Held, Pass};
pub(crate) use report::{Progress, Report};
use small::SmallReaders;
use waits::Waits;
pub(crate) use waits::why;

use crate::folder::Tree;
use crate::journal::Place;
use crate::platform::{Clock, random};
use crate::{owner, say};

/// Chunks on their way at once.
const SENDS_MAX: u32 = 8;
/// The longest wait before progress is told again.
const REPORT_EVERY: Duration = Duration::from_millis(200);

/// Files that the engine has at once; the others wait outside.
pub(crate) const LIVE_MAX: usize = 2_000;
/// Small files of which the engine works at the same time.
const SMALL_MAX: usize = 2_000;

/// What threads tell the shell.
pub(crate) enum Event {
    /// For the engine, in this order.
    Inputs(Vec<Input>),
    /// The server does not know the owner key that the request carried: the request is to be sent again.
    UnknownOwner(Errand),
}

struct Upload {
    job: Job,
    /// Which folder it goes with.
    home: Option<usize>,
    /// Small files of a folder have none: they are found again by their content.
    place: Option<Place>,
    /// The key to its session, which outlives the owner key, or is another owner's.
    session: Option<SessionHandle>,
}

/// A chunk on its way, for whoever wants to hear of it.
struct Sending {
    upload: UploadId,
    session: SessionId,
    index: u32,
    length: u32,
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
    waiting: VecDeque<Job>,
    trees: Vec<Tree>,
    uploads: BTreeMap<UploadId, Upload>,
    numbers: u32,
    failed: usize,
    progress: Progress,
    told_at: u64,
    waits: Waits,
    small: SmallReaders,
    passes: HashMap<(UploadId, PassId), Pass>,
    sends: HashMap<RequestId, Vec<Sending>>,
}

impl Shell {
    /// Finds the owner key and starts the threads.
    pub(crate) fn open(
        state: &Path,
        line: Line,
        report: Box<dyn Report>,
        limit: Option<NonZeroU64>,
    ) -> anyhow::Result<Self> {
        let credential = owner::owner_key(state, &line, false)?;
        let (tell, events) = mpsc::channel();
        let held = Held::default();
        let senders = Senders::start(SENDS_MAX as usize + 2, &line, &held, &tell);
        let config = Config { sends_max: SENDS_MAX, small_max: SMALL_MAX, ..Config::default() };
        let mut engine = Engine::new(config, u64::from_le_bytes(random()?));
        let clock = Clock::start();
        engine.handle(Input::Limit(limit), clock.now());
        Ok(Self {
            state: state.to_owned(),
            line,
            report,
            engine,
            clock,
            events,
            small: SmallReaders::start(&held, &tell),
            tell,
            held,
            senders,
            credential,
            renewed: false,
            waiting: VecDeque::new(),
            trees: Vec::new(),
            uploads: BTreeMap::new(),
            numbers: 0,
            failed: 0,
            progress: Progress::default(),
            told_at: 0,
            waits: Waits::default(),
            passes: HashMap::new(),
            sends: HashMap::new(),
        })
    }

    /// Uploads every file, alone or with a folder; how many of those alone could not be, and the folders.
    pub(crate) fn run(mut self, jobs: Vec<Job>, trees: Vec<Tree>) -> anyhow::Result<(usize, Vec<Tree>)> {
        let in_trees = trees.iter().map(|tree| tree.folder.to_send());
        let alone = jobs.iter().map(|job| (1, job.source.size));
        (self.progress.files, self.progress.size) =
            in_trees.chain(alone).fold((0, 0), |(files, size), (more, bytes)| (files + more, size + bytes));
        (self.waiting, self.trees) = (jobs.into(), trees);
        self.add_more()?;
        while !self.uploads.is_empty() {
            self.step()?;
        }
        Ok((self.failed, self.trees))
    }

    fn step(&mut self) -> anyhow::Result<()> {
        let now = self.clock.now();
        let wait = self.engine.poll_timeout().map(|at| Duration::from_millis(at.saturating_sub(now)));
        let mut inputs = Vec::new();
        match self.events.recv_timeout(wait.unwrap_or(REPORT_EVERY).min(REPORT_EVERY)) {
            Ok(event) => {
                self.take(event, &mut inputs)?;
                while let Ok(event) = self.events.try_recv() {
                    self.take(event, &mut inputs)?;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => anyhow::bail!("every thread has ended"),
        }
        let now = self.clock.now();
        if !inputs.is_empty() || self.engine.poll_timeout().is_some_and(|at| at <= now) {
            self.engine.handle_all(inputs, now);
        }
        self.carry_out()?;
        self.tell_ended();
        self.tell_progress(now);
        if self.uploads.len() <= LIVE_MAX / 2 {
            self.add_more()?;
        }
        Ok(())
    }

    fn take(&mut self, event: Event, inputs: &mut Vec<Input>) -> anyhow::Result<()> {
        match event {
            Event::Inputs(some) => {
                some.iter().for_each(|input| self.tell_stored(input));
                inputs.extend(some);
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
        let Some(sendings) = self.sends.remove(request) else { return };
        let is_stored = |number: usize| match reply {
            // One row, or several that are stored together.
            Ok(Reply::Stored) => true,
            Ok(Reply::Batch(replies)) => matches!(replies.get(number), Some(Ok(Reply::Stored))),
            _ => false,
        };
        for (number, Sending { upload, session, index, length }) in sendings.into_iter().enumerate() {
            if is_stored(number)
                && let Some(upload) = self.uploads.get(&upload)
            {
                self.report.stored(&upload.job, &session.to_string(), index, length);
            }
        }
    }

    fn carry_out(&mut self) -> anyhow::Result<()> {
        while let Some(effect) = self.engine.poll_effect() {
            match effect {
                Effect::Prove { upload, index, chunk, key } => {
                    // Bytes that are gone belong to a reading that is over.
                    if let Some(bytes) = self.held.get(upload, chunk) {
                        let proof = Proof::of(&key, &bytes);
                        let proven = Input::Proven { upload, index, chunk, proof };
                        self.engine.handle(proven, self.clock.now());
                    }
                }
                Effect::Request { request, upload, call } => {
                    let credential = match call {
                        Call::Start(_) => self.credential,
                        Call::Check(session, _)
                        | Call::Status(session, _)
                        | Call::Finish(session, _)
                        | Call::Delete(session) => self.session_credential(upload, session),
                    };
                    self.senders.send(Errand::call(request, call, credential));
                }
                Effect::Send { request, upload, session, index, chunks } => {
                    let rows = (index..).zip(&chunks);
                    let sending = |(index, chunk): (u32, &ChunkRef)| Sending {
                        upload,
                        session,
                        index,
                        length: chunk.length,
                    };
                    self.sends.insert(request, rows.map(sending).collect());
                    let credential = self.session_credential(upload, session);
                    self.senders.send(Errand::run(request, (session, index), (upload, chunks), credential));
                }
                Effect::Batch { request, call } => {
                    self.senders.send(Errand::batch(request, call, self.credential));
                }
                Effect::SendBatch { request, chunks } => {
                    let sending = |c: &BatchChunk| Sending {
                        upload: c.upload,
                        session: c.session,
                        index: c.index,
                        length: c.chunk.length,
                    };
                    self.sends.insert(request, chunks.iter().map(sending).collect());
                    self.senders.send(Errand::chunks(request, chunks, self.credential));
                }
                Effect::Read { upload, pass, rule, bytes } => self.read(upload, pass, rule, bytes),
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
                    if let Some(upload) = self.uploads.get_mut(&upload) {
                        upload.session.clone_from(&entry.session);
                    }
                    if let Some(place) = self.uploads.get(&upload).and_then(|upload| upload.place.as_ref()) {
                        place.save(entry)?;
                    }
                }
                Effect::Forget(upload) => {
                    if let Some(place) = self.uploads.get(&upload).and_then(|upload| upload.place.as_ref()) {
                        place.forget();
                    }
                }
            }
        }
        Ok(())
    }

    /// What permits a session: its own key, where that is known.
    fn session_credential(&self, upload: UploadId, session: SessionId) -> Bearer {
        let handle = self.uploads.get(&upload).and_then(|upload| upload.session.as_ref());
        handle.filter(|handle| handle.id == session).map_or(self.credential, |handle| handle.key)
    }

    fn read(&mut self, upload: UploadId, pass: PassId, rule: ChunkRule, bytes: u64) {
        let Some(job) = self.uploads.get(&upload).map(|upload| &upload.job) else { return };
        if let Some(running) = self.passes.get(&(upload, pass)) {
            running.grant(bytes);
            return;
        }
        // Cut by another rule it may be more than one chunk.
        let is_one = rule == ChunkRule::FastCdc && bytes <= u64::from(PACKED_BYTES_MAX) + 1;
        if is_one && job.source.size < bytes {
            self.small.read(upload, pass, job.path.clone());
            self.passes.insert((upload, pass), Pass::whole());
            return;
        }
        let (held, tell) = (self.held.clone(), self.tell.clone());
        let running = Pass::start((upload, pass), rule, job.path.clone(), held, tell);
        running.grant(bytes);
        self.passes.insert((upload, pass), running);
    }

    /// Now and then, and at the end: looking at every file takes its time.
    fn tell_progress(&mut self, now: u64) {
        if now < self.told_at + REPORT_EVERY.as_millis() as u64 && !self.uploads.is_empty() {
            return;
        }
        self.told_at = now;
        let mut progress = self.progress.clone();
        for (id, view) in self.uploads.keys().filter_map(|id| Some((*id, self.engine.view(*id)?))) {
            let said = self.engine.said(id);
            progress.stored += view.stored;
            progress.reused += view.reused;
            progress.speed += view.speed.unwrap_or_default();
            progress.state.get_or_insert(view.state);
            if view.state == State::Offline && progress.why.is_none() {
                progress.why = view.trouble.as_ref().map(|trouble| why(self.line.server(), trouble, said));
            }
            self.waits.look_at(self.line.server(), &view, said);
        }
        self.waits.news().iter().for_each(|line| say::notice(line));
        self.report.moved(&progress);
    }
}
