//! The folders of the chunks: numbered, filled one after another, so that chunks which arrive together lie together
//! and share the sync of their names.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use cairn_shared::ChunkDigest;

use crate::chunk::pack;
use crate::disk::{Disk, Lock, clear_new, make_folders, read_file, write_file};
use crate::error::{Result, StoreError};
use crate::ground::mark::{self, Mark};
use crate::ground::{StoreId, kept};
use crate::model::{Codec, Locator};

/// Chunks of one folder. More make a folder slow to list, fewer make more folders to sync.
const FOLDER_CHUNKS: u32 = 4_096;
/// In it stands the name of the last folder that was made.
const LAST: &str = "last";
/// Digits of a folder's name.
const DIGITS: usize = 8;
/// How the name of a compressed chunk's file ends.
const ZSTD: &str = ".zst";

/// `chunks/` and `tmp/`.
pub(super) struct Folders {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) chunks: PathBuf,
    pub(super) tmp: PathBuf,
    /// Whose id every folder carries; `None` in a data folder without.
    owner: Option<StoreId>,
    /// Copies that lay there without a record when the store got its id: they may be another log's, and nobody is told of them.
    kept: HashSet<(String, u64)>,
    current: Mutex<Current>,
    begun: Condvar,
    /// Those that said that they are this store's, by their numbers.
    own: Mutex<HashMap<u32, Place>>,
    // Ends with the last who may still write: a hanging operation of a closed store must not meet the next one.
    _lock: Lock,
}

/// The folder that takes chunks now; `None` while the next is being made.
struct Current {
    number: u32,
    folder: Option<Arc<Folder>>,
    chunks: u32,
}

/// Where a folder lies that said whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Beside the others: another one in its place has another number on the disk.
    Here(Option<u64>),
    /// On a disk of its own: without that an empty folder lies in its place, under the same number.
    Mounted,
}

/// A folder, and who waits for its names.
struct Folder {
    path: PathBuf,
    name: String,
    /// Which folder it is; `None` where there was none.
    identity: Option<Option<(u64, u64)>>,
    state: Mutex<Names>,
    synced: Condvar,
}

#[derive(Default)]
struct Names {
    /// Names that were put into it by this process.
    put: u64,
    /// How many of them are durable.
    durable: u64,
    is_syncing: bool,
    /// A sync failed, so that nobody knows what is durable, and nobody asks again.
    failed: Option<(io::ErrorKind, String)>,
}

impl Folder {
    /// One that is there, as it is now, or that is yet to be made.
    fn new(disk: &dyn Disk, chunks: &Path, number: u32) -> Arc<Self> {
        let name = name(number);
        let path = chunks.join(&name);
        let identity = disk.identity(&path).ok();
        Arc::new(Self { path, name, identity, state: Mutex::default(), synced: Condvar::new() })
    }

