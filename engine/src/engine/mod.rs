//! The engine: which upload does what next, within the limits that all of them share.

mod batches;
mod next;
mod passes;
mod replies;
mod room;
mod rows;
mod upload;

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU64;

use cairn_shared::{ChunkRule, ClientKey, Row, SessionId};

use crate::effect::{Call, Effect};
use crate::input::{Input, Source};
use crate::line::{CALL_TIME_MS, Group, Pulse, Rng, Window};
use crate::pace::Pace;
use crate::view::{State, Trouble, View};
use crate::{JournalEntry, Now, RequestId, UploadId};
use batches::Batch;
use upload::{Goal, Upload};

/// Limits that all uploads share.
#[derive(Debug, Clone)]
pub struct Config {
    /// How files are cut, unless something on the way takes no chunks of that length.
    pub rule: ChunkRule,
    /// Bytes granted to readers and not released yet. At least twice the rule's longest chunk per active upload; beside small
    /// files the large ones share half of it.
    pub held_bytes_max: u64,
    /// Chunks on their way at once.
    pub sends_max: u32,
    /// Uploads that are worked on at once.
    pub uploads_max: usize,
    /// Small files that are worked on at once beside them, with requests that many of them share; 0: all files are alike.
    pub small_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            rule: ChunkRule::FastCdc,
            held_bytes_max: 32 << 20,
            sends_max: 4,
            uploads_max: 3,
            small_max: 0,
        }
    }
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Start,
    Status,
    Check,
    Finish,
    /// Asks for the whole-file digest of a finished session.
    Blob,
    /// Gives a session up whose upload is gone.
    Delete,
    Send(u32, Row),
}

#[derive(Debug)]
struct Pending {
    upload: UploadId,
    kind: Kind,
    began: Now,
    deadline: Now,
}

/// A session to be given up, with nobody waiting for it.
#[derive(Debug)]
struct Farewell {
    session: SessionId,
    tries: u32,
    at: Now,
}

/// The client's side of every upload.
#[derive(Debug)]
pub struct Engine {
    config: Config,
    rng: Rng,
    window: Window,
    group: Group,
    pace: Pace,
    pulse: Pulse,
    /// The platform said that there is no network. It may be wrong, so that is believed until then only.
    offline_until: Option<Now>,
    uploads: BTreeMap<UploadId, Upload>,
    farewells: BTreeMap<UploadId, Farewell>,
    pending: BTreeMap<RequestId, Pending>,
    batches: BTreeMap<RequestId, Batch>,
    effects: VecDeque<Effect>,
    requests: u64,
    passes: u32,
}

impl Engine {
    /// An engine without uploads. `seed` is random; it decides jitter and the keys of sessions that replace others.
    pub fn new(config: Config, seed: u64) -> Self {
        let window = Window::new(config.sends_max);
        Self {
            config,
            rng: Rng::new(seed),
            window,
            group: Group::new(),
            pace: Pace::default(),
            pulse: Pulse::default(),
            offline_until: None,
            uploads: BTreeMap::new(),
            farewells: BTreeMap::new(),
            pending: BTreeMap::new(),
            batches: BTreeMap::new(),
            effects: VecDeque::new(),
            requests: 0,
            passes: 0,
        }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, input: Input, now: Now) {
        self.handle_all([input], now);
    }

    /// Takes in all of what happened before it decides what is next: much cheaper than one by one.
    pub fn handle_all(&mut self, inputs: impl IntoIterator<Item = Input>, now: Now) {
        inputs.into_iter().for_each(|input| self.take(input, now));
        self.give_up_waiting(now);
        self.give_up_batches(now);
        self.advance(now);
        let is_paced = self.pace.limit().is_some();
        for upload in self.uploads.values_mut() {
            upload.measure(now, is_paced);
        }
    }

