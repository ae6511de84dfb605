//! The ordered list of chunks that makes a blob, and the canonical bytes that identify it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::digest::{ChunkDigest, DIGEST_BYTES, ManifestDigest};
use crate::rule::ChunkRule;

/// One chunk of a manifest or session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// SHA-256 of the chunk.
    pub digest: ChunkDigest,
    /// Length of the chunk, in bytes; never 0.
    pub length: u32,
}

/// What makes a blob: its rows in order, and the rule that cut it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The rule that cut the file.
    pub rule: ChunkRule,
    /// The chunks in the order of the file.
    pub rows: Vec<Row>,
}

impl Manifest {
    /// Sum of the rows' lengths, in bytes.
    pub fn size(&self) -> u64 {
        self.rows.iter().map(|row| u64::from(row.length)).sum()
    }

    /// Identifies the blob.
    pub fn digest(&self) -> ManifestDigest {
        let mut hasher = ManifestHasher::new(self.rule);
        for row in &self.rows {
            hasher.push(row);
        }
        hasher.finish()
    }
}

/// Computes a `ManifestDigest` row by row, so that nobody need hold a manifest in memory.
///
/// Canonical bytes: `cairn-manifest/1\n`, the rule's name, `\n`, then per row 32 bytes of digest and the
/// length as 4 bytes big-endian.
#[derive(Debug, Clone)]
pub struct ManifestHasher(Sha256);

impl ManifestHasher {
    /// Begins with the version and the rule.
    pub fn new(rule: ChunkRule) -> Self {
        let mut sha = Sha256::new();
        sha.update(b"cairn-manifest/1\n");
        sha.update(rule.to_string().as_bytes());
        sha.update(b"\n");
        Self(sha)
    }

    /// Appends the next row.
    pub fn push(&mut self, row: &Row) {
        let mut bytes = [0; DIGEST_BYTES + 4];
        bytes[..DIGEST_BYTES].copy_from_slice(row.digest.as_bytes());
        bytes[DIGEST_BYTES..].copy_from_slice(&row.length.to_be_bytes());
        self.0.update(bytes);
    }

    /// The digest over everything pushed.
    pub fn finish(self) -> ManifestDigest {
        ManifestDigest::new(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_equals_the_published_vectors() {
        let empty = Manifest { rule: ChunkRule::Fixed(1_048_576), rows: vec![] };
        // printf 'cairn-manifest/1\nfixed/1048576\n' | sha256sum
        assert_eq!(
            empty.digest().to_string(),
            "3ba17d5fb29b55ad30b0d5b6ba3cdced49a4635a8dd150bf4f0918e1921e6c5a"
        );
        let row = Row { digest: ChunkDigest::new([0xab; 32]), length: 0x0102_0304 };
        let one = Manifest { rule: ChunkRule::FastCdc, rows: vec![row] };
        // (printf 'cairn-manifest/1\nfastcdc-2020/1\n'; printf '\xab%.0s' {1..32}; printf '\x01\x02\x03\x04') | sha256sum
        assert_eq!(
            one.digest().to_string(),
            "2f8b12b3a6b61a567b61654fac8d8c5d6d78a5e4043e1974e546316ff8e60d29"
        );
    }
}
