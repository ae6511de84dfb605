//! One file: its bytes into a file beside the target, compared, dated, and only then given its name.

use std::ffi::OsString;
use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use cairn_shared::message::LinkItem;
use cairn_shared::{BlobDigest, ManifestDigest, UnixMs};
use rustix::fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use super::line::{Line, Trouble, header};
use crate::{agent, say};

/// The longest name that the usual file systems take, in bytes.
const NAME_BYTES_MAX: usize = 255;
/// How often it is looked whether another download of the same file is through, and how often without anything new.
const LOOK_EVERY: Duration = Duration::from_millis(250);
const LOOKS_MAX: u32 = 240;
/// Bytes read at once.
const PIECE: usize = 1 << 18;

/// What is to come.
#[derive(Debug, Clone)]
pub(super) struct Content {
    pub(super) url: String,
    pub(super) size: u64,
    pub(super) tag: Option<ManifestDigest>,
    pub(super) blob: Option<BlobDigest>,
    pub(super) mtime: Option<UnixMs>,
}

impl Content {
    /// A file of a list, by the path that the link knows it by.
    pub(super) fn of(line: &Line, item: &LinkItem, path: &str) -> Self {
        Self {
            url: line.address.raw(path),
            size: item.size.unwrap_or_default(),
            tag: item.manifest_digest,
            blob: item.blob,
            mtime: item.mtime,
        }
    }
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrived {
    /// It came, and is what it was. Without a digest to compare with, the size alone says so.
    Whole { is_compared: bool },
    /// It was here before.
    Already,
}

/// Brings the file to `target`; what lies there is never replaced. `told` hears how many bytes more are here.
pub(super) fn fetch(
    line: &Line,
    wanted: &Content,
    target: &Path,
    late: &dyn Fn() -> Option<BlobDigest>,
    told: &dyn Fn(u64),
) -> Result<Arrived, Trouble> {
    if is_already(wanted, target, late)? {
        return Ok(Arrived::Already);
    }
    let mut partial = Partial::open(target, wanted)?;
    // Another one may have brought it while this one waited.
    if is_already(wanted, target, late)? {
        partial.give_up();
        return Ok(Arrived::Already);
    }
    match partial.bring(line, wanted, late, told) {
        Ok(is_compared) => {
            partial.settle(wanted, target)?;
            Ok(Arrived::Whole { is_compared })
        }
        Err(trouble) => {
            // Nothing came: nothing is to be kept.
            if partial.length().is_ok_and(|length| length == 0) {
                partial.give_up();
            }
            Err(trouble)
        }
    }
}

/// Whether the file lies at `target` already; `Thing` where something else does.
fn is_already(
    wanted: &Content,
    target: &Path,
    late: &dyn Fn() -> Option<BlobDigest>,
) -> Result<bool, Trouble> {
    let there = match fs::symlink_metadata(target) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        there => there.map_err(|error| on_disk(target, &error))?,
    };
    let shown = target.display();
    if there.is_file() && there.len() == wanted.size {
        let Some(blob) = wanted.blob.or_else(late) else {
            return Err(Trouble::Thing(format!(
                "a file as long lies at {shown} already, and the server has not computed the SHA-256 of its own yet: run it again in a while"
            )));
        };
        if digest_of(target).is_ok_and(|found| found == *blob.as_bytes()) {
            return Ok(true);
        }
    }
    Err(Trouble::Thing(format!(
        "something else lies at {shown} already: move it away, or choose another place with -o"
    )))
}

/// A file that is not whole, which nobody else fills.
struct Partial {
    file: File,
    path: PathBuf,
}

