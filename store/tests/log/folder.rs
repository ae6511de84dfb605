//! Data folders, and what can happen to one.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cairn_store::meta::Library;
use cairn_store::{MetaStore, StoreError, meta};
use tempfile::TempDir;

/// A data folder that goes with the test.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub(crate) fn open(&self) -> Arc<dyn MetaStore> {
        self.open_with(Library::Sled)
    }

    pub(crate) fn open_with(&self, index: Library) -> Arc<dyn MetaStore> {
        meta::open(self.0.path(), index).unwrap()
    }

    pub(crate) fn try_open(&self) -> Result<Arc<dyn MetaStore>, StoreError> {
        meta::open(self.0.path(), Library::Sled)
    }

    /// What a killed process leaves: the files as they are at this moment.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::new();
        copy_folder(self.0.path(), copy.0.path());
        copy
    }

    /// The same log without an index.
    pub(crate) fn copy_log(&self) -> Self {
        let copy = Self::new();
        copy_folder(&self.log(), &copy.log());
        copy
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.0.path().join("log")
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn snapshots(&self) -> PathBuf {
        self.0.path().join("snapshot")
    }

    pub(crate) fn index(&self) -> PathBuf {
        self.0.path().join("index")
    }

    /// The only segment.
    pub(crate) fn segment(&self) -> PathBuf {
        self.log().join("00000000000000000001.seg")
    }

    pub(crate) fn segment_bytes(&self) -> Vec<u8> {
        fs::read(self.segment()).unwrap()
    }
}

/// Every file below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(&file, &target).unwrap();
    }
}
