//! One reading of one file: reads ahead, cuts, hashes, and holds the chunks' bytes until they are released.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use cairn_engine::cutter::Cutter;
use cairn_shared::ChunkRule;
use cairn_shared::limits::FASTCDC_BYTES_MAX;
use wasm_bindgen_futures::spawn_local;

use crate::platform::blob::{self, Bytes, Memory, Reading, Source};
use crate::platform::clock;
use crate::platform::digest::{Hasher, Hashing};
use crate::platform::memory::wasm_bytes;
use crate::worker::desk::Tell;
use crate::worker::message::{FromWorker, Held};

/// Read at once, in bytes: fewer, larger reads are what makes a browser fast.
pub(super) const SPAN_BYTES: u32 = 16 << 20;
/// So much is read at one moment, in bytes: no browser reads it in several steps.
const MOMENT_BYTES: u64 = 64 << 10;
/// Copied into wasm memory at once, in bytes; keeps that memory small.
const COPY_BYTES: u64 = 1 << 20;
/// Digests that the browser computes at the same time.
const HASHES_AT_ONCE: usize = 4;

/// Memory that held chunks keep beyond their own, in bytes: each is a part of a span, and one of them keeps the whole of it.
const WASTE_BYTES_MAX: u64 = 32 << 20;

/// A reading; goes on until its end, or until it is ended.
#[derive(Clone)]
pub struct Reader(Rc<Inner>);

struct Inner {
    upload: u32,
    pass: u32,
    source: Source,
    memory: Memory,
    hasher: Hasher,
    tell: Tell,
    /// How far the page wants it to read, in bytes from the start.
    granted: Cell<u64>,
    running: Cell<bool>,
    ended: Cell<bool>,
    held: RefCell<HashMap<Held, Bytes>>,
    /// Spans that are cut and whose memory chunks still keep.
    pinned: RefCell<Vec<Span>>,
    work: RefCell<Option<Work>>,
}

/// What a run carries on with.
struct Work {
    size: u64,
    cutter: Cutter,
    /// How many bytes went into the cutter.
    taken: u64,
    /// Where the next chunk begins.
    cut: u64,
    /// What is read and not cut yet, in the file's order; the last one is not yet taken as a whole.
    spans: VecDeque<Span>,
    ahead: Option<Reading>,
    /// Where what is being read ends, in bytes from the start.
    read: u64,
    hashing: VecDeque<(Held, Hashing)>,
}

/// Bytes as they were read.
struct Span {
    /// Where they begin in the file.
    at: u64,
    bytes: Bytes,
}

impl Span {
    fn end(&self) -> u64 {
        self.at + u64::from(self.bytes.length())
    }

    /// Whether all of a chunk lies in it.
    fn has(&self, chunk: &Held) -> bool {
        self.at <= chunk.1 && chunk.1 + u64::from(chunk.2) <= self.end()
    }

    /// The bytes of `first..end` of the file, in the same memory, where all of them are here.
    fn view(&self, first: u64, end: u64) -> Option<Bytes> {
        let inside = self.at <= first && end <= self.end();
        inside.then(|| self.bytes.subarray((first - self.at) as u32, (end - self.at) as u32))
    }
}

/// How a run came to its end.
enum Stop {
    /// Everything granted is told.
    Granted,
    /// The file is through.
    End,
    /// It can't be read.
    Lost,
}

impl Reader {
    /// One that has been granted nothing yet.
    pub fn new(
        (upload, pass): (u32, u32),
        rule: ChunkRule,
        source: Source,
        memory: Memory,
        hasher: Hasher,
        tell: Tell,
    ) -> Self {
        let work = Work {
            size: source.size(),
            cutter: Cutter::new(rule),
            taken: 0,
            cut: 0,
            spans: VecDeque::new(),
            ahead: None,
            read: 0,
            hashing: VecDeque::new(),
        };
        Self(Rc::new(Inner {
            upload,
            pass,
            source,
            memory,
            hasher,
            tell,
            granted: Cell::new(0),
            running: Cell::new(false),
            ended: Cell::new(false),
            held: RefCell::default(),
            pinned: RefCell::default(),
            work: RefCell::new(Some(work)),
        }))
    }

