//! SHA-256 digests, one type per thing that is named by one.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;

use crate::text::wire_text;

/// Length of every digest, in bytes.
pub const DIGEST_BYTES: usize = 32;

/// A text is not 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a digest is a SHA-256 in 64 lower-case hexadecimal digits")]
pub struct DigestError;

macro_rules! digest {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; DIGEST_BYTES]);

        impl $name {
            /// Wraps the 32 bytes of a SHA-256.
            pub const fn new(bytes: [u8; DIGEST_BYTES]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes.
            pub const fn as_bytes(&self) -> &[u8; DIGEST_BYTES] {
                &self.0
            }

            /// The first 8 hexadecimal digits, for logs.
            pub fn short(&self) -> String {
                HEXLOWER.encode(&self.0[..4])
            }

            fn text(&self) -> String {
                HEXLOWER.encode(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = DigestError;

            fn from_str(text: &str) -> Result<Self, DigestError> {
                let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| DigestError)?;
                Ok(Self(bytes.try_into().map_err(|_| DigestError)?))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.short())
            }
        }

        wire_text!($name);
    };
}

digest!(
    /// SHA-256 of a chunk's bytes.
    ChunkDigest
);
digest!(
    /// SHA-256 of a whole file, as `sha256sum` prints it.
    BlobDigest
);
digest!(
    /// SHA-256 of a manifest's canonical bytes: the identity of a blob.
    ManifestDigest
);
