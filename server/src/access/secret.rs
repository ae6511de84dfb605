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
    /// Reads the secret of a data folder, or makes it.
    pub(crate) fn open(data: &Path) -> io::Result<Self> {
        let path = data.join("secret");
        match fs::read(&path) {
            Ok(bytes) => Self::read(&path, &bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::make(data, &path),
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
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
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

/// SHA-256, the form in which secrets are kept and looked up.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
