//! `POST /api/check` and `POST /api/check/{session}`.

use serde::{Deserialize, Serialize};

use crate::digest::{ChunkDigest, ManifestDigest};
use crate::manifest::Row;
use crate::proof::Proof;

/// Answer to `POST /api/check?h=<sha256>`: the blob is here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HashResponse {
    /// The blob's identity.
    pub blob: ManifestDigest,
    /// In bytes.
    pub size: u64,
    /// Where the asker may read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Declares rows from `at` on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckRequest {
    /// The current revision extends or repeats; the next one replaces from `at` on and drops the rest.
    pub revision: u32,
    /// Index of the first row in `chunks`.
    pub at: u32,
    /// The file's size from now on, in bytes; only together with a new revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The rows, `CHECK_ROWS_MAX` at most.
    pub chunks: Vec<Declared>,
}

/// One declared row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declared {
    /// SHA-256 of the chunk.
    pub digest: ChunkDigest,
    /// In bytes, never 0.
    pub length: u32,
    /// Proof of possession, where `prove` was answered before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
}

impl Declared {
    /// A row without a proof.
    pub fn new(row: Row) -> Self {
        Self { digest: row.digest, length: row.length, proof: None }
    }

    /// The row that it declares.
    pub fn row(&self) -> Row {
        Row { digest: self.digest, length: self.length }
    }
}

/// What the server has, row by row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResponse {
    /// The session's revision now.
    pub revision: u32,
    /// One per declared row, in order.
    pub chunks: Vec<RowState>,
}

/// What a client has to do about a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowState {
    /// Nothing: the chunk is here and this owner holds it.
    Have,
    /// Send it.
    Need,
    /// Prove possession, or send it.
    Prove,
}
