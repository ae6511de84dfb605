//! Secrets as text: bearer credentials and link tokens. Never printed by `Debug`.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;

use crate::text::wire_text;

/// Length of a bearer secret, in bytes.
pub const SECRET_BYTES: usize = 32;

/// Length of a link token, in bytes.
pub const TOKEN_BYTES: usize = 16;

/// A text is not a secret of the expected form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a credential is own_, ses_ or tok_ followed by 43 characters of base64url")]
pub struct BearerError;

/// What stands behind `Authorization: Bearer`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Bearer {
    /// `own_...`: everything of one owner.
    Owner([u8; SECRET_BYTES]),
    /// `ses_...`: one session, and the file it becomes.
    Session([u8; SECRET_BYTES]),
    /// `tok_...`: an API token of an account.
    Token([u8; SECRET_BYTES]),
}

impl Bearer {
    fn parts(&self) -> (&'static str, &[u8; SECRET_BYTES]) {
        match self {
            Self::Owner(secret) => ("own_", secret),
            Self::Session(secret) => ("ses_", secret),
            Self::Token(secret) => ("tok_", secret),
        }
    }

    /// The 32 bytes that nobody can guess.
    pub(crate) fn secret(&self) -> &[u8; SECRET_BYTES] {
        self.parts().1
    }

    fn text(&self) -> String {
        let (prefix, secret) = self.parts();
        format!("{prefix}{}", BASE64URL_NOPAD.encode(secret))
    }
}

impl FromStr for Bearer {
    type Err = BearerError;

    fn from_str(text: &str) -> Result<Self, BearerError> {
        let (prefix, secret) = text.split_at_checked(4).ok_or(BearerError)?;
        let secret = BASE64URL_NOPAD.decode(secret.as_bytes()).map_err(|_| BearerError)?;
        let secret = secret.try_into().map_err(|_| BearerError)?;
        match prefix {
            "own_" => Ok(Self::Owner(secret)),
            "ses_" => Ok(Self::Session(secret)),
            "tok_" => Ok(Self::Token(secret)),
            _ => Err(BearerError),
        }
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bearer({}...)", self.parts().0)
    }
}

wire_text!(Bearer);

/// A text is not a link token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a link token has 22 characters of base64url")]
pub struct LinkTokenError;

/// The secret in a link's address, `/d/{token}`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LinkToken([u8; TOKEN_BYTES]);

impl LinkToken {
    /// Wraps 16 bytes that nobody can guess.
    pub const fn new(bytes: [u8; TOKEN_BYTES]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; TOKEN_BYTES] {
        &self.0
    }

    fn text(&self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }
}

impl FromStr for LinkToken {
    type Err = LinkTokenError;

    fn from_str(text: &str) -> Result<Self, LinkTokenError> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| LinkTokenError)?;
        Ok(Self(bytes.try_into().map_err(|_| LinkTokenError)?))
    }
}

impl fmt::Debug for LinkToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkToken(...)")
    }
}

wire_text!(LinkToken);
