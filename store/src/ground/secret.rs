//! The server's secret: 256 random bits in a file of the data folder, readable by its user only.

use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::disk::{Disk, read_file, write_file};

/// Length of the secret.
pub const SECRET_BYTES: usize = 32;

/// What lies in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Missing,
    /// So many bytes are not a secret.
    WrongLength(usize),
    Secret([u8; SECRET_BYTES]),
}

pub(super) fn path(data: &Path) -> PathBuf {
    data.join("secret")
}

pub(super) fn read(disk: &dyn Disk, data: &Path) -> io::Result<Found> {
    match read_file(disk, &path(data)) {
        Ok(bytes) => Ok(bytes.as_slice().try_into().map_or(Found::WrongLength(bytes.len()), Found::Secret)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Missing),
        Err(error) => Err(error),
    }
}

/// Durable when it returns: links and session keys hang on it.
pub(super) fn write(disk: &dyn Disk, data: &Path, secret: &[u8; SECRET_BYTES]) -> io::Result<()> {
    write_file(disk, &path(data), |file| file.write_at(secret, 0)).map(drop)
}

/// What the file `format` keeps of it, so that another one is noticed: 64 bits of a SHA-256, from which nobody finds 256 random bits.
pub(super) fn print(secret: &[u8; SECRET_BYTES]) -> String {
    let digest = Sha256::digest([b"cairn secret\0", secret.as_slice()].concat());
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}
