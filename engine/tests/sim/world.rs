//! A server that keeps the protocol's rules, a reader over a file in memory, and a line between, all driven by
//! simulated time and one seed.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use cairn_engine::cutter::Cutter;
use cairn_engine::{
    BatchCall, Call, ChunkRef, Config, Effect, Engine, Failure, Input, JournalEntry, PassFailure, PassId,
    Reply, RequestId, Source, State, UploadId, View,
};
use cairn_shared::manifest::ManifestHasher;
use cairn_shared::message::{
    CheckRequest, CheckResponse, Declared, FinishRequest, FinishResponse, Limits, RowState, SessionState,
    StartRequest, StartResponse, StatusResponse,
};
use cairn_shared::{
    Bearer, BlobDigest, ChunkDigest, ChunkRule, ClientKey, FileId, Problem, ProblemCode, Proof, ProofKey,
    Ranges, Row, SessionId,
};
use sha2::{Digest, Sha256};

pub(crate) const RULE: ChunkRule = ChunkRule::Fixed(65_536);
pub(crate) const HELD_MAX: u64 = 4 << 20;

pub(crate) fn config() -> Config {
    Config { rule: RULE, held_bytes_max: HELD_MAX, sends_max: 4, uploads_max: 2, small_max: 0 }
}

/// Bytes that look random and are always the same for a seed.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut rng = Dice(seed);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend_from_slice(&rng.roll().to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// SplitMix64.
#[derive(Debug, Clone)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

#[derive(Debug, Default)]
struct Session {
    request: Option<StartRequest>,
    revision: u32,
    rows: Vec<Row>,
    held: HashSet<ChunkDigest>,
    finished: Option<FinishResponse>,
    ended: bool,
    size: Option<u64>,
}

/// The server's side of the protocol for one owner.
#[derive(Debug, Default)]
pub(crate) struct Server {
    sessions: BTreeMap<SessionId, Session>,
    keys: HashMap<ClientKey, SessionId>,
    pub(crate) chunks: HashMap<ChunkDigest, Vec<u8>>,
    pub(crate) files: Vec<Vec<u8>>,
    /// Bytes of every PUT that was taken.
    pub(crate) bytes_taken: u64,
    pub(crate) requests: u64,
    made: u8,
    /// Chunks that only others hold: they may be proven.
    pub(crate) others: HashMap<ChunkDigest, Vec<u8>>,
    /// Proofs that come too late, before one counts.
    pub(crate) late_proofs: u32,
    /// Proofs that were right.
    pub(crate) proven: u32,
    /// Finish's answer has no digest yet for that many askings.
    pub(crate) slow_blobs: u32,
    /// Its disk takes so many bytes of chunks.
    pub(crate) room: Option<u64>,
}

fn full(at: Option<u32>, needed: u64, free: u64) -> Failure {
    let mut problem = Problem::new(ProblemCode::StorageFull, "simulated").with_space(needed, free);
    problem.at = at;
    Failure::Problem(Box::new(problem.with_retry_after(10)))
}

fn problem(code: ProblemCode) -> Failure {
    Failure::Problem(Box::new(Problem::new(code, "simulated")))
}

impl Server {
    fn start(&mut self, request: StartRequest) -> Result<Reply, Failure> {
        let key = request.key.unwrap();
        let chunking = request.chunking.unwrap_or(RULE);
        let id = match self.keys.get(&key) {
            Some(id) if self.sessions[id].request.as_ref() != Some(&request) => {
                return Err(problem(ProblemCode::KeyReused));
            }
            Some(id) => *id,
            None => {
                self.made += 1;
                let id = SessionId::new([self.made; 16]);
                self.keys.insert(key, id);
                let size = request.size;
                self.sessions.insert(id, Session { request: Some(request), size, ..Session::default() });
                id
            }
        };
        Ok(Reply::Start(StartResponse {
            session_id: id,
            session_key: Bearer::Session([self.made; 32]),
            expires_at: 0,
            chunking,
            chunk_size: None,
            chunks: None,
            limits: Limits { chunk_bytes: 0, check_rows: 0, session_rows: 0 },
            proof_key: ProofKey::of_session(&Bearer::Session([self.made; 32])),
        }))
    }