impl Partial {
    /// Beside the target, under a name that says which content it is to be; waits while another one fills it.
    fn open(target: &Path, wanted: &Content) -> Result<Self, Trouble> {
        let path = partial_path(target, wanted);
        let (mut seen, mut looks) = (0, 0);
        loop {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            let opened = options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed()).open(&path);
            let file = opened.map_err(|error| on_disk(&path, &error))?;
            let length = file.metadata().map_err(|error| on_disk(&path, &error))?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Err(Errno::WOULDBLOCK) => {}
                // A file system without locks has nobody who waits for one.
                Ok(()) | Err(_) => {
                    // The one before may have given it its name, or given it up, since it was opened.
                    let now = fs::symlink_metadata(&path);
                    if now.is_ok_and(|now| now.ino() == length.ino() && now.dev() == length.dev()) {
                        return Ok(Self { file, path });
                    }
                    continue;
                }
            }
            if length.len() != seen {
                (seen, looks) = (length.len(), 0);
            }
            looks += 1;
            if looks > LOOKS_MAX {
                return Err(Trouble::Thing(format!(
                    "another download of it is under way at {}",
                    path.display()
                )));
            }
            say::progress("another download of it is under way: waiting for that");
            thread::sleep(LOOK_EVERY);
        }
    }

    fn length(&self) -> Result<u64, Trouble> {
        Ok(self.file.metadata().map_err(|error| on_disk(&self.path, &error))?.len())
    }

    fn empty(&mut self) -> Result<(), Trouble> {
        self.file.set_len(0).map_err(|error| on_disk(&self.path, &error))
    }

    /// Fetches what is missing and compares all of it; whether there was a digest to compare with.
    fn bring(
        &mut self,
        line: &Line,
        wanted: &Content,
        late: &dyn Fn() -> Option<BlobDigest>,
        told: &dyn Fn(u64),
    ) -> Result<bool, Trouble> {
        let mut is_reused = self.length()? > 0;
        loop {
            is_reused |= self.fill(line, wanted, told)?;
            let Some(expected) = wanted.blob.or_else(late) else { return Ok(false) };
            if self.digest()? == *expected.as_bytes() {
                return Ok(true);
            }
            self.empty()?;
            if !is_reused {
                let why = "the bytes that came are not those of the file: fetch it again".to_owned();
                return Err(Trouble::Thing(why));
            }
            // What lay here from before is no part of it: once more from the beginning.
            is_reused = false;
        }
    }

    /// Fetches what is missing, in as many requests as it takes; whether bytes of an earlier answer were taken for those of a later one.
    fn fill(&mut self, line: &Line, wanted: &Content, told: &dyn Fn(u64)) -> Result<bool, Trouble> {
        if self.length()? > wanted.size {
            self.empty()?;
        }
        let mut patience = line.patience();
        let mut is_reused = false;
        loop {
            let have = self.length()?;
            if have == wanted.size {
                return Ok(is_reused);
            }
            is_reused |= have > 0;
            match self.copy(line, wanted, have, told) {
                Ok(()) => {}
                Err(Trouble::Passes { why, after_seconds }) => {
                    if self.length()? > have {
                        patience.end();
                    }
                    patience.wait(why, after_seconds)?;
                }
                Err(trouble) => return Err(trouble),
            }
        }
    }

    fn copy(&mut self, line: &Line, wanted: &Content, have: u64, told: &dyn Fn(u64)) -> Result<(), Trouble> {
        let mut response = line.bytes(&wanted.url, wanted.tag, have)?;
        let begins = if response.status().as_u16() == 206 {
            let range = header(&response, "content-range").unwrap_or_default();
            let first = range.strip_prefix("bytes ").and_then(|range| range.split('-').next()?.parse().ok());
            first.filter(|first| *first <= have).ok_or_else(|| {
                Trouble::passes(format!(
                    "the server gives another part of the file than was asked for ({range:?})"
                ))
            })?
        } else {
            // Somebody between drops the range.
            0
        };
        let mut body = response.body_mut().as_reader();
        self.file.seek(SeekFrom::Start(have)).map_err(|error| on_disk(&self.path, &error))?;
        let (mut at, mut buffer) = (begins, vec![0; PIECE]);
        loop {
            let read = match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(Trouble::passes(agent::reason(&error.into()))),
            };
            // What is here is not written again.
            let known = usize::try_from(have.saturating_sub(at)).unwrap_or(read).min(read);
            at += read as u64;
            if at > wanted.size {
                return Err(Trouble::passes("more bytes came than the file has"));
            }
            let new = &buffer[known..read];
            self.file.write_all(new).map_err(|error| on_disk(&self.path, &error))?;
            told(new.len() as u64);
        }
        if at < wanted.size { Err(Trouble::passes("the download ended early")) } else { Ok(()) }
    }

    fn digest(&mut self) -> Result<[u8; 32], Trouble> {
        self.file.rewind().and_then(|()| digest(&mut self.file)).map_err(|error| on_disk(&self.path, &error))
    }

    fn give_up(self) {
        // One that stays is tried again, and found to be wrong again.
        drop(fs::remove_file(&self.path));
    }

    /// Dates it, makes it last, and gives it its name, unless something has that by now.
    fn settle(self, wanted: &Content, target: &Path) -> Result<(), Trouble> {
        if let Some(mtime) = wanted.mtime {
            let modified = UNIX_EPOCH + Duration::from_millis(mtime);
            // A file system that has no such date keeps its own.
            drop(self.file.set_times(FileTimes::new().set_modified(modified)));
        }
        self.file.sync_all().map_err(|error| on_disk(&self.path, &error))?;
        settle(&self.path, target).map_err(|error| {
            if error.kind() == ErrorKind::AlreadyExists {
                let (target, partial) = (target.display(), self.path.display());
                return Trouble::Thing(format!("{target} exists by now: the download lies at {partial}"));
            }
            on_disk(target, &error)
        })
    }
}

