//! A disk in memory that can lose its power: what was not synced is lost, kept, or torn, as a seed decides.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Disk, DiskFile, Entry, Lock, Space, folder_of};
use crate::error::Result;
use crate::tests::random::Random;

/// What a disk writes in one piece, in bytes.
const SECTOR_BYTES: usize = 512;

/// Files and folders; clones are the same disk.
#[derive(Clone)]
pub(crate) struct SimDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Clone, Default)]
struct State {
    files: Vec<FileState>,
    names: BTreeMap<PathBuf, Node>,
    durable_names: BTreeMap<PathBuf, Node>,
    pending: Vec<Change>,
    total: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Node {
    Folder,
    File(usize),
}

/// A change of names that no sync has made durable: a name that appears, one that goes, or both, as one step of the
/// file system's.
#[derive(Clone)]
struct Change {
    appears: Option<(PathBuf, Node)>,
    goes: Option<PathBuf>,
}

#[derive(Clone, Default)]
struct FileState {
    bytes: Vec<u8>,
    durable: Vec<u8>,
}

impl SimDisk {
    /// An empty disk of `total` bytes, with `root`.
    pub(crate) fn new(root: &Path, total: u64) -> Self {
        let names = BTreeMap::from([(root.to_owned(), Node::Folder)]);
        let state = State { names: names.clone(), durable_names: names, total, ..State::default() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// What a power cut at this moment leaves.
    pub(crate) fn after_power_cut(&self, random: &mut Random) -> Self {
        let mut state = self.state().clone();
        let mut names = state.durable_names.clone();
        // As a journal would: everything up to some moment; or each change for itself, which no rule forbids.
        let in_order = random.chance(2);
        let until = random.below(state.pending.len() as u64 + 1) as usize;
        for (at, change) in std::mem::take(&mut state.pending).into_iter().enumerate() {
            let is_kept = if in_order { at < until } else { random.chance(2) };
            if is_kept {
                change.apply(&mut names);
            }
        }
        for file in &mut state.files {
            file.tear(random);
        }
        state.durable_names = names.clone();
        state.names = names;
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// It has so many bytes from now on.
    pub(crate) fn set_total(&self, total: u64) {
        self.state().total = total;
    }

    /// Another disk with the same content.
    pub(crate) fn copy(&self) -> Self {
        Self { state: Arc::new(Mutex::new(self.state().clone())) }
    }

    /// Flips a bit of a file that has some; says which file, and which byte.
    pub(crate) fn flip_bit(&self, random: &mut Random) -> Option<(PathBuf, u64)> {
        let mut state = self.state();
        let files: Vec<_> = state
            .names
            .iter()
            .filter_map(|(path, node)| match node {
                Node::File(id) if !state.files[*id].bytes.is_empty() => Some((path.clone(), *id)),
                Node::File(_) | Node::Folder => None,
            })
            .collect();
        let (path, id) = files.get(random.below(files.len() as u64) as usize)?.clone();
        let bytes = &mut state.files[id].bytes;
        let at = random.below(bytes.len() as u64 * 8) as usize;
        bytes[at / 8] ^= 1 << (at % 8);
        Some((path, at as u64 / 8))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<PathBuf, Node>) {
        if let Some(goes) = &self.goes {
            names.remove(goes);
        }
        if let Some((path, node)) = &self.appears {
            names.insert(path.clone(), *node);
        }
    }

    fn touches(&self, folder: &Path) -> bool {
        self.appears.as_ref().map(|(path, _)| path).is_some_and(|path| folder_of(path) == folder)
            || self.goes.as_ref().is_some_and(|path| folder_of(path) == folder)
    }
}

impl FileState {
    /// Sectors that were written since the last sync are there or not, each for itself, and so is the length.
    fn tear(&mut self, random: &mut Random) {
        let length = if random.chance(2) { self.bytes.len() } else { self.durable.len() };
        let mut torn = self.durable.clone();
        torn.resize(length, 0);
        let at_all = random.below(3);
        for (sector, bytes) in self.bytes.chunks(SECTOR_BYTES).enumerate() {
            let begin = sector * SECTOR_BYTES;
            let end = (begin + bytes.len()).min(length);
            let is_there = at_all == 0 || (at_all == 1 && random.chance(2));
            if begin < end && is_there {
                torn[begin..end].copy_from_slice(&bytes[..end - begin]);
            }
        }
        self.durable = torn.clone();
        self.bytes = torn;
    }
}

impl State {
    fn change(&mut self, appears: Option<(PathBuf, Node)>, goes: Option<PathBuf>) {
        let change = Change { appears, goes };
        change.apply(&mut self.names);
        self.pending.push(change);
    }

    fn file(&self, path: &Path) -> io::Result<usize> {
        match self.names.get(path) {
            Some(Node::File(id)) => Ok(*id),
            Some(Node::Folder) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn need_folder(&self, path: &Path) -> io::Result<()> {
        match self.names.get(folder_of(path)) {
            Some(Node::Folder) => Ok(()),
            Some(Node::File(_)) | None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn used(&self) -> u64 {
        let used = self.names.values().map(|node| match node {
            Node::File(id) => self.files[*id].bytes.len() as u64,
            Node::Folder => 0,
        });
        used.sum()
    }
}

impl Disk for SimDisk {
    fn make_folder(&self, folder: &Path) -> io::Result<bool> {
        let mut state = self.state();
        if state.names.contains_key(folder) {
            return Ok(false);
        }
        state.need_folder(folder)?;
        state.change(Some((folder.to_owned(), Node::Folder)), None);
        Ok(true)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.state();
        let (durable, pending) =
            std::mem::take(&mut state.pending).into_iter().partition::<Vec<_>, _>(|c| c.touches(folder));
        state.pending = pending;
        for change in durable {
            change.apply(&mut state.durable_names);
        }
        Ok(())
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        let state = self.state();
        match state.names.get(folder) {
            Some(Node::Folder) => {}
            Some(Node::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
            None => return Err(io::ErrorKind::NotFound.into()),
        }
        let inside = state.names.iter().filter(|(path, _)| path.parent() == Some(folder));
        let entries = inside
            .map(|(path, node)| {
                let is_folder = *node == Node::Folder;
                Entry { path: path.clone(), is_folder, number: None }
            })
            .collect();
        Ok(entries)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.need_folder(path)?;
        if state.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let id = state.files.len();
        state.files.push(FileState::default());
        state.change(Some((path.to_owned(), Node::File(id))), None);
        Ok(Box::new(SimFile { disk: self.clone(), id }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let id = self.state().file(path)?;
        Ok(Box::new(SimFile { disk: self.clone(), id }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        let id = state.file(from)?;
        state.need_folder(to)?;
        state.change(Some((to.to_owned(), Node::File(id))), Some(from.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.file(path)?;
        state.change(None, Some(path.to_owned()));
        Ok(())
    }

    fn space(&self, _folder: &Path) -> io::Result<Space> {
        let state = self.state();
        Ok(Space { total: state.total, free: state.total.saturating_sub(state.used()) })
    }

    fn identity(&self, folder: &Path) -> io::Result<Option<(u64, u64)>> {
        match self.state().names.get(folder) {
            Some(Node::Folder) => Ok(None),
            Some(Node::File(_)) | None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn lock(&self, _path: &Path) -> Result<Lock> {
        Ok(Lock::new(()))
    }
}

struct SimFile {
    disk: SimDisk,
    id: usize,
}

impl DiskFile for SimFile {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        let (begin, end) = (offset as usize, offset as usize + bytes.len());
        let grows = end.saturating_sub(state.files[self.id].bytes.len()) as u64;
        if state.used() + grows > state.total {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let file = &mut state.files[self.id];
        if file.bytes.len() < end {
            file.bytes.resize(end, 0);
        }
        file.bytes[begin..end].copy_from_slice(bytes);
        Ok(())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.disk.state();
        let bytes = state.files[self.id].bytes.get(offset as usize..).unwrap_or_default();
        let length = bytes.len().min(buffer.len());
        buffer[..length].copy_from_slice(&bytes[..length]);
        Ok(length)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.disk.state().files[self.id].bytes.len() as u64)
    }

    fn set_length(&mut self, length: u64) -> io::Result<()> {
        self.disk.state().files[self.id].bytes.resize(length as usize, 0);
        Ok(())
    }

    fn reserve(&mut self, _end: u64) -> io::Result<()> {
        Ok(())
    }

    fn punch(&mut self, offset: u64, length: u64) -> io::Result<()> {
        let bytes = &mut self.disk.state().files[self.id].bytes;
        let (begin, end) = (offset as usize, (offset + length) as usize);
        bytes.get_mut(begin..end).unwrap_or_default().fill(0);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let file = &mut self.disk.state().files[self.id];
        file.durable = file.bytes.clone();
        Ok(())
    }
}