    fn open(&mut self, id: SessionId) -> Result<&mut Session, Failure> {
        let session = self.sessions.get_mut(&id).ok_or_else(|| problem(ProblemCode::NotFound))?;
        if session.ended {
            return Err(problem(ProblemCode::SessionEnded));
        }
        if session.finished.is_some() {
            return Err(problem(ProblemCode::SessionFinished));
        }
        Ok(session)
    }

    fn check(&mut self, id: SessionId, request: &CheckRequest) -> Result<Reply, Failure> {
        let held: HashSet<_> =
            self.sessions.values().flat_map(|session| session.held.iter().copied()).collect();
        let session = self.open(id)?;
        if request.at as usize <= session.rows.len() {
            self.find_room(request, &held)?;
        }
        let session = self.open(id)?;
        let with = |code, at: Option<u32>, revision| {
            let mut problem = Problem::new(code, "simulated").with_revision(revision);
            problem.at = at;
            Failure::Problem(Box::new(problem))
        };
        if request.revision < session.revision {
            return Err(with(ProblemCode::RevisionOld, None, session.revision));
        }
        if request.revision > session.revision + 1 {
            return Err(with(ProblemCode::RevisionGap, None, session.revision));
        }
        if request.at as usize > session.rows.len() {
            return Err(problem(ProblemCode::IndexOutOfRange));
        }
        if request.revision == session.revision {
            for (index, declared) in (request.at..).zip(&request.chunks) {
                if session.rows.get(index as usize).is_some_and(|row| *row != declared.row()) {
                    return Err(with(ProblemCode::RowDiffers, Some(index), session.revision));
                }
            }
        } else {
            session.revision = request.revision;
            session.rows.truncate(request.at as usize);
            session.size = request.size.or(session.size);
        }
        for (index, declared) in (request.at as usize..).zip(&request.chunks) {
            if index >= session.rows.len() {
                session.rows.push(declared.row());
            }
        }
        let revision = session.revision;
        let declared = (request.at..).zip(&request.chunks);
        let states: Vec<_> = declared.map(|(index, row)| self.look(id, index, row, &held)).collect();
        let here = request.chunks.iter().zip(&states).filter(|(_, state)| **state == RowState::Have);
        let here: Vec<_> = here.map(|(declared, _)| declared.digest).collect();
        self.open(id)?.held.extend(here);
        Ok(Reply::Check(CheckResponse { revision, chunks: states }))
    }

    /// Bytes that the disk still takes.
    pub(crate) fn free(&self) -> u64 {
        let taken: u64 = self.chunks.values().map(|bytes| bytes.len() as u64).sum();
        self.room.map_or(u64::MAX, |room| room.saturating_sub(taken))
    }

    fn find_room(&self, request: &CheckRequest, held: &HashSet<ChunkDigest>) -> Result<(), Failure> {
        let (free, mut needed, mut first, mut met) = (self.free(), 0, None, HashSet::new());
        for (index, declared) in (request.at..).zip(&request.chunks) {
            if !held.contains(&declared.digest) && met.insert(declared.digest) {
                needed += u64::from(declared.length);
                first = first.or((needed > free).then_some(index));
            }
        }
        first.map_or(Ok(()), |first| Err(full(Some(first), needed, free)))
    }

    /// A row is here, or may be proven, or is not.
    fn look(
        &mut self,
        id: SessionId,
        index: u32,
        declared: &Declared,
        held: &HashSet<ChunkDigest>,
    ) -> RowState {
        if held.contains(&declared.digest) {
            return RowState::Have;
        }
        let key = ProofKey::of_session(&Bearer::Session([id.as_bytes()[0]; 32]));
        let key = key.of_row(index, declared.row());
        match (self.others.get(&declared.digest), declared.proof) {
            (Some(_), None) => RowState::Prove,
            (Some(_), Some(_)) if self.late_proofs > 0 => {
                self.late_proofs -= 1;
                RowState::Prove
            }
            (Some(bytes), Some(proof)) if Proof::of(&key, bytes) == proof => {
                self.proven += 1;
                self.chunks.insert(declared.digest, bytes.clone());
                RowState::Have
            }
            (_, _) => RowState::Need,
        }
    }

