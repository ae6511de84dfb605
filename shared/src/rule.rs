//! The rule that cuts a file into chunks: named in every manifest, may carry parameters.

use std::str::FromStr;

use crate::limits::{
    CHUNK_BYTES_MAX, FASTCDC_BYTES_MAX, FASTCDC_BYTES_MIN, FIXED_BYTES_DEFAULT, FIXED_BYTES_MIN,
};
use crate::text::wire_text;

/// A text names no chunking rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a chunking rule is fastcdc-2020/1, or fixed/<bytes> with 65536 to 8388608 bytes")]
pub struct ChunkRuleError;

/// How a file is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChunkRule {
    /// `fastcdc-2020/1`: 256 KiB to 4 MiB, 1 MiB on average, normalisation 1 (Xia et al., "The Design of
    /// Fast Content-Defined Chunking for Data Deduplication Based Storage Systems", IEEE TPDS 2020).
    FastCdc,
    /// `fixed/<bytes>`: every chunk has that length, the last the rest.
    Fixed(u32),
}

impl ChunkRule {
    /// What a client gets that asks for nothing.
    pub const DEFAULT: Self = Self::Fixed(FIXED_BYTES_DEFAULT);

    /// No chunk under this rule is longer, in bytes.
    pub const fn length_max(self) -> u32 {
        match self {
            Self::FastCdc => FASTCDC_BYTES_MAX,
            Self::Fixed(bytes) => bytes,
        }
    }

    /// Whether a chunk of that length is more than a short rest at the end of a file, in bytes.
    pub const fn is_full(self, length: u32) -> bool {
        match self {
            Self::FastCdc => length >= FASTCDC_BYTES_MIN,
            Self::Fixed(bytes) => length == bytes,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::FastCdc => "fastcdc-2020/1".to_owned(),
            Self::Fixed(bytes) => format!("fixed/{bytes}"),
        }
    }
}

impl FromStr for ChunkRule {
    type Err = ChunkRuleError;

    fn from_str(text: &str) -> Result<Self, ChunkRuleError> {
        if text == "fastcdc-2020/1" {
            return Ok(Self::FastCdc);
        }
        let digits = text.strip_prefix("fixed/").ok_or(ChunkRuleError)?;
        let bytes: u32 = digits.parse().map_err(|_| ChunkRuleError)?;
        // Only the canonical form, or one rule would have several names.
        if bytes.to_string() != digits || !(FIXED_BYTES_MIN..=CHUNK_BYTES_MAX).contains(&bytes) {
            return Err(ChunkRuleError);
        }
        Ok(Self::Fixed(bytes))
    }
}

wire_text!(ChunkRule);