    /// Waits until a name that was put in before this call is durable. One caller syncs for all who are there.
    fn sync(&self, disk: &dyn Disk) -> io::Result<()> {
        let mut names = self.names();
        names.put += 1;
        let mine = names.put;
        while names.durable < mine {
            if let Some((kind, why)) = &names.failed {
                return Err(io::Error::new(*kind, why.clone()));
            }
            if names.is_syncing {
                names = self.synced.wait(names).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            names.is_syncing = true;
            let put = names.put;
            drop(names);
            let synced = disk.sync_folder(&self.path);
            names = self.names();
            names.is_syncing = false;
            match synced {
                Ok(()) => names.durable = put,
                Err(error) => names.failed = Some((error.kind(), error.to_string())),
            }
            self.synced.notify_all();
        }
        Ok(())
    }

    fn has_failed(&self) -> bool {
        self.names().failed.is_some()
    }

    /// Whether it still lies where it did.
    fn is_there(&self, disk: &dyn Disk) -> bool {
        self.identity.is_some() && disk.identity(&self.path).ok() == self.identity
    }

    fn fail(&self) {
        self.names().failed = Some((io::ErrorKind::NotFound, format!("{} is away", self.path.display())));
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Folders {
    /// Finds the folder that is filled next; makes `chunks/` and `tmp/` where they are missing.
    pub(super) fn open(disk: Arc<dyn Disk>, data: &Path, owner: Option<StoreId>, lock: Lock) -> Result<Self> {
        let chunks = data.join("chunks");
        make_folders(disk.as_ref(), &chunks)?;
        let tmp = temporary(disk.as_ref(), data, &chunks)?;
        make_folders(disk.as_ref(), &tmp)?;
        let mut current = Current { number: 0, folder: None, chunks: FOLDER_CHUNKS };
        let there = numbers(disk.as_ref(), &chunks)?.into_iter().max();
        let made = last_made(disk.as_ref(), &chunks)?;
        if let Some(number) = there.max(made) {
            // It may never have become durable.
            disk.sync_folder(&chunks)?;
            let folder = chunks.join(name(number));
            current.number = number;
            // Where the last is away, another store's, or does not say whose it is, the next number is taken for what comes.
            let is_own =
                owner.is_none_or(|owner| mark::read(disk.as_ref(), &folder).ok() == Some(Mark::Of(owner)));
            if is_own && there == Some(number) {
                current.chunks = u32::try_from(disk.list(&folder)?.len()).unwrap_or(u32::MAX);
            }
        }
        current.folder = Some(Folder::new(disk.as_ref(), &chunks, current.number));
        let current = Mutex::new(current);
        let kept = if owner.is_some() { kept::read(disk.as_ref(), &chunks)? } else { HashSet::new() };
        let (begun, own) = (Condvar::new(), Mutex::default());
        Ok(Self { disk, chunks, tmp, owner, kept, current, begun, own, _lock: lock })
    }

    /// `Away` where a folder is not there, or carries another store's id than the others.
    pub(super) fn check_own(&self, folder: &Path) -> Result<()> {
        let is_own = match self.owner {
            Some(owner) => mark::read(self.disk.as_ref(), folder)? == Mark::Of(owner),
            None => self.disk.identity(folder).is_ok(),
        };
        if is_own {
            return Ok(());
        }
        let folder = folder.display();
        Err(StoreError::Away(format!("{folder} is not there, or does not say that it is this store's")))
    }

    /// Whether a number is missing of those that were made, which count from 1, or something else lies in its place. One that could
    /// never be made looks the same.
    pub(super) fn is_any_away(&self) -> io::Result<bool> {
        let mut there = numbered(self.disk.as_ref(), &self.chunks)?;
        there.retain(|(number, _)| *number > 0);
        let last = there.iter().map(|(number, _)| *number).max().unwrap_or(0);
        let made = self.current().number.max(last);
        if there.len() < usize::try_from(made).unwrap_or(usize::MAX) {
            return Ok(true);
        }
        {
            let own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
            there.retain(|(number, on_disk)| own.get(number) != Some(&Place::Here(*on_disk)));
        }
        for (number, on_disk) in there {
            let folder = self.chunks.join(name(number));
            if self.check_own(&folder).is_err() {
                return Ok(true);
            }
            let device = |folder: &Path| self.disk.identity(folder).map(|id| id.map(|(device, _)| device));
            let is_here = device(&folder)? == device(&self.chunks)?;
            let place = if is_here { Place::Here(on_disk) } else { Place::Mounted };
            self.own.lock().unwrap_or_else(PoisonError::into_inner).insert(number, place);
        }
        Ok(false)
    }

    /// Those of a disk that is only read.
    pub(super) fn reading(disk: Arc<dyn Disk>, data: &Path, lock: Lock) -> Self {
        let (chunks, tmp) = (data.join("chunks"), data.join("tmp"));
        let folder = Some(Folder::new(disk.as_ref(), &chunks, 0));
        let current = Mutex::new(Current { number: 0, folder, chunks: FOLDER_CHUNKS });
        let (kept, begun, own) = (HashSet::new(), Condvar::new(), Mutex::default());
        Self { disk, chunks, tmp, owner: None, kept, current, begun, own, _lock: lock }
    }

    /// Links are unlinked, never followed.
    pub(super) fn clear_tmp(&self) -> io::Result<()> {
        for entry in self.disk.list(&self.tmp)? {
            if !entry.is_folder {
                self.disk.remove(&entry.path)?;
            }
        }
        Ok(())
    }

    /// Renames a synced file of so many chunks into the current folder, under `file`; the name is durable when this
    /// returns. Gives the folder's name.
    pub(super) fn place(&self, from: &Path, file: &str, chunks: u32) -> io::Result<String> {
        let mut folder = self.enter(chunks)?;
        if !self.rename_into(&folder, from, file)? {
            folder.fail();
            folder = self.enter(chunks)?;
            if !self.rename_into(&folder, from, file)? {
                return Err(io::ErrorKind::NotFound.into());
            }
        }
        folder.sync(self.disk.as_ref())?;
        Ok(folder.name.clone())
    }

    /// False where the folder takes nothing: it went away with its disk, or lies on a disk of its own by now.
    fn rename_into(&self, folder: &Folder, from: &Path, file: &str) -> io::Result<bool> {
        if !folder.is_there(self.disk.as_ref()) {
            return Ok(false);
        }
        match self.disk.rename(from, &folder.path.join(file)) {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => Ok(false),
            renamed => renamed.map(|()| true),
        }
    }

    /// Whether a copy is one of those that nobody is told of.
    pub(super) fn is_kept(&self, locator: &Locator) -> bool {
        !self.kept.is_empty() && self.kept.contains(&(locator.key.clone(), locator.offset))
    }

    /// The folder with room for one more; the next one where it is full, or where its names could not be synced.
    fn enter(&self, chunks: u32) -> io::Result<Arc<Folder>> {
        let mut current = self.current();
        loop {
            let Some(folder) = current.folder.clone() else {
                current = self.begun.wait(current).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            if current.chunks < FOLDER_CHUNKS && !folder.has_failed() {
                current.chunks = current.chunks.saturating_add(chunks);
                return Ok(folder);
            }
            current.folder = None;
            let number = current.number + 1;
            drop(current);
            let made = self.make(&self.chunks.join(name(number)));
            let next = Folder::new(self.disk.as_ref(), &self.chunks, number);
            current = self.current();
            self.begun.notify_all();
            if let Err(error) = made {
                // The next one who comes tries another: after a failed sync nobody knows whether this name lasts.
                *current = Current { number, folder: Some(folder), chunks: FOLDER_CHUNKS };
                return Err(error);
            }
            *current = Current { number, folder: Some(next), chunks: 0 };
        }
    }

    /// Makes a folder with its mark; durable when it returns.
    fn make(&self, folder: &Path) -> io::Result<()> {
        // Never in another folder that lies in the place of one which is away.
        self.check_own(&self.chunks).map_err(|error| io::Error::new(io::ErrorKind::NotFound, error))?;
        self.disk.make_folder(folder)?;
        if let Some(owner) = self.owner {
            mark::write(self.disk.as_ref(), folder, owner)?;
            // Should it be away at a start, its number must not be taken again.
            let name = folder.file_name().unwrap_or_default().as_encoded_bytes();
            write_file(self.disk.as_ref(), &self.chunks.join(LAST), |file| file.write_at(name, 0))?;
        }
        self.disk.sync_folder(&self.chunks)
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a copy lies. A key that `place` did not make names nothing.
    pub(super) fn path(&self, key: &str) -> Result<PathBuf> {
        let unknown = || StoreError::Damaged(format!("{key:?} names no chunk on disk"));
        let (folder, file) = key.split_once('/').ok_or_else(unknown)?;
        number(folder).ok_or_else(unknown)?;
        if copy(file).is_none() && !pack::is_name(file) {
            return Err(unknown());
        }
        Ok(self.chunks.join(key))
    }

    /// The names of all folders that chunks lie in, ascending.
    pub(super) fn names(&self) -> io::Result<Vec<String>> {
        let mut numbers = numbers(self.disk.as_ref(), &self.chunks)?;
        numbers.sort_unstable();
        Ok(numbers.into_iter().map(name).collect())
    }
}

/// Where chunks lie while they arrive: a file is renamed into its place, so it has to be on the same disk.
fn temporary(disk: &dyn Disk, data: &Path, chunks: &Path) -> io::Result<PathBuf> {
    let device = |folder: &Path| Ok::<_, io::Error>(disk.identity(folder)?.map(|(device, _)| device));
    Ok(if device(data)? == device(chunks)? { data.join("tmp") } else { chunks.join("tmp") })
}

/// The number of the last folder that was made, where that was noted.
fn last_made(disk: &dyn Disk, chunks: &Path) -> io::Result<Option<u32>> {
    match read_file(disk, &chunks.join(LAST)) {
        Ok(bytes) => Ok(str::from_utf8(&bytes).ok().and_then(number)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Marks every folder of chunks; durable when it returns.
pub(crate) fn mark_folders(disk: &dyn Disk, chunks: &Path, owner: StoreId) -> Result<()> {
    for number in numbers(disk, chunks)? {
        let folder = chunks.join(name(number));
        clear_new(disk, &folder)?;
        mark::write(disk, &folder, owner)?;
    }
    Ok(())
}

fn numbers(disk: &dyn Disk, chunks: &Path) -> io::Result<Vec<u32>> {
    Ok(numbered(disk, chunks)?.into_iter().map(|(number, _)| number).collect())
}

/// The same with their numbers on the disk.
fn numbered(disk: &dyn Disk, chunks: &Path) -> io::Result<Vec<(u32, Option<u64>)>> {
    let entries = disk.list(chunks)?.into_iter().filter(|entry| entry.is_folder);
    Ok(entries.filter_map(|entry| Some((number(entry.path.file_name()?.to_str()?)?, entry.number))).collect())
}

fn name(number: u32) -> String {
    format!("{number:0DIGITS$}")
}

fn number(text: &str) -> Option<u32> {
    let number = text.parse().ok()?;
    (name(number) == text).then_some(number)
}

/// The name of a copy's file. One that is compressed never takes the place of one that is not: a record says which it is.
pub(super) fn file_name(digest: ChunkDigest, generation: u32, codec: Codec) -> String {
    match codec {
        Codec::Plain => format!("{digest}.{generation}"),
        Codec::Zstd { .. } => format!("{digest}.{generation}{ZSTD}"),
    }
}

/// What a file's name says.
pub(super) fn copy(file: &str) -> Option<(ChunkDigest, u32)> {
    let plain = file.strip_suffix(ZSTD).unwrap_or(file);
    let (digest, generation) = plain.split_once('.')?;
    let copy = (digest.parse().ok()?, generation.parse().ok()?);
    (file_name(copy.0, copy.1, Codec::Plain) == plain).then_some(copy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::real;

    #[test]
    fn a_key_that_names_no_chunk_opens_nothing() {
        let data = tempfile::tempdir().unwrap();
        let folders = Folders::open(real(), data.path(), None, Lock::new(())).unwrap();
        let hex = "ab".repeat(32);
        for good in [format!("00000001/{hex}.0"), format!("00000001/{hex}.12.zst")] {
            assert_eq!(folders.path(&good).unwrap(), data.path().join("chunks").join(&good));
        }
        for bad in [
            "",
            "ab",
            "../x",
            &format!("00000001/{hex}.zst"),
            &format!("../{hex}.0"),
            &format!("1/{hex}.0"),
            &format!("00000001/{hex}.+1"),
        ] {
            assert!(matches!(folders.path(bad), Err(StoreError::Damaged(_))), "{bad}");
        }
    }
}