    fn status(&mut self, id: SessionId) -> Result<Reply, Failure> {
        let session = self.sessions.get_mut(&id).ok_or_else(|| problem(ProblemCode::NotFound))?;
        if session.ended {
            return Err(problem(ProblemCode::SessionEnded));
        }
        let mut finished = session.finished.clone();
        if let Some(finished) = &mut finished
            && self.slow_blobs > 0
        {
            self.slow_blobs -= 1;
            finished.blob = None;
        }
        let (received, missing): (Vec<u32>, Vec<u32>) = (0..session.rows.len() as u32)
            .partition(|index| session.held.contains(&session.rows[*index as usize].digest));
        Ok(Reply::Status(StatusResponse {
            state: if finished.is_some() { SessionState::Finished } else { SessionState::Open },
            revision: session.revision,
            received: received.into_iter().collect(),
            missing: missing.into_iter().collect(),
            size: session.size,
            expires_at: 0,
            next: None,
            finished,
        }))
    }

    fn upload(&mut self, id: SessionId, index: u32, bytes: Vec<u8>) -> Result<Reply, Failure> {
        let session = self.open(id)?;
        let row = *session.rows.get(index as usize).ok_or_else(|| problem(ProblemCode::RowUndeclared))?;
        if row.length as usize != bytes.len() {
            return Err(problem(ProblemCode::ChunkLength));
        }
        let digest = ChunkDigest::new(Sha256::digest(&bytes).into());
        if row.digest != digest {
            return Err(problem(ProblemCode::DigestMismatch));
        }
        let free = self.free();
        if !self.chunks.contains_key(&digest) && free < bytes.len() as u64 {
            return Err(full(None, bytes.len() as u64, free));
        }
        let session = self.open(id)?;
        session.held.insert(digest);
        self.bytes_taken += bytes.len() as u64;
        self.chunks.insert(digest, bytes);
        Ok(Reply::Stored)
    }

    fn finish(&mut self, id: SessionId, request: &FinishRequest) -> Result<Reply, Failure> {
        let slow = self.slow_blobs > 0;
        if let Some(finished) = self.sessions.get(&id).and_then(|session| session.finished.clone()) {
            return Ok(Reply::Finish(finished));
        }
        let session = self.open(id)?;
        let rule = session.request.as_ref().and_then(|request| request.chunking).unwrap_or(RULE);
        let mut hasher = ManifestHasher::new(rule);
        session.rows.iter().for_each(|row| hasher.push(row));
        let digest = hasher.finish();
        if request.revision != Some(session.revision) || request.chunks != Some(session.rows.len() as u32) {
            return Err(problem(ProblemCode::ManifestDiffers));
        }
        let missing: Ranges = (0..)
            .zip(&session.rows)
            .filter(|(_, row)| !session.held.contains(&row.digest))
            .map(|(index, _)| index)
            .collect();
        if !missing.is_empty() {
            let problem = Problem::new(ProblemCode::ChunksMissing, "simulated").with_ranges(missing);
            return Err(Failure::Problem(Box::new(problem)));
        }
        let sum: u64 = session.rows.iter().map(|row| u64::from(row.length)).sum();
        if request.size != Some(sum) || session.size != Some(sum) {
            return Err(problem(ProblemCode::SizeDiffers));
        }
        if request.manifest_digest != Some(digest) {
            return Err(problem(ProblemCode::ManifestDiffers));
        }
        let rows = session.rows.clone();
        let file: Vec<u8> = rows.iter().flat_map(|row| self.chunks[&row.digest].clone()).collect();
        let blob = Some(BlobDigest::new(Sha256::digest(&file).into()));
        let mut finished = FinishResponse {
            file: FileId::new([1; 16]),
            manifest_digest: digest,
            blob,
            url: Some("/d/x".to_owned()),
        };
        self.files.push(file);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.finished = Some(finished.clone());
        }
        if slow {
            finished.blob = None;
        }
        Ok(Reply::Finish(finished))
    }

    /// Every hold of this owner ends, as if time had ended every session.
    pub(crate) fn end_all(&mut self) {
        for session in self.sessions.values_mut().filter(|session| session.finished.is_none()) {
            session.ended = true;
            session.held.clear();
        }
    }

    /// As if there never had been a session: what came is gone with it.
    pub(crate) fn forget_all(&mut self) {
        self.sessions.retain(|_, session| session.finished.is_some());
        let known: HashSet<_> = self.sessions.keys().copied().collect();
        self.keys.retain(|_, session| known.contains(session));
    }

    /// Loses chunks, which no server may: `finish` must notice.
    pub(crate) fn lose(&mut self, count: usize) {
        for session in self.sessions.values_mut() {
            let gone: Vec<_> = session.rows.iter().map(|row| row.digest).take(count).collect();
            gone.iter().for_each(|digest| {
                session.held.remove(digest);
            });
        }
    }

    pub(crate) fn open_sessions(&self) -> usize {
        self.sessions.values().filter(|session| !session.ended && session.finished.is_none()).count()
    }
}

