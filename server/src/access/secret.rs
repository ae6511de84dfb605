//! The server's secret, and everything that is derived from it so that it can be shown again.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use cairn_shared::{Bearer, LinkId, LinkToken, SessionId};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::platform;

const SECRET_BYTES: usize = 32;

/// 256 random bits, made at the first start and kept in `DATA/secret`, readable by its user only.
pub(crate) struct Secret([u8; SECRET_BYTES]);

impl Secret {
    /// Reads the secret of a data folder, or makes it where the folder is new. To be called before anything writes to the log.
    pub(crate) fn open(data: &Path) -> io::Result<Self> {
        let path = data.join("secret");
        if let Some(secret) = Self::find(&path)? {
            return Ok(secret);
        }
        let log = data.join("log");
        if log.is_dir() && fs::read_dir(&log)?.next().is_some() {
            return Err(io::Error::new(io::ErrorKind::NotFound, missing(&path, &log)));
        }
        Self::make(data, &path)
    }

    fn find(path: &Path) -> io::Result<Option<Self>> {
        match fs::read(path) {
            Ok(bytes) => Self::read(path, &bytes).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read(path: &Path, bytes: &[u8]) -> io::Result<Self> {
        let secret = bytes.try_into().map_err(|_| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "{} has {} bytes instead of {SECRET_BYTES}. Restore it from a backup.",
                    path.display(),
                    bytes.len()
                ),
            )
        })?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        Ok(Self(secret))
    }

    fn make(data: &Path, path: &Path) -> io::Result<Self> {
        let secret = platform::random()?;
        let fresh = data.join("secret.new");
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&fresh)?;
        // Of two servers that start at once, the one that gets no lock of the stores must not replace the other's.
        file.lock()?;
        if let Some(secret) = Self::find(path)? {
            // Whoever waits for it looks again as well.
            drop(fs::remove_file(&fresh));
            return Ok(secret);
        }
        file.set_len(0)?;
        file.write_all(&secret)?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        // Links and session keys hang on it: its name has to survive a power cut before the first is given.
        fs::File::open(data)?.sync_all()?;
        Ok(Self(secret))
    }

    /// `ses_...`: permits one session.
    pub(crate) fn session_key(&self, session: SessionId) -> Bearer {
        Bearer::Session(self.derive("session-key", session.as_bytes()))
    }

    /// The token in a link's address.
    pub(crate) fn link_token(&self, link: LinkId) -> LinkToken {
        let mut token = [0; 16];
        token.copy_from_slice(&self.derive("link-token", link.as_bytes())[..16]);
        LinkToken::new(token)
    }

    fn derive(&self, kind: &str, id: &[u8; 16]) -> [u8; 32] {
        // HMAC takes keys of any length, so this can't fail; an all-zero key would be caught by every test.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { unreachable!("HMAC takes any key") };
        mac.update(kind.as_bytes());
        mac.update(&[0]);
        mac.update(id);
        mac.finalize().into_bytes().into()
    }
}

fn missing(path: &Path, log: &Path) -> String {
    let (path, log) = (path.display(), log.display());
    format!(
        "{path} is missing, and {log} is not empty. Bring it back from a backup. Where there is none, \
         `head -c 32 /dev/urandom > {path}` makes another: links that were given still work, but are listed with \
         addresses that lead nowhere, and uploads without an owner's key can't go on."
    )
}

/// SHA-256, the form in which secrets are kept and looked up.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_folder_gets_a_secret_that_stays() {
        let data = tempfile::tempdir().unwrap();
        fs::create_dir(data.path().join("log")).unwrap();
        let made = Secret::open(data.path()).unwrap();
        fs::write(data.path().join("log/00000000000000000001.seg"), [1]).unwrap();
        assert_eq!(Secret::open(data.path()).unwrap().0, made.0);
    }

    #[test]
    fn servers_that_start_at_once_have_the_same() {
        let data = tempfile::tempdir().unwrap();
        let open = || Secret::open(data.path()).unwrap().0;
        let made = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(made.iter().all(|secret| *secret == open()));
        assert_eq!(fs::read_dir(data.path()).unwrap().count(), 1, "nothing is left behind");
    }

    #[test]
    fn a_lost_secret_is_not_replaced() {
        let data = tempfile::tempdir().unwrap();
        fs::create_dir(data.path().join("log")).unwrap();
        fs::write(data.path().join("log/00000000000000000001.seg"), [1]).unwrap();
        let why = Secret::open(data.path()).err().unwrap().to_string();
        assert!(
            why.contains(&data.path().join("secret").display().to_string()) && why.contains("backup"),
            "{why}"
        );
        assert!(!data.path().join("secret").exists());
    }
}
