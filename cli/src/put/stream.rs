//! What has no size before it ends: a pipe, standard input, a file of the system's that tells none. It is read once, to its end, so nobody can go
//! on with it after a break.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use cairn_engine::Failure;
use cairn_engine::cutter::Cutter;
use cairn_engine::folder::Why;
use cairn_shared::message::{
    CheckRequest, CheckResponse, Declared, FinishRequest, FinishResponse, RowState, StartRequest,
    StartResponse,
};
use cairn_shared::{Bearer, ChunkDigest, ChunkRule, ClientKey, Name, ProblemCode, Row, route};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use crate::owner;
use crate::platform::random;
use crate::shell::{Line, patiently};

/// Bytes that gather before the server is asked which of them it lacks.
const ASKED_BYTES: usize = 8 << 20;
/// Bytes read at once.
const PIECE: usize = 1 << 18;
/// What stands for standard input.
const STDIN: &str = "-";
/// What it is called, where nobody says so.
const STDIN_NAME: &str = "stdin";

/// Something that is read as it comes.
pub(super) struct Stream {
    pub(super) path: PathBuf,
    pub(super) name: Name,
    source: Box<dyn Read>,
}

/// Opens what lies at `path` as a stream, where it is one; `named` is what people call it. `Pipe` where nobody writes to it.
pub(super) fn open(path: &Path, named: Option<&Name>) -> Result<Option<Stream>, Why> {
    let (source, own): (Box<dyn Read>, _) = if path.as_os_str() == STDIN {
        (Box::new(io::stdin()), Some(STDIN_NAME))
    } else {
        let Ok(meta) = path.metadata() else { return Ok(None) };
        let source = if meta.file_type().is_fifo() { Some(pipe(path)?) } else { unsized_file(path, &meta) };
        let Some(source) = source else { return Ok(None) };
        (Box::new(source), path.file_name().and_then(|name| name.to_str()))
    };
    let name = match named {
        Some(name) => name.clone(),
        None => own.ok_or(Why::NotText)?.parse().map_err(Why::Name)?,
    };
    Ok(Some(Stream { path: path.to_owned(), name, source }))
}

/// A pipe that somebody writes to. Whoever opens one that nobody writes to waits for ever.
fn pipe(path: &Path) -> Result<File, Why> {
    let open = || {
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        let has_writer = has_writer(&file)?;
        fcntl_setfl(&file, OFlags::empty())?;
        Ok(has_writer.then_some(file))
    };
    open().map_err(|error: io::Error| Why::from(error.kind()))?.ok_or(Why::Pipe)
}

/// Whether there is something to read, or somebody who may still write.
fn has_writer(file: &File) -> io::Result<bool> {
    let mut asked = [PollFd::new(file, PollFlags::IN)];
    poll(&mut asked, Some(&Timespec::default()))?;
    let found = asked[0].revents();
    if found.contains(PollFlags::IN) {
        return Ok(true);
    }
    if found.contains(PollFlags::HUP) {
        return Ok(false);
    }
    // Neither bytes nor an end: somebody has it open, or nobody ever had.
    let peeked = rustix::io::read(file, &mut [0; 1]);
    Ok(matches!(peeked, Err(Errno::AGAIN)))
}

/// A file that is said to be empty, or as long as a page, and is not: `/proc`, `/sys`.
fn unsized_file(path: &Path, meta: &Metadata) -> Option<File> {
    let is_of_system =
        path.canonicalize().is_ok_and(|real| real.starts_with("/proc") || real.starts_with("/sys"));
    if !meta.is_file() || !(meta.len() == 0 || is_of_system) {
        return None;
    }
    let mut file = File::open(path).ok()?;
    let has_some = file.read(&mut [0; 1]).is_ok_and(|read| read > 0);
    if !has_some || file.rewind().is_err() {
        return None;
    }
    Some(file)
}

impl Stream {
    /// Sends it to its end; what it became, and how many bytes it had.
    pub(super) fn send(
        self,
        state: &Path,
        line: &Line,
        limit: Option<u64>,
    ) -> anyhow::Result<(FinishResponse, u64)> {
        let mut sending = Sending::start(state, line, &self.name, limit)?;
        let sent = sending.all(self.source);
        if sent.is_err() {
            // What came of it is of no use to anybody.
            drop(line.delete(&route::session(sending.started.session_id), sending.key()));
        }
        sent
    }
}

