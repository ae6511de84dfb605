//! A person with a browser: an engine, files that change, a journal that stays.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cairn_engine::cutter::Cutter;
use cairn_engine::{
    BatchChunk, ChunkRef, Config, Effect, Engine, Input, JournalEntry, PassId, RequestId, Source, State,
    UploadId,
};
use cairn_shared::frame::FrameHead;
use cairn_shared::message::FinishResponse;
use cairn_shared::{ChunkDigest, ChunkRule, ClientKey, Proof};
use sha2::{Digest, Sha256};

use super::random::Random;
use super::site::Asked;

const RULE: ChunkRule = ChunkRule::Fixed(65_536);
const HELD_MAX: u64 = 1 << 20;
/// What a reader reads at once, in bytes.
const READ_BYTES: usize = 100_000;

/// One client.
pub(super) struct Client {
    pub(super) owner: String,
    pub(super) engine: Engine,
    pub(super) files: BTreeMap<UploadId, File>,
    pub(super) journal: BTreeMap<UploadId, JournalEntry>,
    /// Files that the server said it has: which upload's, and what may be in them.
    pub(super) finished: BTreeMap<UploadId, FinishResponse>,
    pub(super) aborted: BTreeSet<RequestId>,
    proofs: Vec<Input>,
    /// Requests that leave now.
    pub(super) leaving: Vec<(RequestId, Asked)>,
    readings: BTreeMap<(UploadId, PassId), Reading>,
}

/// A file on the client's disk.
pub(super) struct File {
    pub(super) bytes: Vec<u8>,
    mtime: u64,
    /// SHA-256 of everything that it ever was.
    pub(super) past: BTreeSet<[u8; 32]>,
}

struct Reading {
    cutter: Cutter,
    at: usize,
    granted: u64,
    cut: u64,
    has_ended: bool,
    held: HashMap<ChunkRef, Vec<u8>>,
}

/// Every other one sends small files together.
fn engine(seed: u64) -> Engine {
    let small_max = if seed.is_multiple_of(2) { 0 } else { 20 };
    let config = Config { rule: RULE, held_bytes_max: HELD_MAX, sends_max: 3, uploads_max: 2, small_max };
    Engine::new(config, seed)
}

impl Client {
    pub(super) fn new(owner: String, seed: u64) -> Self {
        Self {
            owner,
            engine: engine(seed),
            files: BTreeMap::new(),
            journal: BTreeMap::new(),
            finished: BTreeMap::new(),
            aborted: BTreeSet::new(),
            proofs: Vec::new(),
            leaving: Vec::new(),
            readings: BTreeMap::new(),
        }
    }

    /// Takes a file up, or goes on with it.
    pub(super) fn add(&mut self, upload: UploadId, random: &mut Random, now: u64) {
        let file = &self.files[&upload];
        let source = Source {
            name: format!("{}.bin", upload.0).parse().unwrap(),
            path: None,
            folder: None,
            size: file.bytes.len() as u64,
            mtime: Some(file.mtime),
            media_type: None,
        };
        let mut key = [0; 16];
        key[..8].copy_from_slice(&random.next().to_be_bytes());
        let entry = self.journal.get(&upload).cloned();
        self.handle(Input::Add { upload, source, key: ClientKey::new(key), entry }, now);
    }

    pub(super) fn add_file(&mut self, bytes: Vec<u8>, random: &mut Random, now: u64) {
        let upload = UploadId(self.files.len() as u32);
        let past = BTreeSet::from([Sha256::digest(&bytes).into()]);
        self.files.insert(upload, File { bytes, mtime: 1, past });
        self.add(upload, random, now);
    }

    pub(super) fn edit(&mut self, upload: UploadId, at: usize) {
        let file = self.files.get_mut(&upload).unwrap();
        let at = at % (file.bytes.len() + 1);
        file.bytes.insert(at, 3);
        file.mtime += 1;
        file.past.insert(Sha256::digest(&file.bytes).into());
    }

    /// The tab is closed and opened again: the engine and everything that it had in its hands are gone.
    pub(super) fn come_back(&mut self, random: &mut Random, now: u64) {
        self.engine = engine(random.next());
        self.readings.clear();
        self.leaving.clear();
        self.aborted.clear();
        self.proofs.clear();
        let unfinished: Vec<_> = self.journal.keys().copied().collect();
        unfinished.into_iter().for_each(|upload| self.add(upload, random, now));
    }