/// The file as the platform has it.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) bytes: Vec<u8>,
    pub(crate) mtime: u64,
    pub(crate) lost: bool,
    /// What it was before, oldest first.
    pub(crate) past: Vec<Vec<u8>>,
}

struct Reading {
    cutter: Cutter,
    at: usize,
    granted: u64,
    cut: u64,
    told_end: bool,
    held: HashMap<ChunkRef, Vec<u8>>,
}

enum Due {
    Arrive(RequestId, Asked),
    Answer(RequestId, Result<Reply, Failure>),
}

enum Asked {
    Call(Call),
    Run(SessionId, Vec<(u32, Vec<u8>)>),
    Batch(BatchCall),
    Chunks(Vec<(SessionId, u32, Vec<u8>)>),
}

/// How bad the line is, in percent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Weather {
    pub(crate) lost_requests: u64,
    pub(crate) lost_replies: u64,
    pub(crate) doubled_replies: u64,
    pub(crate) busy: u64,
    pub(crate) delay_ms_max: u64,
}

/// Everything around one engine.
pub(crate) struct World {
    pub(crate) engine: Engine,
    config: Config,
    pub(crate) server: Server,
    pub(crate) now: u64,
    pub(crate) weather: Weather,
    /// Starts and checks that are taken in a minute; what was taken in which.
    pub(crate) a_minute: Option<u64>,
    taken: HashMap<(bool, u64), u64>,
    /// Requests that came too often.
    pub(crate) too_often: u64,
    /// A proxy before the server takes no larger batch.
    pub(crate) batch_bytes_max: Option<usize>,
    pub(crate) files: BTreeMap<UploadId, File>,
    pub(crate) journal: BTreeMap<UploadId, JournalEntry>,
    pub(crate) dice: Dice,
    pub(crate) effects: u64,
    pub(crate) first_send_before_end: Option<bool>,
    /// Readings that were begun.
    pub(crate) passes: u64,
    readings: BTreeMap<(UploadId, PassId), Reading>,
    proofs: Vec<Input>,
    due: BTreeMap<(u64, u64), Due>,
    aborted: BTreeSet<RequestId>,
    order: u64,
}

