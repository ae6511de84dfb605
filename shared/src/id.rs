//! 128-bit identifiers, one type per thing. Made by the operating system's random source, or derived.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;

use crate::text::wire_text;

/// Length of every id, in bytes.
pub const ID_BYTES: usize = 16;

/// A text is not 32 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id has 32 lower-case hexadecimal digits")]
pub struct IdError;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; ID_BYTES]);

        impl $name {
            /// Wraps 16 random bytes.
            pub const fn new(bytes: [u8; ID_BYTES]) -> Self {
                Self(bytes)
            }

            /// The 16 bytes.
            pub const fn as_bytes(&self) -> &[u8; ID_BYTES] {
                &self.0
            }

            fn text(&self) -> String {
                HEXLOWER.encode(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| IdError)?;
                Ok(Self(bytes.try_into().map_err(|_| IdError)?))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), HEXLOWER.encode(&self.0[..4]))
            }
        }

        wire_text!($name);
    };
}

id!(
    /// Names an upload under way. Whoever started it without a credential governs it by this id alone.
    SessionId
);
id!(
    /// Names an owner: an account, or the holder of an owner key.
    OwnerId
);
id!(
    /// Names a file that an owner keeps. A new version keeps the id.
    FileId
);
id!(
    /// Names a folder that an owner keeps.
    FolderId
);
id!(
    /// Names a link; its token is derived from it, so the id itself opens nothing.
    LinkId
);
id!(
    /// The client's own name for a session it is about to start, so that a repeated `start` finds it.
    ClientKey
);
