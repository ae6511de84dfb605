//! Reads small files whole, on threads that many of them share.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use cairn_engine::{ChunkRef, Input, PassFailure, PassId, UploadId};
use cairn_shared::ChunkDigest;
use cairn_shared::limits::PACKED_BYTES_MAX;

use super::Event;
use super::reader::Held;
use crate::put::mtime;

const THREADS: usize = 2;

/// The threads; they end with the shell.
pub(crate) struct SmallReaders {
    files: Sender<(UploadId, PassId, PathBuf)>,
}

impl SmallReaders {
    pub(crate) fn start(held: &Held, tell: &Sender<Event>) -> Self {
        let (files, queue) = mpsc::channel();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..THREADS {
            let (queue, held, tell) = (queue.clone(), held.clone(), tell.clone());
            std::thread::spawn(move || run(&queue, &held, &tell));
        }
        Self { files }
    }

    /// Reads a file of one chunk, and tells all of it.
    pub(crate) fn read(&self, upload: UploadId, pass: PassId, path: PathBuf) {
        // The threads end only after the shell.
        let _ = self.files.send((upload, pass, path));
    }
}

fn run(queue: &Mutex<Receiver<(UploadId, PassId, PathBuf)>>, held: &Held, tell: &Sender<Event>) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((upload, pass, path)) = next else { return };
        let inputs = read(upload, pass, &path, held)
            .unwrap_or_else(|_| vec![Input::PassFailed { upload, pass, failure: PassFailure::Lost }]);
        if tell.send(Event::Inputs(inputs)).is_err() {
            return;
        }
    }
}

fn read(upload: UploadId, pass: PassId, path: &Path, held: &Held) -> std::io::Result<Vec<Input>> {
    let mut file = File::open(path)?;
    let before = file.metadata()?;
    let room = usize::try_from(before.len().min(u64::from(PACKED_BYTES_MAX))).unwrap_or_default();
    let mut bytes = Vec::with_capacity(room + 1);
    // One byte more than fits shows that it is no small file any more.
    Read::by_ref(&mut file).take(u64::from(PACKED_BYTES_MAX) + 1).read_to_end(&mut bytes)?;
    let after = std::fs::metadata(path)?;
    let end = Input::PassEnd { upload, pass, size: after.len(), mtime: mtime(&after) };
    if bytes.is_empty() || bytes.len() as u64 != after.len() || mtime(&before) != mtime(&after) {
        // Where it changed meanwhile the engine sees that from its end.
        return Ok(vec![end]);
    }
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let chunk = ChunkRef { pass, offset: 0, length };
    let digest = ChunkDigest::of(&bytes);
    held.keep(upload, chunk, Bytes::from(bytes));
    Ok(vec![Input::Chunks { upload, pass, chunks: vec![(chunk, digest)] }, end])
}
