//! What a store does for itself: snapshots, reading its log again, comparing its index with both.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Access, access};
use tokio::sync::Mutex;

use super::Store;
use crate::disk::{Disk, START_BYTES, Use, check_space, real};
use crate::error::{Result, StoreError};
use crate::ground::{Parts, Places};
use crate::meta::{snapshot, sums};

/// What a store keeps of its past.
pub(crate) enum Past {
    /// Nothing: it is gone with the process.
    None,
    /// Log and snapshots.
    Kept(Snapshots),
    /// The same in a data folder that could only be read when it was opened.
    Read(PathBuf),
}

/// `Closed` where a folder can be written again that could only be read: it is opened anew then, as a whole.
fn look_up(data: &Path) -> Result<()> {
    let places = Places::new(data);
    let parts = [&places.data, &places.log, &places.snapshots, &places.chunks];
    let is_writable = |part: &&PathBuf| {
        access(part.as_path(), Access::WRITE_OK).is_ok()
            && check_space(real().as_ref(), part, Use::Removals, START_BYTES).is_ok()
    };
    if parts.iter().all(is_writable) {
        return Err(StoreError::Closed(format!("{} can be written again", data.display())));
    }
    Ok(())
}

/// Where snapshots go.
pub(crate) struct Snapshots {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    places: Places,
    parts: Parts,
    // Held while one is written: length of the last, in bytes.
    last_bytes: Mutex<u64>,
}

impl Snapshots {
    /// Into the folder for them, which is there.
    pub(crate) fn new(disk: Arc<dyn Disk>, places: Places) -> Result<Self> {
        let folder = places.snapshots.clone();
        let parts = Parts::new(disk.as_ref(), &places)?;
        let last_bytes = match snapshot::newest(disk.as_ref(), &folder)? {
            Some(snapshot) => disk.open(&snapshot.path)?.length()?,
            None => 0,
        };
        Ok(Self { disk, folder, places, parts, last_bytes: Mutex::new(last_bytes) })
    }
}

impl Store {
    /// Sums up the rows of the index as they are now, and those that log and snapshot say, and compares.
    pub(super) async fn compare_index(&self) -> Result<()> {
        let Past::Kept(snapshots) = &self.past else { return Ok(()) };
        // What is read must not be replaced by a snapshot meanwhile.
        let _none_is_written = snapshots.last_bytes.lock().await;
        let until = self.committer.begin_scan().await?;
        let (disk, places, shared) = (snapshots.disk.clone(), snapshots.places.clone(), self.shared.clone());
        // Whoever waits for it may be told to stop.
        let asked = Arc::new(());
        let is_asked = Arc::downgrade(&asked);
        let summed = tokio::task::spawn_blocking(move || {
            let go_on = || match is_asked.strong_count() {
                0 => Err(StoreError::Closed("nobody waits for it any more".to_owned())),
                _ => shared.check_open(),
            };
            sums::of_log(disk.as_ref(), &places.log, &places.snapshots, until, &go_on)
        });
        let found = self.committer.scan().await?;
        let expected = summed.await.unwrap_or_else(|error| Err(StoreError::Io(io::Error::other(error))))?;
        drop(asked);
        match expected.differs(&found) {
            None => {
                self.shared.index.trust();
                tracing::info!(rows = found.rows(), "the index has every row that log and snapshot have");
                Ok(())
            }
            Some(what) => {
                let why = format!("the index differs from log and snapshot ({what}), and is built anew");
                self.shared.index.distrust(&why);
                self.shared.close(&why);
                Err(StoreError::Closed(why))
            }
        }
    }

    /// Closes the store where a part of it is away.
    async fn look_for(&self, snapshots: &Snapshots) -> Result<()> {
        let (disk, parts) = (snapshots.disk.clone(), snapshots.parts.clone());
        let looked = tokio::task::spawn_blocking(move || parts.check(disk.as_ref())).await;
        self.shared.judge(looked.unwrap_or_else(|error| Err(StoreError::Io(io::Error::other(error)))))
    }

    /// Writes a snapshot that takes the place of all frames up to `after`; gives its length in bytes.
    async fn write_snapshot(&self, snapshots: &Snapshots, after: u64) -> Result<u64> {
        let (shared, disk, folder) = (self.shared.clone(), snapshots.disk.clone(), snapshots.folder.clone());
        let written = tokio::task::spawn_blocking(move || {
            // A closed store is opened anew once nobody has it any more: its lock must not wait for this.
            let go_on = || shared.check_open();
            shared.judge(shared.index.flush())?;
            snapshot::write(disk.as_ref(), &folder, after, shared.index.as_ref(), &go_on)
        });
        let length = written.await.unwrap_or_else(|error| Err(StoreError::Io(io::Error::other(error))))?;
        // What the snapshot takes the place of goes only where it lies in the folder that every start looks at.
        self.look_for(snapshots).await?;
        self.committer.forget(after).await?;
        let (disk, folder) = (snapshots.disk.clone(), snapshots.folder.clone());
        let forgotten = tokio::task::spawn_blocking(move || snapshot::forget(disk.as_ref(), &folder, after));
        forgotten.await.unwrap_or_else(|error| Err(StoreError::Io(io::Error::other(error))))?;
        Ok(length)
    }

    /// Lets a snapshot take the place of the log, where that is long enough.
    pub(super) async fn take_snapshot(&self, log_bytes: u64) -> Result<bool> {
        self.shared.check_open()?;
        let snapshots = match &self.past {
            Past::Kept(snapshots) => snapshots,
            Past::Read(data) => return self.shared.judge(look_up(data)).map(|()| false),
            Past::None => return Ok(false),
        };
        self.look_for(snapshots).await?;
        let mut last_bytes = snapshots.last_bytes.lock().await;
        let wanted = if log_bytes == 0 { 0 } else { log_bytes.max(*last_bytes) };
        let Some(after) = self.committer.roll(wanted).await? else { return Ok(false) };
        *last_bytes = self.write_snapshot(snapshots, after).await?;
        Ok(true)
    }

    /// Reads log and snapshot as they are on disk.
    pub(super) async fn read_log(&self) -> Result<()> {
        self.committer.check().await?;
        let Past::Kept(snapshots) = &self.past else { return Ok(()) };
        let _none_is_written = snapshots.last_bytes.lock().await;
        let (disk, folder) = (snapshots.disk.clone(), snapshots.folder.clone());
        let checked = tokio::task::spawn_blocking(move || match snapshot::newest(disk.as_ref(), &folder)? {
            Some(newest) => snapshot::read(disk.as_ref(), &newest, &mut |_| Ok(())).map(drop),
            None => Ok(()),
        });
        checked.await.unwrap_or_else(|error| Err(StoreError::Io(io::Error::other(error))))
    }
}
