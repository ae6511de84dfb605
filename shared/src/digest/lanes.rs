//! SHA-256 of several chunks at once, by the SHA extensions of x86-64.
//!
//! Each step of one digest waits for the one before it, and the processor does nothing meanwhile: four of them side by side take half as
//! long as one after the other. Linux does the same for dm-verity, with two.

#![expect(unsafe_code, reason = "a function for one kind of processor is called where that kind is known")]

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_blend_epi16, _mm_extract_epi32, _mm_set_epi8,
    _mm_set_epi64x, _mm_setr_epi32, _mm_setzero_si128, _mm_sha256msg1_epu32, _mm_sha256msg2_epu32,
    _mm_sha256rnds2_epu32, _mm_shuffle_epi8, _mm_shuffle_epi32,
};

use sha2::block_api::compress256;

use super::{ChunkDigest, DIGEST_BYTES};

/// Digests side by side; six are no faster.
const LANES: usize = 4;
const BLOCK_BYTES: usize = 64;
/// Bytes of the message's length at its end (FIPS 180-4, 5.1.1).
const LENGTH_BYTES: usize = 8;

/// FIPS 180-4, 5.3.3.
const FIRST: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// FIPS 180-4, 4.2.2, four by four.
const ROUNDS: [[u32; 4]; 16] = [
    [0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5],
    [0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5],
    [0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3],
    [0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174],
    [0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc],
    [0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da],
    [0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7],
    [0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967],
    [0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13],
    [0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85],
    [0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3],
    [0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070],
    [0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5],
    [0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3],
    [0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208],
    [0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2],
];

/// The processor's SHA extensions. Whoever has one of these has found them.
#[derive(Clone, Copy)]
pub(super) struct Extensions(());

impl Extensions {
    /// Nothing where this processor has none.
    pub(super) fn find() -> Option<Self> {
        let are_here = is_x86_feature_detected!("sha")
            && is_x86_feature_detected!("sse4.1")
            && is_x86_feature_detected!("ssse3");
        are_here.then_some(Self(()))
    }

    /// The digests, in the order of the chunks.
    pub(super) fn digests(self, chunks: &[&[u8]]) -> Vec<ChunkDigest> {
        let mut digests = vec![ChunkDigest::new([0; DIGEST_BYTES]); chunks.len()];
        let mut waiting = chunks.iter().enumerate();
        let mut lanes: Vec<Lane<'_>> = Vec::with_capacity(LANES);
        loop {
            let free = LANES - lanes.len();
            lanes.extend(waiting.by_ref().take(free).map(|(index, chunk)| Lane::new(index, chunk)));
            let Some(blocks) = lanes.iter().map(Lane::blocks).min() else { return digests };
            match lanes.as_mut_slice() {
                [last] => last.advance_alone(),
                [a, b] => self.advance([a, b], blocks),
                [a, b, c] => self.advance([a, b, c], blocks),
                [a, b, c, d] => self.advance([a, b, c, d], blocks),
                _ => unreachable!("there are {LANES} lanes at most"),
            }
            lanes.retain_mut(|lane| {
                let digest = lane.go_on();
                if let Some(digest) = digest {
                    digests[lane.index] = digest;
                }
                digest.is_none()
            });
        }
    }

    /// So many blocks of each lane.
    fn advance<const N: usize>(self, mut lanes: [&mut Lane<'_>; N], blocks: usize) {
        let mut states = std::array::from_fn(|lane| lanes[lane].state);
        let length = blocks * BLOCK_BYTES;
        let parts: [&[u8]; N] = std::array::from_fn(|lane| &lanes[lane].part()[..length]);
        // SAFETY: `self` is there only where `find` has found what this function needs.
        unsafe { compress(&mut states, parts) };
        for (lane, state) in lanes.iter_mut().zip(states) {
            lane.state = state;
            lane.done += length;
        }
    }
}

/// One digest under way.
struct Lane<'a> {
    index: usize,
    state: [u32; 8],
    /// Whole blocks of the chunk.
    body: &'a [u8],
    /// What follows them: the rest of the chunk, and what FIPS 180-4, 5.1.1 puts behind it.
    end: [u8; 2 * BLOCK_BYTES],
    end_blocks: usize,
    /// Of the part that is worked on.
    done: usize,
    at_end: bool,
}

impl<'a> Lane<'a> {
    fn new(index: usize, chunk: &'a [u8]) -> Self {
        let (body, rest) = chunk.split_at(chunk.len() - chunk.len() % BLOCK_BYTES);
        let mut end = [0; 2 * BLOCK_BYTES];
        end[..rest.len()].copy_from_slice(rest);
        end[rest.len()] = 0x80;
        let end_blocks = (rest.len() + 1 + LENGTH_BYTES).div_ceil(BLOCK_BYTES);
        let bits = chunk.len() as u64 * 8;
        end[end_blocks * BLOCK_BYTES - LENGTH_BYTES..][..LENGTH_BYTES].copy_from_slice(&bits.to_be_bytes());
        Self { index, state: FIRST, body, end, end_blocks, done: 0, at_end: body.is_empty() }
    }

