//! The client's journal on disk: one file per unfinished upload or folder, locked while somebody works on it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Context;
use cairn_shared::RelPath;
use data_encoding::HEXLOWER;
use rustix::fs::{FlockOperation, flock};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::owner::write_private;

/// What a file of the journal holds; `E` is what is kept of a file, or of a folder.
#[derive(Serialize, Deserialize)]
struct Record<E> {
    /// The server's address.
    server: String,
    /// The file's whole path.
    path: PathBuf,
    /// What is kept.
    entry: E,
}

/// One file's place in the journal. Nobody else works on the same file and server while it lives.
pub(crate) struct Place {
    path: PathBuf,
    lock_path: PathBuf,
    _lock: File,
    server: String,
    file: PathBuf,
}

impl Place {
    /// Takes the place of a file on its way to a server: `home` is the folder that it goes with, and its path there. Nothing where
    /// somebody else has it.
    pub(crate) fn take(
        state: &Path,
        server: &str,
        home: Option<(&Path, &RelPath)>,
        file: &Path,
    ) -> anyhow::Result<Option<Self>> {
        let folder = state.join("journal");
        fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
        // What can't be found can't be read either, and is told then.
        let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
        let mut sha = Sha256::new();
        sha.update(server.as_bytes());
        sha.update([0]);
        match home {
            // The same file may go alone, and with several folders.
            Some((root, path)) => {
                sha.update(root.as_os_str().as_encoded_bytes());
                sha.update([0]);
                sha.update(path.as_str());
            }
            None => sha.update(file.as_os_str().as_encoded_bytes()),
        }
        let name = HEXLOWER.encode(&sha.finalize()[..16]);
        let lock_path = folder.join(format!("{name}.lock"));
        let lock =
            File::create(&lock_path).with_context(|| format!("can't write {}", lock_path.display()))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Ok(None);
        }
        Ok(Some(Self {
            path: folder.join(format!("{name}.json")),
            lock_path,
            _lock: lock,
            server: server.to_owned(),
            file,
        }))
    }

    /// What an earlier run left; an entry that can't be read counts as none.
    pub(crate) fn load<E: DeserializeOwned>(&self) -> Option<E> {
        let text = fs::read(&self.path).ok()?;
        serde_json::from_slice::<Record<E>>(&text).ok().map(|record| record.entry)
    }

    /// Keeps the entry.
    pub(crate) fn save(&self, entry: impl Serialize) -> anyhow::Result<()> {
        let record = Record { server: self.server.clone(), path: self.file.clone(), entry };
        write_private(&self.path, &serde_json::to_vec(&record)?)
    }

    /// Drops the entry.
    pub(crate) fn forget(&self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.lock_path);
    }
}
