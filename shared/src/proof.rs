//! Proofs of possession: whoever wants a chunk of somebody else's to count as his own shows that he has its bytes.
//!
//! `HMAC-SHA-256` (RFC 2104) over the chunk, under a key that holds for one session, place and row. A digest, or anything else that
//! is shorter than the chunk, answers no such question: with the key in front nothing of the work can be done beforehand.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::text::wire_text;
use crate::{Bearer, Row};

const PROOF_BYTES: usize = 32;
const LABEL: &[u8] = b"cairn proof 1";

/// A text is no proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a proof has 64 lower-case hexadecimal digits")]
pub struct ProofError;

/// What a session's proofs are made with: `proof_key` of `start`, which follows from `session_key`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ProofKey([u8; PROOF_BYTES]);

impl ProofKey {
    /// `HMAC(secret of session_key, "cairn proof 1")`.
    pub fn of_session(session_key: &Bearer) -> Self {
        Self(mac(session_key.secret()).chain_update(LABEL).finalize().into_bytes().into())
    }

    /// The key for one row: `HMAC(proof_key, index || length || digest)`, the numbers in 32 bits, big-endian.
    pub fn of_row(&self, index: u32, row: Row) -> RowKey {
        let mac = mac(&self.0).chain_update(index.to_be_bytes()).chain_update(row.length.to_be_bytes());
        RowKey(mac.chain_update(row.digest.as_bytes()).finalize().into_bytes().into())
    }

    fn text(&self) -> String {
        HEXLOWER.encode(&self.0)
    }
}

impl FromStr for ProofKey {
    type Err = ProofError;

    fn from_str(text: &str) -> Result<Self, ProofError> {
        Ok(Self(from_hex(text)?))
    }
}

impl fmt::Debug for ProofKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProofKey(...)")
    }
}

wire_text!(ProofKey);

/// What the proof of one row is made with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RowKey([u8; PROOF_BYTES]);

impl RowKey {
    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; PROOF_BYTES] {
        &self.0
    }

    /// Wraps the 32 bytes.
    pub const fn new(bytes: [u8; PROOF_BYTES]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RowKey(...)")
    }
}

/// Makes a proof, or looks whether one is right; takes the chunk's bytes in any pieces.
pub struct Prover(Hmac<Sha256>);

impl Prover {
    /// Begins the proof of one row.
    pub fn new(key: &RowKey) -> Self {
        Self(mac(&key.0))
    }

    /// The next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The proof.
    pub fn finish(self) -> Proof {
        Proof(self.0.finalize().into_bytes().into())
    }

    /// Whether a proof is the one of these bytes; takes as long for a wrong one.
    pub fn is_proven_by(self, proof: &Proof) -> bool {
        self.0.verify_slice(&proof.0).is_ok()
    }
}

impl fmt::Debug for Prover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prover(...)")
    }
}

/// That somebody has the bytes of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof([u8; PROOF_BYTES]);

impl Proof {
    /// Wraps the 32 bytes.
    pub const fn new(bytes: [u8; PROOF_BYTES]) -> Self {
        Self(bytes)
    }

    /// Proves a chunk that is at hand as a whole.
    pub fn of(key: &RowKey, chunk: &[u8]) -> Self {
        let mut prover = Prover::new(key);
        prover.update(chunk);
        prover.finish()
    }

    fn text(&self) -> String {
        HEXLOWER.encode(&self.0)
    }
}

impl FromStr for Proof {
    type Err = ProofError;

    fn from_str(text: &str) -> Result<Self, ProofError> {
        Ok(Self(from_hex(text)?))
    }
}

wire_text!(Proof);

fn from_hex(text: &str) -> Result<[u8; PROOF_BYTES], ProofError> {
    let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| ProofError)?;
    bytes.try_into().map_err(|_| ProofError)
}

fn mac(key: &[u8; PROOF_BYTES]) -> Hmac<Sha256> {
    // HMAC takes keys of any length.
    let Ok(mac) = Hmac::new_from_slice(key) else { unreachable!("HMAC takes any key") };
    mac
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ChunkDigest;

    const CHUNK: &[u8] = b"the bytes of a chunk";

    fn row() -> Row {
        Row { digest: ChunkDigest::new([9; 32]), length: 20 }
    }

    /// Computed with Python's `hmac` and `hashlib`; a change of the construction changes them.
    #[test]
    fn the_construction_is_fixed() {
        let key = ProofKey::of_session(&Bearer::Session([1; 32]));
        let proof = Proof::of(&key.of_row(3, row()), CHUNK);
        assert_eq!(key.to_string(), "36c50cfd8966e659c0bae93926c3b0c121308adb69b2be0e3a683d79bb43e5d5");
        assert_eq!(proof.to_string(), "2f85b1f3a108d0e33b60d90bda17d7a6fdb1c79c73aae11d5d994c307dacb5f1");
    }

    #[test]
    fn a_proof_holds_for_one_session_place_and_row() {
        let key = ProofKey::of_session(&Bearer::Session([1; 32]));
        let proof = Proof::of(&key.of_row(3, row()), CHUNK);
        let holds = |key: RowKey, bytes: &[u8]| {
            let mut prover = Prover::new(&key);
            bytes.chunks(3).for_each(|piece| prover.update(piece));
            prover.is_proven_by(&proof)
        };
        assert!(holds(key.of_row(3, row()), CHUNK));
        assert!(!holds(key.of_row(4, row()), CHUNK));
        assert!(!holds(key.of_row(3, Row { length: 21, ..row() }), CHUNK));
        assert!(!holds(key.of_row(3, Row { digest: ChunkDigest::new([8; 32]), ..row() }), CHUNK));
        assert!(!holds(ProofKey::of_session(&Bearer::Session([2; 32])).of_row(3, row()), CHUNK));
        assert!(!holds(key.of_row(3, row()), &CHUNK[1..]));
    }
}
