//! Files to upload: random bytes that are the same for the same seed.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use anyhow::Context;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

const BUFFER_BYTES: usize = 1 << 20;

/// The seed of this run: `CAIRN_SEED`, or 1. `cargo xtask torture` changes it.
pub fn seed() -> u64 {
    std::env::var("CAIRN_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// Writes `size` bytes that no compression or earlier chunk could help with; gives their SHA-256 in hex.
pub fn random_file(path: &Path, size: u64, seed: u64) -> anyhow::Result<String> {
    let mut file = File::create(path).with_context(|| format!("can't make {}", path.display()))?;
    let mut random = Random::new(seed);
    let mut hash = Sha256::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut left = size;
    while left > 0 {
        let length = usize::try_from(left.min(BUFFER_BYTES as u64))?;
        random.fill(&mut buffer);
        hash.update(&buffer[..length]);
        file.write_all(&buffer[..length])?;
        left -= length as u64;
    }
    Ok(HEXLOWER.encode(&hash.finalize()))
}

/// Copies a file with one more byte at `at`; gives the copy's SHA-256 in hex.
pub fn insert_byte(from: &Path, to: &Path, at: u64) -> anyhow::Result<String> {
    let mut from = BufReader::new(File::open(from)?);
    let mut into = BufWriter::new(File::create(to)?);
    io::copy(&mut from.by_ref().take(at), &mut into)?;
    into.write_all(b"!")?;
    io::copy(&mut from, &mut into)?;
    into.flush()?;
    sha256_file(to)
}

/// SHA-256 of a file in hex, as `sha256sum` prints it.
pub fn sha256_file(path: &Path) -> anyhow::Result<String> {
    sha256(&mut File::open(path)?).map(|(digest, _)| digest)
}

/// SHA-256 in hex and length of all that comes.
pub(crate) fn sha256(from: &mut impl Read) -> anyhow::Result<(String, u64)> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut total = 0;
    loop {
        let length = from.read(&mut buffer)?;
        if length == 0 {
            return Ok((HEXLOWER.encode(&hash.finalize()), total));
        }
        hash.update(&buffer[..length]);
        total += length as u64;
    }
}

/// xorshift64*, <https://www.jstatsoft.org/v08/i14/>.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        // The state must not be 0, and small seeds must not begin alike.
        Self(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn fill(&mut self, buffer: &mut [u8]) {
        for word in buffer.as_chunks_mut::<8>().0 {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            *word = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_depend_on_their_seed_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let size = 3 * BUFFER_BYTES as u64 + 5;
        let digest = random_file(&path("a"), size, 1).unwrap();
        assert_eq!(random_file(&path("b"), size, 1).unwrap(), digest);
        assert_ne!(random_file(&path("c"), size, 2).unwrap(), digest);
        assert_eq!(sha256_file(&path("a")).unwrap(), digest);
        assert_eq!(path("a").metadata().unwrap().len(), size);
    }

    #[test]
    fn a_byte_is_inserted_where_it_should_be() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&from, "abcdef").unwrap();
        let digest = insert_byte(&from, &to, 2).unwrap();
        assert_eq!(std::fs::read(&to).unwrap(), b"ab!cdef");
        assert_eq!(sha256_file(&to).unwrap(), digest);
    }
}