/// A session that is being filled.
struct Sending<'a> {
    line: &'a Line,
    started: StartResponse,
    limit: Option<u64>,
    /// Rows that the server knows.
    rows: u32,
    size: u64,
    waiting: Vec<(Row, Bytes)>,
}

impl<'a> Sending<'a> {
    fn start(state: &Path, line: &'a Line, name: &Name, limit: Option<u64>) -> anyhow::Result<Self> {
        let request = StartRequest {
            name: name.clone(),
            size: None,
            key: Some(ClientKey::new(random()?)),
            path: None,
            folder: None,
            mtime: None,
            media_type: None,
            chunking: Some(ChunkRule::FastCdc),
            meta: None,
        };
        let start = |key: Bearer| retried(line, || line.post(route::Route::Start.pattern(), key, &request));
        let started = match start(owner::owner_key(state, line, false)?) {
            Err(Failure::Problem(problem)) if problem.code == ProblemCode::CredentialUnknown => {
                start(owner::owner_key(state, line, true)?)
            }
            started => started,
        };
        let started = line.explain(started)?;
        Ok(Self { line, started, limit, rows: 0, size: 0, waiting: Vec::new() })
    }

    /// Of the session alone: it needs no other.
    fn key(&self) -> Bearer {
        self.started.session_key
    }

    fn all(&mut self, mut source: Box<dyn Read>) -> anyhow::Result<(FinishResponse, u64)> {
        let mut cutter = Cutter::new(ChunkRule::FastCdc);
        let mut gathered = 0;
        loop {
            let mut read = Ok(0);
            cutter.fill(PIECE, |room| {
                read = source.read(room);
                *read.as_ref().unwrap_or(&0)
            });
            match read {
                Ok(0) => cutter.end(),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).context("it can't be read to its end"),
            }
            let is_over = matches!(read, Ok(0));
            while let Some(chunk) = cutter.next_chunk() {
                let digest = ChunkDigest::new(Sha256::digest(chunk).into());
                let length = u32::try_from(chunk.len())?;
                self.waiting.push((Row { digest, length }, Bytes::copy_from_slice(chunk)));
                gathered += chunk.len();
            }
            if gathered >= ASKED_BYTES || (is_over && !self.waiting.is_empty()) {
                self.flush()?;
                gathered = 0;
            }
            if is_over {
                break;
            }
        }
        anyhow::ensure!(self.size > 0, "nothing came out of it");
        let finish = FinishRequest {
            revision: None,
            chunks: Some(self.rows),
            size: Some(self.size),
            manifest_digest: None,
            link: None,
        };
        let path = route::finish(self.started.session_id);
        let finished = retried(self.line, || self.line.post(&path, self.key(), &finish));
        Ok((self.line.explain(finished)?, self.size))
    }

    /// Declares what waits, and sends what the server lacks of it.
    fn flush(&mut self) -> anyhow::Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        let chunks = waiting.iter().map(|(row, _)| Declared::new(*row)).collect();
        let check = CheckRequest { revision: 0, at: self.rows, size: None, chunks };
        let (line, session, key) = (self.line, self.started.session_id, self.key());
        let asked = retried(line, || line.post::<CheckResponse>(&route::check(session), key, &check));
        let states = line.explain(asked)?.chunks;
        for ((row, bytes), state) in waiting.into_iter().zip(states) {
            if state != RowState::Have {
                let put = retried(line, || line.put(session, self.rows, bytes.clone(), key));
                line.explain(put)?;
                self.rest(row.length);
            }
            self.rows += 1;
            self.size += u64::from(row.length);
        }
        Ok(())
    }

    /// As long as so many bytes may take.
    fn rest(&self, bytes: u32) {
        if let Some(limit) = self.limit {
            thread::sleep(Duration::from_secs_f64(f64::from(bytes) / limit as f64));
        }
    }
}

/// Asks again as long as that may help.
fn retried<T>(line: &Line, ask: impl FnMut() -> Result<T, Failure>) -> Result<T, Failure> {
    patiently(line, ask, Failure::may_pass)
}