pub(crate) const ONE: UploadId = UploadId(1);

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self::with(config(), seed)
    }

    /// Small files share their requests.
    pub(crate) fn together(seed: u64) -> Self {
        Self::with(Config { small_max: 100, ..config() }, seed)
    }

    pub(crate) fn with(config: Config, seed: u64) -> Self {
        Self {
            engine: Engine::new(config.clone(), seed),
            config,
            server: Server::default(),
            now: 0,
            weather: Weather::default(),
            a_minute: None,
            taken: HashMap::new(),
            too_often: 0,
            batch_bytes_max: None,
            files: BTreeMap::new(),
            journal: BTreeMap::new(),
            dice: Dice(seed),
            effects: 0,
            first_send_before_end: None,
            passes: 0,
            readings: BTreeMap::new(),
            proofs: Vec::new(),
            due: BTreeMap::new(),
            aborted: BTreeSet::new(),
            order: 0,
        }
    }

    /// Another visit: the engine and what was on its way are gone; server, files and journal stay.
    pub(crate) fn come_back(&mut self) {
        self.engine = Engine::new(self.config.clone(), self.dice.roll());
        self.readings.clear();
        self.proofs.clear();
        // What has reached the server happens; nobody hears the answers.
        let due = std::mem::take(&mut self.due);
        for item in due.into_values() {
            if let Due::Arrive(_, asked) = item {
                let _ = self.serve(asked);
            }
        }
        self.aborted.clear();
    }

    pub(crate) fn source(&self, upload: UploadId) -> Source {
        let file = &self.files[&upload];
        Source {
            name: format!("{}.bin", upload.0).parse().unwrap(),
            path: None,
            folder: None,
            size: file.bytes.len() as u64,
            mtime: Some(file.mtime),
            media_type: None,
        }
    }

    /// Adds a file, or what the journal has of it.
    pub(crate) fn add(&mut self, upload: UploadId) {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&self.dice.roll().to_le_bytes());
        let entry = self.journal.get(&upload).cloned();
        let source = self.source(upload);
        self.handle(Input::Add { upload, source, key: ClientKey::new(key), entry });
    }

    pub(crate) fn add_file(&mut self, upload: UploadId, bytes: Vec<u8>) {
        self.files.insert(upload, File { bytes, mtime: 1, lost: false, past: Vec::new() });
        self.add(upload);
    }

    pub(crate) fn edit(&mut self, upload: UploadId, edit: impl FnOnce(&mut Vec<u8>)) {
        let file = self.files.get_mut(&upload).unwrap();
        file.past.push(file.bytes.clone());
        edit(&mut file.bytes);
        file.mtime += 1;
    }

    pub(crate) fn handle(&mut self, input: Input) {
        self.engine.handle(input, self.now);
        self.carry_out();
    }

    pub(crate) fn view(&self, upload: UploadId) -> View {
        let view = self.engine.view(upload).unwrap();
        assert!(view.stored.max(view.reused).max(view.read) <= view.size, "more than there is: {view:#?}");
        view
    }

    fn carry_out(&mut self) {
        while let Some(effect) = self.engine.poll_effect() {
            self.effects += 1;
            match effect {
                Effect::Request { request, call, .. } => self.depart(request, Asked::Call(call)),
                Effect::Send { request, upload, session, index, chunks } => {
                    let bytes = chunks.iter().map(|chunk| {
                        let reading = &self.readings[&(upload, chunk.pass)];
                        reading.held.get(chunk).expect("bytes of a send are held").clone()
                    });
                    let rows = (index..).zip(bytes).collect();
                    let ended = self.readings[&(upload, chunks[0].pass)].told_end;
                    self.first_send_before_end.get_or_insert(!ended);
                    self.depart(request, Asked::Run(session, rows));
                }
                Effect::Batch { request, call } => self.depart(request, Asked::Batch(call)),
                Effect::SendBatch { request, chunks } => {
                    let bytes = |upload, chunk: ChunkRef| {
                        let reading = &self.readings[&(upload, chunk.pass)];
                        reading.held.get(&chunk).expect("bytes of a send are held").clone()
                    };
                    let chunks =
                        chunks.iter().map(|c| (c.session, c.index, bytes(c.upload, c.chunk))).collect();
                    self.depart(request, Asked::Chunks(chunks));
                }
                Effect::Prove { upload, index, chunk, key } => {
                    let held = &self.readings[&(upload, chunk.pass)].held;
                    let proof = Proof::of(&key, held.get(&chunk).expect("bytes of a proof are held"));
                    self.proofs.push(Input::Proven { upload, index, chunk, proof });
                }
                Effect::Read { upload, pass, rule, bytes } => {
                    self.passes += u64::from(!self.readings.contains_key(&(upload, pass)));
                    let reading = self.readings.entry((upload, pass)).or_insert_with(|| Reading {
                        cutter: Cutter::new(rule),
                        at: 0,
                        granted: 0,
                        cut: 0,
                        told_end: false,
                        held: HashMap::new(),
                    });
                    reading.granted += bytes;
                }
                Effect::Release { upload, chunks } => {
                    for chunk in chunks {
                        let reading =
                            self.readings.get_mut(&(upload, chunk.pass)).expect("a pass that is read");
                        assert!(reading.held.remove(&chunk).is_some(), "released once");
                    }
                }
                Effect::EndPass { upload, pass } => {
                    self.readings.remove(&(upload, pass));
                }
                Effect::Abort(request) => {
                    self.aborted.insert(request);
                }
                Effect::Save { upload, entry } => {
                    self.journal.insert(upload, entry);
                }
                Effect::Forget(upload) => {
                    self.journal.remove(&upload);
                }
            }
        }
        self.check_memory();
    }

    fn check_memory(&self) {
        let held: u64 = self
            .readings
            .values()
            .flat_map(|reading| reading.held.keys())
            .map(|chunk| u64::from(chunk.length))
            .sum();
        assert!(held <= self.config.held_bytes_max, "{held} bytes are held");
    }

    fn later(&mut self, at: u64, due: Due) {
        self.order += 1;
        self.due.insert((at, self.order), due);
    }

    fn depart(&mut self, request: RequestId, asked: Asked) {
        if self.dice.chance(self.weather.lost_requests) {
            let delay = 10 + self.dice.below(self.weather.delay_ms_max + 1);
            // Some losses are noticed at once, some never.
            if self.dice.chance(50) {
                self.later(self.now + delay, Due::Answer(request, Err(Failure::Network)));
            }
            return;
        }
        let delay = 1 + self.dice.below(self.weather.delay_ms_max + 1);
        self.later(self.now + delay, Due::Arrive(request, asked));
    }

    fn serve(&mut self, asked: Asked) -> Result<Reply, Failure> {
        self.server.requests += 1;
        if self.dice.chance(self.weather.busy) {
            return Err(match self.dice.below(3) {
                0 => Failure::Status { status: 502, retry_after_seconds: None },
                1 => Failure::Problem(Box::new(
                    Problem::new(ProblemCode::StorageFull, "simulated").with_retry_after(3),
                )),
                _ => problem(ProblemCode::BodyShort),
            });
        }
        self.admit(&asked)?;
        self.answer(asked)
    }

    /// As the server does: a batch is taken as a whole, or later.
    fn admit(&mut self, asked: &Asked) -> Result<(), Failure> {
        let Some(a_minute) = self.a_minute else { return Ok(()) };
        let (is_start, items) = match asked {
            Asked::Call(Call::Start(_)) => (true, 1),
            Asked::Call(Call::Check(..)) => (false, 1),
            Asked::Batch(BatchCall::Start(items)) => (true, items.len() as u64),
            Asked::Batch(BatchCall::Check(items)) => (false, items.len() as u64),
            Asked::Call(_) | Asked::Run(..) | Asked::Batch(_) | Asked::Chunks(_) => return Ok(()),
        };
        let taken = self.taken.entry((is_start, self.now / 60_000)).or_default();
        if *taken > 0 && *taken + items > a_minute {
            self.too_often += 1;
            let seconds = 60 - self.now / 1_000 % 60;
            let problem = Problem::new(ProblemCode::TooManyRequests, "simulated");
            return Err(Failure::Problem(Box::new(problem.with_retry_after(seconds as u32))));
        }
        *taken += items;
        Ok(())
    }

    fn answer(&mut self, asked: Asked) -> Result<Reply, Failure> {
        match asked {
            Asked::Call(Call::Start(request)) => self.server.start(request),
            Asked::Call(Call::Check(id, request)) => self.server.check(id, &request),
            Asked::Call(Call::Status(id, _)) => self.server.status(id),
            Asked::Call(Call::Finish(id, request)) => self.server.finish(id, &request),
            Asked::Call(Call::Delete(id)) => {
                self.server.sessions.get_mut(&id).unwrap().ended = true;
                Ok(Reply::Deleted)
            }
            Asked::Run(id, rows) => {
                for (index, bytes) in rows {
                    self.server.upload(id, index, bytes)?;
                }
                Ok(Reply::Stored)
            }
            Asked::Chunks(chunks) => {
                if self
                    .batch_bytes_max
                    .is_some_and(|max| chunks.iter().map(|c| c.2.len()).sum::<usize>() > max)
                {
                    return Err(Failure::Status { status: 413, retry_after_seconds: None });
                }
                let stored =
                    chunks.into_iter().map(|(id, index, bytes)| self.server.upload(id, index, bytes));
                Ok(Reply::Batch(stored.collect()))
            }
            Asked::Batch(call) => {
                let calls: Vec<_> = match call {
                    BatchCall::Start(items) => items.into_iter().map(Call::Start).collect(),
                    BatchCall::Check(items) => {
                        items.into_iter().map(|item| Call::Check(item.session, item.check)).collect()
                    }
                    BatchCall::Finish(items) => {
                        items.into_iter().map(|item| Call::Finish(item.session, item.finish)).collect()
                    }
                };
                Ok(Reply::Batch(calls.into_iter().map(|call| self.answer(Asked::Call(call))).collect()))
            }
        }
    }

    /// One thing happens: a reader reads, something arrives, or time passes. False where nothing is left to do.
    pub(crate) fn step(&mut self) -> bool {
        if let Some(input) = self.read_some() {
            self.handle(input);
            return true;
        }
        let timeout = self.engine.poll_timeout();
        let next = self.due.keys().next().copied();
        if let Some((at, order)) = next.filter(|(at, _)| timeout.is_none_or(|timeout| *at <= timeout)) {
            self.now = self.now.max(at);
            match self.due.remove(&(at, order)) {
                Some(Due::Arrive(request, asked)) => self.arrive(request, asked),
                Some(Due::Answer(request, reply)) => self.handle(Input::Reply { request, reply }),
                None => {}
            }
            return true;
        }
        let Some(timeout) = timeout else { return false };
        self.now = self.now.max(timeout);
        self.handle(Input::Tick);
        true
    }

    fn arrive(&mut self, request: RequestId, asked: Asked) {
        if self.aborted.contains(&request) && self.dice.chance(50) {
            return;
        }
        let reply = self.serve(asked);
        if self.dice.chance(self.weather.lost_replies) {
            return;
        }
        let copies = 1 + u64::from(self.dice.chance(self.weather.doubled_replies));
        for _ in 0..copies {
            let delay = 1 + self.dice.below(self.weather.delay_ms_max + 1);
            self.later(self.now + delay, Due::Answer(request, reply.clone()));
        }
    }

    /// Lets one reader read of its grant, 100,000 bytes at a time, until it has something to tell.
    fn read_some(&mut self) -> Option<Input> {
        if let Some(proof) = self.proofs.pop() {
            return Some(proof);
        }
        for ((upload, pass), reading) in &mut self.readings {
            let (upload, pass) = (*upload, *pass);
            if reading.told_end || reading.granted == 0 {
                continue;
            }
            let file = &self.files[&upload];
            if file.lost {
                reading.told_end = true;
                return Some(Input::PassFailed { upload, pass, failure: PassFailure::Lost });
            }
            let (mut chunks, mut at_end) = (Vec::new(), false);
            while chunks.is_empty() && reading.granted > 0 && !at_end {
                let end = file.bytes.len().min(reading.at + reading.granted.min(100_000) as usize);
                let fresh = &file.bytes[reading.at.min(end)..end];
                reading.cutter.push(fresh);
                reading.granted -= fresh.len() as u64;
                at_end = end == file.bytes.len() && fresh.len() < 100_000;
                reading.at = end.max(reading.at);
                if at_end {
                    reading.cutter.end();
                }
                while let Some(bytes) = reading.cutter.next_chunk() {
                    let chunk = ChunkRef { pass, offset: reading.cut, length: bytes.len() as u32 };
                    reading.cut += bytes.len() as u64;
                    reading.held.insert(chunk, bytes.to_vec());
                    chunks.push((chunk, ChunkDigest::new(Sha256::digest(bytes).into())));
                }
            }
            if !chunks.is_empty() {
                // The end comes with the next look, once the last chunks are told.
                return Some(Input::Chunks { upload, pass, chunks });
            }
            if at_end {
                reading.told_end = true;
                let (size, mtime) = (file.bytes.len() as u64, Some(file.mtime));
                return Some(Input::PassEnd { upload, pass, size, mtime });
            }
        }
        None
    }

    /// Steps until every upload is in one of `states`.
    pub(crate) fn run_until(&mut self, states: &[State]) {
        for _ in 0..200_000 {
            let there = self.engine.uploads().all(|upload| states.contains(&self.view(upload).state));
            if there {
                return;
            }
            assert!(
                self.step(),
                "stuck: {:#?}",
                self.engine.uploads().map(|upload| self.view(upload)).collect::<Vec<_>>()
            );
        }
        panic!("endless: {:#?}", self.engine.uploads().map(|upload| self.view(upload)).collect::<Vec<_>>());
    }

    pub(crate) fn run(&mut self) {
        self.run_until(&[State::Done]);
    }

    /// Nothing is left in readers' hands, and the timer sleeps.
    pub(crate) fn settle(&mut self) {
        for _ in 0..10_000 {
            if !self.step() {
                assert!(self.readings.is_empty(), "a reader still holds bytes");
                return;
            }
        }
        panic!("the engine never comes to rest");
    }
}