    fn take(&mut self, input: Input, now: Now) {
        match input {
            Input::Add { upload, source, key, entry } => self.add(upload, source, key, entry),
            Input::Source { upload, source } => self.choose_again(upload, source),
            Input::Pause(upload) => self.pause(upload),
            Input::Resume(upload) => self.resume(upload),
            Input::Cancel(upload) => self.cancel(upload, now),
            Input::Dismiss(upload) => self.dismiss(upload),
            Input::Chunks { upload, pass, chunks } => self.take_chunks(upload, pass, chunks),
            Input::Proven { upload, index, chunk, proof } => self.proven(upload, index, chunk, proof),
            Input::PassEnd { upload, pass, size, mtime } => self.end_of_pass(upload, pass, size, mtime, now),
            Input::PassFailed { upload, pass, failure } => self.pass_failed(upload, pass, failure, now),
            Input::Reply { request, reply } => {
                if !self.take_batch(request, &reply, now) {
                    self.take_reply(request, reply, now);
                }
            }
            Input::Online(online) => self.set_online(online, now),
            Input::Limit(limit) => self.pace.set(limit),
            Input::Tick => {}
        }
    }

    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When `Input::Tick` is due; `None`: only something else can move it on.
    pub fn poll_timeout(&self) -> Option<Now> {
        let deadlines = self.pending.values().map(|pending| pending.deadline);
        let waits = self.uploads.values().filter_map(Upload::wakes_at);
        let farewells = self.farewells.values().map(|farewell| farewell.at);
        let batches = self.batches.values().map(|batch| batch.deadline);
        let shared = self.offline_until.into_iter().chain(self.pace.until());
        deadlines.chain(batches).chain(waits).chain(farewells).chain(shared).min()
    }

    /// What there is to see of an upload; `None` once it was cancelled.
    pub fn view(&self, upload: UploadId) -> Option<View> {
        let limit = self.pace.limit().map(NonZeroU64::get);
        Some(self.uploads.get(&upload)?.view(self.offline_until.is_none(), limit))
    }

    /// What the server says of the refusal that is an upload's trouble, in its own words.
    pub fn said(&self, upload: UploadId) -> Option<&str> {
        let upload = self.uploads.get(&upload)?;
        let (code, said) = upload.said.as_ref()?;
        (upload.trouble == Some(Trouble::Problem(*code))).then_some(said)
    }

    /// Where an upload stands: what `view` says, for less.
    pub fn state(&self, upload: UploadId) -> Option<State> {
        Some(self.uploads.get(&upload)?.state(self.offline_until.is_none()))
    }

    /// What the journal would keep of an upload now.
    pub fn entry(&self, upload: UploadId) -> Option<JournalEntry> {
        Some(self.uploads.get(&upload)?.entry())
    }

    /// Every upload, in the order of their numbers.
    pub fn uploads(&self) -> impl Iterator<Item = UploadId> {
        self.uploads.keys().copied()
    }

    /// Whether no upload is worked on.
    pub fn is_at_rest(&self) -> bool {
        self.active().next().is_none()
    }

    fn add(&mut self, id: UploadId, source: Source, key: ClientKey, entry: Option<JournalEntry>) {
        let known = entry.is_some();
        self.uploads.insert(id, Upload::new(source, key, entry, self.config.rule));
        if !known {
            self.save(id);
        }
    }

    fn choose_again(&mut self, id: UploadId, source: Source) {
        if self.uploads.get(&id).is_none_or(|upload| upload.goal == Goal::Done) {
            return;
        }
        self.end_pass(id);
        let Some(upload) = self.uploads.get_mut(&id) else { return };
        upload.choose(source);
        self.save(id);
    }

    /// Keeps an upload in the journal as it is now.
    fn save(&mut self, id: UploadId) {
        if let Some(upload) = self.uploads.get(&id) {
            self.effects.push_back(Effect::Save { upload: id, entry: upload.entry() });
        }
    }

    fn pause(&mut self, id: UploadId) {
        let running =
            self.uploads.get(&id).is_some_and(|upload| matches!(upload.goal, Goal::Run | Goal::NeedsFile));
        if running {
            self.abort_all(id);
            if let Some(upload) = self.uploads.get_mut(&id) {
                upload.pause();
            }
            self.save(id);
        }
    }

    fn resume(&mut self, id: UploadId) {
        let Some(upload) = self.uploads.get_mut(&id) else { return };
        match upload.goal {
            Goal::Paused => upload.go_on(),
            Goal::Failed => upload.try_again(),
            Goal::Run => upload.backoff.insist(),
            Goal::NeedsFile | Goal::Done => {}
        }
    }

