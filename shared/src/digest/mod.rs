//! SHA-256 digests, one type per thing that is named by one.

#[cfg(target_arch = "x86_64")]
mod lanes;

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

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

impl ChunkDigest {
    /// SHA-256 of a chunk's bytes.
    pub fn of(chunk: &[u8]) -> Self {
        Self(Sha256::digest(chunk).into())
    }

    /// Those of several chunks, in their order. Four or more together take two thirds of the time or less, where the processor has
    /// SHA extensions.
    pub fn of_all(chunks: &[&[u8]]) -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        if chunks.len() > 1
            && let Some(extensions) = lanes::Extensions::find()
        {
            return extensions.digests(chunks);
        }
        chunks.iter().map(|chunk| Self::of(chunk)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one_by_one(chunks: &[&[u8]]) -> Vec<ChunkDigest> {
        chunks.iter().map(|chunk| ChunkDigest::of(chunk)).collect()
    }

    #[test]
    fn every_length_around_blocks_is_hashed_as_sha2_does() {
        let bytes: Vec<u8> = (0..400_u32).map(|at| (at * 7) as u8).collect();
        for length in 0..300 {
            let chunks = [&bytes[..length], &bytes[1..=length], &bytes[..length / 2], b"", &bytes];
            for count in 2..=chunks.len() {
                assert_eq!(
                    ChunkDigest::of_all(&chunks[..count]),
                    one_by_one(&chunks[..count]),
                    "{length} bytes"
                );
            }
        }
    }

    #[test]
    fn the_standards_own_example_is_hashed_as_it_says() {
        // FIPS 180-2, B.1.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".parse().unwrap();
        assert_eq!(ChunkDigest::of_all(&[b"abc".as_slice(); 5]), [abc; 5]);
        #[cfg(target_arch = "x86_64")]
        if lanes::Extensions::find().is_none() {
            eprintln!("SKIPPED: this processor has no SHA extensions, and hashes one chunk after the other");
        }
    }

    proptest! {
        #[test]
        fn together_is_as_one_by_one(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5_000), 0..12)) {
            let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
            prop_assert_eq!(ChunkDigest::of_all(&chunks), one_by_one(&chunks));
        }
    }
}
