//! Takes the page's messages and knows which file, reading and request each of them means.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use cairn_shared::frame::FrameHead;
use cairn_shared::limits::PACKED_BYTES_MAX;
use cairn_shared::proof::RowKey;
use cairn_shared::{Bearer, ChunkRule, Proof};
use futures_util::future::{AbortHandle, abortable};
use wasm_bindgen_futures::spawn_local;

use crate::platform::blob::{Memory, Source};
use crate::platform::digest::Hasher;
use crate::worker::channels::Channels;
use crate::worker::message::{Framed, FromWorker, Held, ToWorker};
use crate::worker::reader::{Reader, SPAN_BYTES};
use crate::worker::sender;

/// Tells the page.
pub type Tell = Rc<dyn Fn(FromWorker)>;

/// The worker's state.
#[derive(Clone)]
pub struct Desk(Rc<Inner>);

struct Inner {
    tell: Tell,
    hasher: Hasher,
    uploads: RefCell<HashMap<u32, Upload>>,
    memory: Memory,
    channels: Channels,
    sending: RefCell<HashMap<u64, AbortHandle>>,
}

struct Upload {
    source: Source,
    /// The current reading, and those before it whose chunks are still on their way.
    readers: Vec<Reader>,
}

impl Desk {
    /// An empty one.
    pub fn new(tell: impl Fn(FromWorker) + 'static) -> Self {
        Self::with_hasher(tell, Hasher::new())
    }

    /// An empty one that hashes in a given way.
    pub fn with_hasher(tell: impl Fn(FromWorker) + 'static, hasher: Hasher) -> Self {
        let tell: Tell = Rc::new(tell);
        Self(Rc::new(Inner {
            tell,
            hasher,
            uploads: RefCell::default(),
            memory: Memory::new(SPAN_BYTES),
            channels: Channels::default(),
            sending: RefCell::default(),
        }))
    }

    /// Does what the page asks for.
    pub fn take(&self, message: ToWorker, file: Option<Source>) {
        match message {
            ToWorker::Open { upload } => self.open(upload, file),
            ToWorker::Read { upload, pass, rule, bytes } => self.read(upload, pass, rule, bytes),
            ToWorker::SendBatch { request, chunks, bearer } => self.send_batch(request, &chunks, bearer),
            ToWorker::Send { request, upload, session, index, chunks, bearer } => {
                let rows = chunks.len();
                self.send(request, upload, chunks, sender::Target { session, index, rows, bearer });
            }
            ToWorker::Prove { upload, index, chunk, key } => {
                self.prove(upload, index, chunk, RowKey::new(key))
            }
            ToWorker::Release { upload, chunks } => {
                if let Some(upload) = self.0.uploads.borrow().get(&upload) {
                    for reader in &upload.readers {
                        reader.release(chunks.iter().filter(|chunk| chunk.0 == reader.pass()));
                    }
                }
            }
            ToWorker::EndPass { upload, pass } => {
                if let Some(reader) = self.reader(upload, pass) {
                    reader.end();
                }
                if let Some(upload) = self.0.uploads.borrow_mut().get_mut(&upload) {
                    upload.readers.retain(|reader| reader.pass() != pass);
                }
            }
            ToWorker::Abort { request } => {
                let sending = self.0.sending.borrow_mut().remove(&request);
                if let Some(sending) = sending {
                    sending.abort();
                }
            }
            ToWorker::Close { upload } => self.close(upload),
        }
    }

    /// Bytes of chunks that are held, of all uploads.
    pub fn held_bytes(&self) -> u64 {
        let uploads = self.0.uploads.borrow();
        uploads.values().flat_map(|upload| &upload.readers).map(Reader::held_bytes).sum()
    }

    /// Bytes of memory that they keep.
    pub fn kept_bytes(&self) -> u64 {
        let uploads = self.0.uploads.borrow();
        uploads.values().flat_map(|upload| &upload.readers).map(Reader::kept_bytes).sum()
    }

    fn open(&self, upload: u32, file: Option<Source>) {
        self.close(upload);
        if let Some(source) = file {
            self.0.uploads.borrow_mut().insert(upload, Upload { source, readers: Vec::new() });
        }
    }

    fn close(&self, upload: u32) {
        let closed = self.0.uploads.borrow_mut().remove(&upload);
        for reader in closed.iter().flat_map(|upload| &upload.readers) {
            reader.end();
        }
        if self.0.uploads.borrow().is_empty() {
            self.0.memory.clear();
        }
    }

    fn read(&self, upload: u32, pass: u32, rule: ChunkRule, bytes: u64) {
        if self.reader(upload, pass).is_none() {
            let mut uploads = self.0.uploads.borrow_mut();
            let Some(open) = uploads.get_mut(&upload) else { return };
            if open.source.size() > u64::from(PACKED_BYTES_MAX) {
                self.0.channels.prepare();
            }
            let reader = Reader::new(
                (upload, pass),
                rule,
                open.source.clone(),
                self.0.memory.clone(),
                self.0.hasher.clone(),
                self.0.tell.clone(),
            );
            open.readers.push(reader);
        }
        if let Some(reader) = self.reader(upload, pass) {
            reader.grant(bytes);
        }
    }

    fn reader(&self, upload: u32, pass: u32) -> Option<Reader> {
        let uploads = self.0.uploads.borrow();
        uploads.get(&upload)?.readers.iter().find(|reader| reader.pass() == pass).cloned()
    }

    /// Bytes that are gone belong to a reading that is over: nobody waits for their proof.
    fn prove(&self, upload: u32, index: u32, chunk: Held, key: RowKey) {
        let bytes = self.reader(upload, chunk.0).and_then(|reader| reader.bytes(&chunk));
        if let Some(bytes) = bytes {
            let proof = Proof::of(&key, &bytes.to_vec());
            (self.0.tell)(FromWorker::Proven { upload, index, chunk, proof });
        }
    }

    fn send_batch(&self, request: u64, chunks: &[Framed], bearer: Bearer) {
        let bytes = |Framed(upload, session, index, held): &Framed| {
            let bytes = self.reader(*upload, held.0).and_then(|reader| reader.bytes(held));
            (FrameHead { session: *session, index: *index, length: held.2 }, bytes)
        };
        let frames: Vec<_> = chunks.iter().map(bytes).collect();
        self.ask(request, async move {
            let result = sender::send_batch(&frames, bearer).await;
            FromWorker::Replies { request, result: result.map_err(Into::into) }
        });
    }

    fn send(&self, request: u64, upload: u32, chunks: Vec<Held>, target: sender::Target) {
        let desk = self.clone();
        self.ask(request, async move {
            let bytes = |chunk: &Held| desk.reader(upload, chunk.0).and_then(|reader| reader.bytes(chunk));
            let bytes = || chunks.iter().map(bytes).collect();
            let result = sender::send(&desk.0.channels, bytes, target).await;
            FromWorker::Reply { request, result: result.map_err(Into::into) }
        });
    }

    /// Tells what comes of a request, unless it is broken off before.
    fn ask(&self, request: u64, answer: impl Future<Output = FromWorker> + 'static) {
        let (answer, handle) = abortable(answer);
        self.0.sending.borrow_mut().insert(request, handle);
        let desk = self.clone();
        spawn_local(async move {
            if let Ok(answer) = answer.await {
                desk.0.sending.borrow_mut().remove(&request);
                (desk.0.tell)(answer);
            }
        });
    }
}