    fn part(&self) -> &[u8] {
        let part = if self.at_end { &self.end[..self.end_blocks * BLOCK_BYTES] } else { self.body };
        &part[self.done..]
    }

    /// Blocks left of the part that is worked on; at least one.
    fn blocks(&self) -> usize {
        self.part().len() / BLOCK_BYTES
    }

    /// All of the part: what there is one of, `sha2` does faster.
    fn advance_alone(&mut self) {
        let mut state = self.state;
        compress256(&mut state, self.part().as_chunks().0);
        self.state = state;
        self.done += self.part().len();
    }

    /// To the next part where this one is through; the digest, after the last.
    fn go_on(&mut self) -> Option<ChunkDigest> {
        if !self.part().is_empty() {
            return None;
        }
        self.done = 0;
        if !std::mem::replace(&mut self.at_end, true) {
            return None;
        }
        let mut digest = [0; DIGEST_BYTES];
        for (bytes, word) in digest.chunks_exact_mut(4).zip(self.state) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        Some(ChunkDigest::new(digest))
    }
}

/// FIPS 180-4, 6.2.2, of equally many blocks for each state. The extensions want the words of a state as A B E F and C D G H.
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn compress<const N: usize>(states: &mut [[u32; 8]; N], blocks: [&[u8]; N]) {
    let big_endian = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    let (mut abef, mut cdgh) = ([_mm_setzero_si128(); N], [_mm_setzero_si128(); N]);
    for lane in 0..N {
        let [a, b, c, d, e, f, g, h] = states[lane];
        abef[lane] = four([f, e, b, a]);
        cdgh[lane] = four([h, g, d, c]);
    }
    let count = blocks.iter().map(|part| part.len() / BLOCK_BYTES).min().unwrap_or_default();
    for block in 0..count {
        let before = (abef, cdgh);
        let mut words = [[_mm_setzero_si128(); 4]; N];
        for (round, constants) in ROUNDS.iter().enumerate() {
            let constants = four(*constants);
            for lane in 0..N {
                let words = &mut words[lane];
                words[round % 4] = if round < 4 {
                    let at = block * BLOCK_BYTES + round * 16;
                    _mm_shuffle_epi8(sixteen(&blocks[lane][at..at + 16]), big_endian)
                } else {
                    let [first, second, third, fourth] = std::array::from_fn(|ago| words[(round + ago) % 4]);
                    let sum = _mm_sha256msg1_epu32(first, second);
                    let sum = _mm_add_epi32(sum, _mm_alignr_epi8(fourth, third, 4));
                    _mm_sha256msg2_epu32(sum, fourth)
                };
                let added = _mm_add_epi32(words[round % 4], constants);
                cdgh[lane] = _mm_sha256rnds2_epu32(cdgh[lane], abef[lane], added);
                abef[lane] = _mm_sha256rnds2_epu32(abef[lane], cdgh[lane], _mm_shuffle_epi32(added, 0x0E));
            }
        }
        for lane in 0..N {
            abef[lane] = _mm_add_epi32(abef[lane], before.0[lane]);
            cdgh[lane] = _mm_add_epi32(cdgh[lane], before.1[lane]);
        }
    }
    for lane in 0..N {
        let feba = _mm_shuffle_epi32(abef[lane], 0x1B);
        let dchg = _mm_shuffle_epi32(cdgh[lane], 0xB1);
        let (abcd, efgh) = (_mm_blend_epi16(feba, dchg, 0xF0), _mm_alignr_epi8(dchg, feba, 8));
        let ([a, b, c, d], [e, f, g, h]) = (words_of(abcd), words_of(efgh));
        states[lane] = [a, b, c, d, e, f, g, h];
    }
}

/// The lowest first.
#[target_feature(enable = "sse2")]
fn four(words: [u32; 4]) -> __m128i {
    let [a, b, c, d] = words.map(u32::cast_signed);
    _mm_setr_epi32(a, b, c, d)
}

#[target_feature(enable = "sse4.1")]
fn words_of(four: __m128i) -> [u32; 4] {
    let words = [
        _mm_extract_epi32::<0>(four),
        _mm_extract_epi32::<1>(four),
        _mm_extract_epi32::<2>(four),
        _mm_extract_epi32::<3>(four),
    ];
    words.map(i32::cast_unsigned)
}

/// 16 bytes as they lie in memory.
#[target_feature(enable = "sse2")]
fn sixteen(bytes: &[u8]) -> __m128i {
    let (low, high) = bytes.split_at(8);
    let half = |half: &[u8]| half.try_into().map_or(0, i64::from_le_bytes);
    _mm_set_epi64x(half(high), half(low))
}