    /// Its number.
    pub fn pass(&self) -> u32 {
        self.0.pass
    }

    /// Reads so many bytes further.
    pub fn grant(&self, bytes: u64) {
        let inner = &self.0;
        inner.granted.set(inner.granted.get().saturating_add(bytes));
        if !inner.running.replace(true) {
            let reader = self.clone();
            spawn_local(async move { reader.run().await });
        }
    }

    /// Ends it; nothing more is told.
    pub fn end(&self) {
        self.0.ended.set(true);
        self.0.held.borrow_mut().clear();
        self.0.pinned.borrow_mut().clear();
    }

    /// The bytes of a chunk, if they are still held.
    pub fn bytes(&self, chunk: &Held) -> Option<Bytes> {
        self.0.held.borrow().get(chunk).cloned()
    }

    /// Forgets the bytes of chunks.
    pub fn release<'a>(&self, chunks: impl IntoIterator<Item = &'a Held>) {
        let mut held = self.0.held.borrow_mut();
        for chunk in chunks {
            held.remove(chunk);
        }
        drop(held);
        self.unpin();
    }

    /// The memory of spans of which nothing is held any more is used for what is read next. Where the others keep too much, the rest of
    /// the one of which least is held is copied.
    fn unpin(&self) {
        let mut held = self.0.held.borrow_mut();
        let mut pinned: Vec<_> = self.0.pinned.take().into_iter().map(|span| (0, span)).collect();
        for chunk in held.keys() {
            if let Some((bytes, _)) = pinned.iter_mut().find(|(_, span)| span.has(chunk)) {
                *bytes += u64::from(chunk.2);
            }
        }
        let waste = |(bytes, span): &(u64, Span)| u64::from(span.bytes.length()) - bytes;
        pinned.sort_by_key(|span| (span.0 == 0, waste(span)));
        let mut all: u64 = pinned.iter().map(waste).sum();
        while let Some(last) = pinned.pop_if(|last| last.0 == 0 || all > WASTE_BYTES_MAX) {
            all -= waste(&last);
            let span = last.1;
            for (_, bytes) in held.iter_mut().filter(|(chunk, _)| span.has(chunk)) {
                *bytes = bytes.slice(0, bytes.length());
            }
            if !self.0.ended.get() {
                self.0.memory.give_back(&span.bytes);
            }
        }
        self.0.pinned.replace(pinned.into_iter().map(|(_, span)| span).collect());
    }

    /// How many bytes are held.
    pub fn held_bytes(&self) -> u64 {
        self.0.held.borrow().keys().map(|chunk| u64::from(chunk.2)).sum()
    }

    /// How much memory they keep, in bytes.
    pub fn kept_bytes(&self) -> u64 {
        let held = self.0.held.borrow();
        blob::memory_of(held.values())
    }

    async fn run(&self) {
        let Some(mut work) = self.0.work.borrow_mut().take() else { return };
        let stop = self.advance(&mut work).await;
        if self.0.ended.get() {
            return;
        }
        let Inner { upload, pass, .. } = *self.0;
        match stop {
            Stop::Granted => {
                *self.0.work.borrow_mut() = Some(work);
                self.0.running.set(false);
            }
            Stop::End => {
                let (size, mtime) = (self.0.source.size(), self.0.source.mtime());
                (self.0.tell)(FromWorker::PassEnd { upload, pass, size, mtime });
            }
            Stop::Lost => (self.0.tell)(FromWorker::PassLost { upload, pass }),
        }
    }

    /// Goes on until nothing granted is left. A run that ended keeps `running`, so that none follows it.
    async fn advance(&self, work: &mut Work) -> Stop {
        loop {
            if work.taken == work.size {
                work.cutter.end();
                self.cut(work).await;
                self.tell_hashed(work, 0).await;
                return if self.unchanged(work).await { Stop::End } else { Stop::Lost };
            }
            if work.taken >= self.0.granted.get() {
                self.tell_hashed(work, 0).await;
                if work.taken >= self.0.granted.get() || self.0.ended.get() {
                    return Stop::Granted;
                }
            }
            if work.spans.back().is_none_or(|span| span.end() == work.taken) && !self.read(work).await {
                return Stop::Lost;
            }
            self.take(work);
            self.cut(work).await;
            if work.ahead.is_some() {
                clock::turn().await;
            }
            if self.0.ended.get() {
                return Stop::Granted;
            }
        }
    }

    /// Browsers refuse to read a file that changed since it was chosen, so one more byte shows whether the
    /// first bytes are still those of the same file. What is short was read at one moment anyway.
    async fn unchanged(&self, work: &Work) -> bool {
        let took_time = work.size > MOMENT_BYTES && !self.0.ended.get();
        !took_time || self.0.source.read(work.size - 1..work.size).bytes().await.is_some()
    }

    /// Waits for the bytes that come next. While they are worked on, the disk reads the ones behind them.
    async fn read(&self, work: &mut Work) -> bool {
        let reading = match work.ahead.take() {
            Some(reading) => reading,
            None => self.begin_reading(work),
        };
        let Some(bytes) = reading.bytes().await else { return false };
        work.spans.push_back(Span { at: work.taken, bytes });
        if work.read < work.size && !self.0.ended.get() {
            work.ahead = Some(self.begin_reading(work));
        }
        true
    }

    fn begin_reading(&self, work: &mut Work) -> Reading {
        // The first chunk leaves as soon as it can be cut.
        let length = if work.read == 0 { FASTCDC_BYTES_MAX } else { SPAN_BYTES };
        let end = work.size.min(work.read + u64::from(length));
        let reading = self.0.source.read_into(&self.0.memory, work.read..end);
        work.read = end;
        reading
    }

    /// Gives the cutter as much of the last span as is granted, in small steps.
    fn take(&self, work: &mut Work) {
        let Some(span) = work.spans.back() else { return };
        let end = span.end().min(self.0.granted.get()).min(work.taken + COPY_BYTES);
        if let Some(bytes) = span.view(work.taken, end) {
            work.cutter.fill(bytes.length() as usize, |room| {
                bytes.copy_to(room);
                room.len()
            });
            work.taken = end;
        }
    }

    async fn cut(&self, work: &mut Work) {
        while let Some(chunk) = work.cutter.next_chunk() {
            let end = work.cut + chunk.len() as u64;
            let held = Held(self.0.pass, work.cut, chunk.len() as u32);
            // Fresh memory for each chunk costs more than hashing; only those across two spans need it.
            let copy = work.spans.iter().find_map(|span| span.view(work.cut, end));
            let copy = copy.unwrap_or_else(|| Bytes::from(chunk));
            work.cut = end;
            let hashing = self.0.hasher.begin(chunk, &copy);
            if !self.0.ended.get() {
                self.0.held.borrow_mut().insert(held, copy);
            }
            work.hashing.push_back((held, hashing));
            if work.hashing.len() >= HASHES_AT_ONCE {
                self.tell_hashed(work, HASHES_AT_ONCE - 1).await;
            }
        }
        let past = |span: &Span| span.end() <= work.cut;
        let through = work.taken == work.size;
        while (work.spans.len() > 1 || through)
            && let Some(span) = work.spans.pop_front_if(|span| past(span))
        {
            self.0.pinned.borrow_mut().push(span);
            self.unpin();
        }
    }

    /// Waits until no more than `rest` digests are under way, and tells the others in the file's order.
    async fn tell_hashed(&self, work: &mut Work, rest: usize) {
        let mut chunks = Vec::new();
        while work.hashing.len() > rest
            && let Some((held, hashing)) = work.hashing.pop_front()
        {
            chunks.push((held, hashing.digest().await));
        }
        if !chunks.is_empty() && !self.0.ended.get() {
            let Inner { upload, pass, .. } = *self.0;
            (self.0.tell)(FromWorker::Chunks { upload, pass, chunks, wasm_bytes: wasm_bytes() });
        }
    }
}