    pub(super) fn state(&self, upload: UploadId) -> Option<State> {
        self.engine.view(upload).map(|view| view.state)
    }

    pub(super) fn handle(&mut self, input: Input, now: u64) {
        self.engine.handle(input, now);
        loop {
            while let Some(effect) = self.engine.poll_effect() {
                self.carry_out(effect);
            }
            let Some(proof) = self.proofs.pop() else { break };
            self.engine.handle(proof, now);
        }
        for upload in self.engine.uploads().collect::<Vec<_>>() {
            let finished = self.engine.view(upload).and_then(|view| view.finished);
            if let Some(finished) = finished {
                self.finished.insert(upload, finished);
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Request { request, call, .. } => self.leaving.push((request, Asked::Call(call))),
            Effect::Send { request, upload, session, index, chunks } => {
                let bytes = chunks.iter().map(|chunk| &self.readings[&(upload, chunk.pass)].held[chunk][..]);
                let bytes = bytes.collect::<Vec<_>>().concat();
                self.leaving.push((request, Asked::Run(session, index, chunks.len(), bytes)));
            }
            Effect::Batch { request, call } => self.leaving.push((request, Asked::Batch(call))),
            Effect::SendBatch { request, chunks } => {
                let frame = |chunk: BatchChunk| {
                    let BatchChunk { upload, session, index, chunk } = chunk;
                    let bytes = &self.readings[&(upload, chunk.pass)].held[&chunk];
                    let head = FrameHead { session, index, length: chunk.length };
                    [&head.to_bytes()[..], bytes].concat()
                };
                let frames = chunks.into_iter().map(frame).collect::<Vec<_>>().concat();
                self.leaving.push((request, Asked::Frames(frames)));
            }
            Effect::Prove { upload, index, chunk, key } => {
                let proof = Proof::of(&key, &self.readings[&(upload, chunk.pass)].held[&chunk]);
                self.proofs.push(Input::Proven { upload, index, chunk, proof });
            }
            Effect::Read { upload, pass, rule, bytes } => {
                let reading = self.readings.entry((upload, pass)).or_insert_with(|| Reading {
                    cutter: Cutter::new(rule),
                    at: 0,
                    granted: 0,
                    cut: 0,
                    has_ended: false,
                    held: HashMap::new(),
                });
                reading.granted += bytes;
            }
            Effect::Release { upload, chunks } => {
                for chunk in chunks {
                    let reading = self.readings.get_mut(&(upload, chunk.pass)).unwrap();
                    assert!(reading.held.remove(&chunk).is_some(), "released once");
                }
            }
            Effect::EndPass { upload, pass } => drop(self.readings.remove(&(upload, pass))),
            Effect::Abort(request) => drop(self.aborted.insert(request)),
            Effect::Save { upload, entry } => drop(self.journal.insert(upload, entry)),
            Effect::Forget(upload) => drop(self.journal.remove(&upload)),
        }
    }

    /// Lets one reader read; false where none has anything to read.
    pub(super) fn read(&mut self, now: u64) -> bool {
        let wants = |reading: &Reading| !reading.has_ended && reading.granted > 0;
        let Some(((upload, pass), reading)) = self.readings.iter_mut().find(|(_, reading)| wants(reading))
        else {
            return false;
        };
        let (upload, pass, file) = (*upload, *pass, &self.files[upload]);
        let end = file.bytes.len().min(reading.at + reading.granted.min(READ_BYTES as u64) as usize);
        let fresh = &file.bytes[reading.at.min(end)..end];
        let at_end = end == file.bytes.len() && fresh.len() < READ_BYTES;
        reading.cutter.push(fresh);
        reading.granted -= fresh.len() as u64;
        reading.at = end.max(reading.at);
        if at_end {
            reading.cutter.end();
        }
        let mut chunks = Vec::new();
        while let Some(bytes) = reading.cutter.next_chunk() {
            let chunk = ChunkRef { pass, offset: reading.cut, length: bytes.len() as u32 };
            reading.cut += bytes.len() as u64;
            reading.held.insert(chunk, bytes.to_vec());
            chunks.push((chunk, ChunkDigest::new(Sha256::digest(bytes).into())));
        }
        let input = if !chunks.is_empty() {
            Input::Chunks { upload, pass, chunks }
        } else if at_end {
            reading.has_ended = true;
            Input::PassEnd { upload, pass, size: file.bytes.len() as u64, mtime: Some(file.mtime) }
        } else {
            return true;
        };
        self.handle(input, now);
        true
    }
}