    fn cancel(&mut self, id: UploadId, now: Now) {
        if !self.uploads.contains_key(&id) {
            return;
        }
        self.abort_all(id);
        self.end_pass(id);
        if let Some(upload) = self.uploads.remove(&id) {
            if let Some(session) = upload.session.filter(|_| upload.goal != Goal::Done) {
                self.farewells.insert(id, Farewell { session: session.id, tries: 0, at: now });
            }
            self.effects.push_back(Effect::Forget(id));
        }
    }

    fn dismiss(&mut self, id: UploadId) {
        if self.uploads.get(&id).is_some_and(|upload| upload.goal == Goal::Done) {
            self.abort_all(id);
            self.uploads.remove(&id);
        }
    }

    fn set_online(&mut self, online: bool, now: Now) {
        self.offline_until = (!online).then_some(now + next::OFFLINE_TIME_MS);
        if online {
            self.uploads.values_mut().for_each(|upload| upload.backoff.hurry());
        }
    }

    /// The uploads that are worked on, in the order of their numbers.
    fn active(&self) -> impl Iterator<Item = UploadId> {
        self.uploads.iter().filter(|(_, upload)| upload.turn).map(|(id, _)| *id)
    }

    /// Gives free turns to the first uploads that wait. Who has a turn keeps it until it rests.
    fn assign_turns(&mut self) {
        let small_max = self.config.small_max;
        let (mut free, mut free_small) = (self.config.uploads_max, small_max);
        for upload in self.uploads.values_mut() {
            upload.turn &= upload.goal == Goal::Run;
            let free = if small_max > 0 && upload.is_small() { &mut free_small } else { &mut free };
            *free = free.saturating_sub(usize::from(upload.turn));
        }
        let wants =
            |upload: &&mut Upload| upload.goal == Goal::Run && !upload.turn && !upload.waits_for_room();
        for upload in self.uploads.values_mut().filter(wants) {
            let free = if small_max > 0 && upload.is_small() { &mut free_small } else { &mut free };
            upload.turn = *free > 0;
            *free = free.saturating_sub(1);
        }
    }

    fn call(&mut self, upload: UploadId, kind: Kind, call: Call, now: Now) -> RequestId {
        let request = self.request(upload, kind, now, CALL_TIME_MS);
        self.effects.push_back(Effect::Request { request, upload, call });
        request
    }

    /// A request that is waited for `time` milliseconds.
    fn request(&mut self, upload: UploadId, kind: Kind, now: Now, time: Now) -> RequestId {
        self.requests += 1;
        let request = RequestId(self.requests);
        let pending = Pending { upload, kind, began: now, deadline: now.saturating_add(time) };
        self.pending.insert(request, pending);
        request
    }

    /// Breaks off every request of an upload.
    fn abort_all(&mut self, id: UploadId) {
        let requests: Vec<_> = self
            .pending
            .iter()
            .filter(|(_, pending)| pending.upload == id)
            .map(|(request, _)| *request)
            .collect();
        self.drop_requests(requests);
        if let Some(upload) = self.uploads.get_mut(&id) {
            upload.requests_gone();
        }
    }

    /// Breaks requests off. An item of a batch goes on with the others; nobody waits for its answer.
    fn drop_requests(&mut self, requests: Vec<RequestId>) {
        self.drop_runs(&requests);
        for request in requests {
            if self.pending.remove(&request).is_some_and(|pending| pending.deadline != Now::MAX) {
                self.batches.remove(&request);
                self.effects.push_back(Effect::Abort(request));
            }
        }
    }

    /// Ends an upload's reading and forgets its bytes.
    fn end_pass(&mut self, id: UploadId) {
        let Some(upload) = self.uploads.get_mut(&id) else { return };
        if let Some(pass) = upload.drop_pass() {
            // A chunk whose bytes go can't be on its way any more.
            let sends: Vec<_> = self
                .pending
                .iter()
                .filter(|(_, pending)| pending.upload == id && matches!(pending.kind, Kind::Send(..)))
                .map(|(request, _)| *request)
                .collect();
            self.drop_requests(sends);
            self.effects.push_back(Effect::EndPass { upload: id, pass });
        }
    }
}
