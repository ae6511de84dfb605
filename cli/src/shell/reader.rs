//! Reads a file on threads of its own: one reads and cuts, one hashes. Holds chunks until they are released.

use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use cairn_engine::cutter::Cutter;
use cairn_engine::{ChunkRef, Input, PassFailure, PassId, UploadId};
use cairn_shared::{ChunkDigest, ChunkRule};

use super::Event;
use super::pool::Pool;
use crate::put::mtime;

/// Read at once, in bytes.
const READ_BYTES: usize = 1 << 20;
/// Chunks that are cut and wait to be hashed, and are then hashed together.
const CUT_MAX: usize = 8;

/// The bytes of chunks that were cut and are not released.
#[derive(Clone, Default)]
pub(crate) struct Held {
    chunks: Arc<Mutex<HashMap<(UploadId, ChunkRef), Bytes>>>,
    pool: Pool,
}

impl Held {
    fn lock(&self) -> MutexGuard<'_, HashMap<(UploadId, ChunkRef), Bytes>> {
        self.chunks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bytes of a chunk, unless they were released meanwhile.
    pub(crate) fn get(&self, upload: UploadId, chunk: ChunkRef) -> Option<Bytes> {
        self.lock().get(&(upload, chunk)).cloned()
    }

    /// Keeps the bytes of a chunk.
    pub(crate) fn keep(&self, upload: UploadId, chunk: ChunkRef, bytes: Bytes) {
        self.lock().insert((upload, chunk), bytes);
    }

    /// Keeps a copy of the bytes of a chunk, and gives it.
    fn keep_copy(&self, upload: UploadId, chunk: ChunkRef, bytes: &[u8]) -> Bytes {
        let bytes = self.pool.copy(bytes);
        self.keep(upload, chunk, bytes.clone());
        bytes
    }

    /// Forgets chunks.
    pub(crate) fn release(&self, upload: UploadId, chunks: &[ChunkRef]) {
        let mut held = self.lock();
        for chunk in chunks {
            held.remove(&(upload, *chunk));
        }
    }

    /// Forgets all chunks of a pass.
    pub(crate) fn end(&self, upload: UploadId, pass: PassId) {
        self.lock().retain(|(id, chunk), _| *id != upload || chunk.pass != pass);
    }
}

/// A reading under way. Dropped, it ends at its next grant or chunk.
pub(crate) struct Pass {
    // `None`: the whole file is read at once.
    grants: Option<Sender<u64>>,
}

impl Pass {
    /// Begins at the file's first byte, and waits for a grant.
    pub(crate) fn start(
        (upload, pass): (UploadId, PassId),
        rule: ChunkRule,
        path: PathBuf,
        held: Held,
        tell: Sender<Event>,
    ) -> Self {
        let (grants, granted) = mpsc::channel();
        let (cut, to_hash) = mpsc::sync_channel(CUT_MAX);
        std::thread::spawn(move || hash_all(upload, pass, &to_hash, &tell));
        std::thread::spawn(move || {
            let reading = Reading { upload, pass, rule, held, cut, granted, offset: 0 };
            reading.run(&path);
        });
        Self { grants: Some(grants) }
    }

    /// A reading that needs no grants, since it takes all of a small file.
    pub(crate) fn whole() -> Self {
        Self { grants: None }
    }

    /// Lets it read `bytes` more.
    pub(crate) fn grant(&self, bytes: u64) {
        if let Some(grants) = &self.grants {
            // A reading that has come to its end needs no grant.
            let _ = grants.send(bytes);
        }
    }
}

/// The pass was dropped, or the shell is gone: nobody wants to know.
struct Unwanted;

/// What a reading gives, in the file's order.
enum Cut {
    Chunk(ChunkRef, Bytes),
    End(Box<Input>),
}

/// Hashes what waits, together, and tells, until the reading or the shell is gone.
fn hash_all(upload: UploadId, pass: PassId, to_hash: &Receiver<Cut>, tell: &Sender<Event>) {
    while let Ok(first) = to_hash.recv() {
        let (mut chunks, mut all, mut end) = (Vec::new(), Vec::new(), None);
        for cut in std::iter::once(first).chain(to_hash.try_iter().take(CUT_MAX - 1)) {
            match cut {
                Cut::Chunk(chunk, bytes) => {
                    chunks.push(chunk);
                    all.push(bytes);
                }
                Cut::End(input) => end = Some(*input),
            }
        }
        let digests = ChunkDigest::of_all(&all.iter().map(Bytes::as_ref).collect::<Vec<_>>());
        let chunks: Vec<_> = chunks.into_iter().zip(digests).collect();
        let hashed = (!chunks.is_empty()).then_some(Input::Chunks { upload, pass, chunks });
        if tell.send(Event::Inputs(hashed.into_iter().chain(end).collect())).is_err() {
            return;
        }
    }
}