fn settle(partial: &Path, target: &Path) -> io::Result<()> {
    match renameat_with(CWD, partial, CWD, target, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => link(partial, target),
        renamed => renamed.map_err(io::Error::from),
    }
}

/// The same where the file system can't rename without replacing.
fn link(partial: &Path, target: &Path) -> io::Result<()> {
    fs::hard_link(partial, target)?;
    fs::remove_file(partial)
}

/// Beside the target: its name, cut where that would be too long, and the content, so that a changed file begins anew.
fn partial_path(target: &Path, wanted: &Content) -> PathBuf {
    let content = wanted.tag.map_or_else(|| wanted.size.to_string(), |tag| tag.to_string());
    let end = format!(".{}.unfinished", content.get(..12).unwrap_or(&content));
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let mut most = name.len().min(NAME_BYTES_MAX - end.len());
    while !name.is_char_boundary(most) {
        most -= 1;
    }
    let is_cut = most < name.len();
    let mut partial = OsString::from(&name[..most]);
    if is_cut {
        // Two long names may begin alike.
        let rest: [u8; 32] = Sha256::digest(name.as_bytes()).into();
        let short: String = rest[..6].iter().map(|byte| format!("{byte:02x}")).collect();
        partial = OsString::from(format!("{}.{short}", &name[..floor(&name, most - 13)]));
    }
    partial.push(end);
    target.with_file_name(partial)
}

fn floor(text: &str, most: usize) -> usize {
    (0..=most).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

fn digest_of(path: &Path) -> io::Result<[u8; 32]> {
    let mut options = OpenOptions::new();
    let options = options.read(true).custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    digest(&mut options.open(path)?)
}

fn digest(file: &mut File) -> io::Result<[u8; 32]> {
    let mut sha = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(sha.finalize().into()),
            read => sha.update(&buffer[..read]),
        }
    }
}

/// What helps, by what is wrong.
const HELPS: [(ErrorKind, &str); 7] = [
    (ErrorKind::StorageFull, "the disk is full: make room and run it again; what came is kept"),
    (ErrorKind::QuotaExceeded, "the quota is used up: make room and run it again; what came is kept"),
    (ErrorKind::ReadOnlyFilesystem, "the disk can only be read: choose another place with -o"),
    (
        ErrorKind::PermissionDenied,
        "you may not write there: choose another place with -o, or change its permissions",
    ),
    (ErrorKind::InvalidFilename, "this file system does not take the name: choose another one with -o"),
    (ErrorKind::InvalidInput, "this file system does not take the name: choose another one with -o"),
    (ErrorKind::NotFound, "there is no such folder: make it first"),
];

/// What the disk here does not take: with the path, and what helps.
pub(super) fn on_disk(path: &Path, error: &io::Error) -> Trouble {
    let shown = path.display();
    let known = HELPS.iter().find(|(kind, _)| *kind == error.kind());
    let what = known.map_or_else(|| error.to_string(), |(_, help)| (*help).to_owned());
    Trouble::Thing(format!("{shown} can't be written: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(tag: Option<ManifestDigest>) -> Content {
        Content { url: String::new(), size: 5, tag, blob: None, mtime: None }
    }

    #[test]
    fn the_name_of_what_is_not_whole_is_never_too_long() {
        let tag = Some(ManifestDigest::new([7; 32]));
        let name = |target: &str| {
            let path = partial_path(Path::new(target), &wanted(tag));
            path.file_name().unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(name("/x/a.txt"), "a.txt.070707070707.unfinished");
        let (first, second) = (format!("{}a", "ü".repeat(127)), format!("{}b", "ü".repeat(127)));
        assert!(name(&first).len() <= NAME_BYTES_MAX && name(&first) != name(&second));
    }

    #[test]
    fn nothing_is_ever_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (partial, target) = (folder.path().join("a.unfinished"), folder.path().join("a"));
        for place in [settle, link] {
            fs::write(&partial, "new").unwrap();
            fs::write(&target, "old").unwrap();
            assert!(place(&partial, &target).is_err());
            assert_eq!(
                (fs::read(&partial).unwrap(), fs::read(&target).unwrap()),
                (b"new".to_vec(), b"old".to_vec())
            );
            fs::remove_file(&target).unwrap();
            assert!(place(&partial, &target).is_ok());
            assert_eq!((fs::read(&target).unwrap(), partial.exists()), (b"new".to_vec(), false));
        }
    }
}
