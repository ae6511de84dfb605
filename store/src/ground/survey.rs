//! Looks at every part of a data folder, and touches none.

use std::io;
use std::path::{Path, PathBuf};

use super::mark::{self, Mark};
use super::secret;
use super::witness::{self, Testimony};
use crate::disk::{Disk, Entry, at};
use crate::error::{Result, StoreError};
use crate::format::{self, Format};
use crate::meta::{segment_number, snapshot_number};

/// Where the parts are.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    pub(crate) data: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) snapshots: PathBuf,
    pub(crate) chunks: PathBuf,
    pub(crate) founding: PathBuf,
}

impl Places {
    /// Of the data folder `data`.
    pub(crate) fn new(data: &Path) -> Self {
        let at = |name: &str| data.join(name);
        Self {
            data: data.to_owned(),
            log: at("log"),
            snapshots: at("snapshot"),
            chunks: at("chunks"),
            founding: at("founding"),
        }
    }
}

/// A folder of the data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) is_there: bool,
    /// Segments, snapshots or folders of chunks.
    pub(super) has_content: bool,
    pub(super) mark: Mark,
    /// The lowest and the highest number in the names of its content.
    pub(super) numbers: Option<(u64, u64)>,
}

/// What was seen.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) format: Option<Format>,
    /// A store is being founded here.
    pub(super) founding: Mark,
    pub(super) secret: secret::Found,
    pub(super) log: Part,
    pub(super) snapshots: Part,
    pub(super) chunks: Part,
    pub(super) witness: Testimony,
    /// Names of other files that only a store leaves.
    pub(super) traces: Vec<&'static str>,
}

/// What is left where a store was, and can be made again.
const TRACES: [&str; 5] = ["index", "index.seal", "figures.json", "page", "ballast"];

impl Survey {
    /// Looks. `Damaged` or `Newer` where the format can't be told.
    pub(super) fn take(disk: &dyn Disk, places: &Places) -> Result<Self> {
        let inside = list(disk, &places.data)?;
        let format = format::read(disk, &places.data)?;
        Self::take_with(disk, places, &inside, format)
    }

    /// The same where a file `format` that says nothing is none.
    pub(super) fn take_whatever_format(disk: &dyn Disk, places: &Places) -> Result<Self> {
        let inside = list(disk, &places.data)?;
        let format = match format::read(disk, &places.data) {
            Err(StoreError::Damaged(_)) => None,
            read => read?,
        };
        Self::take_with(disk, places, &inside, format)
    }

    fn take_with(disk: &dyn Disk, places: &Places, inside: &[Entry], format: Option<Format>) -> Result<Self> {
        let has = |name: &str| inside.iter().any(|entry| entry.path.file_name().is_some_and(|n| n == name));
        Ok(Self {
            format,
            founding: mark::read_at(disk, &places.founding)?,
            secret: secret::read(disk, &places.data)?,
            log: part(disk, &places.log, has("log"), &|entry| segment_number(&entry.path))?,
            snapshots: part(disk, &places.snapshots, has("snapshot"), &|entry| snapshot_number(&entry.path))?,
            chunks: part(disk, &places.chunks, has("chunks"), &|entry| entry.is_folder.then_some(0))?,
            witness: witness::read(disk, &places.chunks)?,
            traces: TRACES.into_iter().filter(|name| has(name)).collect(),
        })
    }

    /// Nothing lies here that only a store makes.
    pub(super) fn is_empty(&self) -> bool {
        let parts = [&self.log, &self.snapshots, &self.chunks];
        self.format.is_none()
            && self.founding == Mark::Missing
            && self.secret == secret::Found::Missing
            && self.witness == Testimony::Missing
            && self.traces.is_empty()
            && parts.iter().all(|part| !part.has_content && part.mark == Mark::Missing)
    }
}

/// Nothing where the folder is missing, or is none.
fn list(disk: &dyn Disk, folder: &Path) -> Result<Vec<Entry>> {
    match disk.list(folder) {
        Ok(entries) => Ok(entries),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(StoreError::Apart(format!("{} is not a folder.", folder.display())))
        }
        Err(error) => Err(at(folder, error).into()),
    }
}

fn part(
    disk: &dyn Disk,
    folder: &Path,
    is_there: bool,
    number: &dyn Fn(&Entry) -> Option<u64>,
) -> Result<Part> {
    let entries = list(disk, folder)?;
    let content = entries.iter().filter(|entry| !mark::is_no_content(&entry.path));
    let numbers: Vec<_> = content.filter_map(number).collect();
    let numbers = numbers.iter().copied().min().zip(numbers.iter().copied().max());
    Ok(Part { is_there, has_content: numbers.is_some(), mark: mark::read(disk, folder)?, numbers })
}