struct Reading {
    upload: UploadId,
    pass: PassId,
    rule: ChunkRule,
    held: Held,
    cut: SyncSender<Cut>,
    granted: Receiver<u64>,
    offset: u64,
}

impl Reading {
    fn run(mut self, path: &Path) {
        let outcome = match File::open(path) {
            Ok(file) => self.read(file, path),
            Err(_) => self.end(self.failed(PassFailure::Lost)),
        };
        if outcome.is_err() {
            self.held.end(self.upload, self.pass);
        }
    }

    fn failed(&self, failure: PassFailure) -> Input {
        Input::PassFailed { upload: self.upload, pass: self.pass, failure }
    }

    fn end(&self, input: Input) -> Result<(), Unwanted> {
        self.cut.send(Cut::End(Box::new(input))).map_err(|_| Unwanted)
    }

    fn read(&mut self, mut file: File, path: &Path) -> Result<(), Unwanted> {
        let mut cutter = Cutter::new(self.rule);
        let mut granted = 0;
        loop {
            while granted == 0 {
                granted += self.granted.recv().map_err(|_| Unwanted)?;
            }
            let wanted = usize::try_from(granted).unwrap_or(READ_BYTES).min(READ_BYTES);
            let mut outcome = Ok(0);
            let read = cutter.fill(wanted, |room| {
                outcome = file.read(room);
                *outcome.as_ref().unwrap_or(&0)
            });
            match outcome {
                Ok(0) => break,
                Ok(_) => granted -= read as u64,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return self.end(self.failed(PassFailure::Lost)),
            }
            self.cut(&mut cutter)?;
        }
        cutter.end();
        self.cut(&mut cutter)?;
        let end = match std::fs::metadata(path) {
            Ok(meta) if meta.len() == self.offset => {
                Input::PassEnd { upload: self.upload, pass: self.pass, size: meta.len(), mtime: mtime(&meta) }
            }
            Ok(_) => self.failed(PassFailure::Changed),
            Err(_) => self.failed(PassFailure::Lost),
        };
        self.end(end)
    }

    fn cut(&mut self, cutter: &mut Cutter) -> Result<(), Unwanted> {
        while let Some(bytes) = cutter.next_chunk() {
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            let chunk = ChunkRef { pass: self.pass, offset: self.offset, length };
            let bytes = self.held.keep_copy(self.upload, chunk, bytes);
            self.offset += u64::from(length);
            self.cut.send(Cut::Chunk(chunk, bytes)).map_err(|_| Unwanted)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_told_in_order_and_the_end_behind_it() {
        let (upload, pass) = (UploadId(1), PassId(2));
        for count in [0, 1, 7, 8, 9, 20_u8] {
            let (cut, to_hash) = mpsc::sync_channel(64);
            let (tell, told) = mpsc::channel();
            for number in 0..count {
                let chunk = ChunkRef { pass, offset: u64::from(number), length: 1 };
                cut.send(Cut::Chunk(chunk, vec![number].into())).unwrap();
            }
            let end = Input::PassEnd { upload, pass, size: u64::from(count), mtime: None };
            cut.send(Cut::End(Box::new(end))).unwrap();
            drop(cut);
            hash_all(upload, pass, &to_hash, &tell);
            drop(tell);
            let (mut chunks, mut ends) = (Vec::new(), 0);
            for event in told {
                let Event::Inputs(inputs) = event else { panic!("only inputs are told") };
                for input in inputs {
                    assert_eq!(ends, 0, "nothing comes behind the end");
                    if let Input::Chunks { chunks: more, .. } = input {
                        chunks.extend(more);
                    } else {
                        assert!(matches!(input, Input::PassEnd { .. }), "nothing else is told");
                        ends += 1;
                    }
                }
            }
            let expected: Vec<_> = (0..count)
                .map(|number| {
                    let chunk = ChunkRef { pass, offset: u64::from(number), length: 1 };
                    (chunk, ChunkDigest::of(&[number]))
                })
                .collect();
            assert_eq!((chunks, ends), (expected, 1));
        }
    }
}
