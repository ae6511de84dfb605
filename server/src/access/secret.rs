//! The server's secret, and everything that is derived from it so that it can be shown again.

use cairn_shared::{Bearer, LinkId, LinkToken, SessionId};
use cairn_store::ground::SECRET_BYTES;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// 256 random bits, made when the store is founded and kept in `DATA/secret`, readable by its user only.
pub(crate) struct Secret([u8; SECRET_BYTES]);

impl Secret {
    /// The one that the data folder keeps.
    pub(crate) fn new(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes)
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
