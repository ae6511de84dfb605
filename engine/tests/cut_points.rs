//! Where files are cut: checked-in vectors, the same natively and in the browser.

use cairn_engine::cutter::Cutter;
use cairn_shared::ChunkRule;
use sha2::{Digest, Sha256};

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Bytes that look random and are always the same for a seed (xorshift64, Marsaglia 2003).
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Lengths of the chunks, pushed in steps of `step` bytes.
fn cut(rule: ChunkRule, bytes: &[u8], step: usize) -> Vec<usize> {
    let mut cutter = Cutter::new(rule);
    let mut lengths = Vec::new();
    let mut whole = Vec::new();
    for pushed in bytes.chunks(step) {
        cutter.push(pushed);
        while let Some(chunk) = cutter.next_chunk() {
            lengths.push(chunk.len());
            whole.extend_from_slice(chunk);
        }
    }
    cutter.end();
    while let Some(chunk) = cutter.next_chunk() {
        lengths.push(chunk.len());
        whole.extend_from_slice(chunk);
    }
    assert!(whole == bytes, "the chunks are the file");
    lengths
}

#[test]
fn fastcdc_cuts_where_it_always_did() {
    let bytes = noise(0x0123_4567_89ab_cdef, 12_000_000);
    let digest: String = Sha256::digest(&bytes).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, "9eaab1dc", "the vector's own bytes");
    let lengths = cut(ChunkRule::FastCdc, &bytes, 1 << 20);
    let expected = [
        682_688, 378_752, 590_028, 1_624_223, 1_366_225, 378_177, 1_161_356, 416_881, 2_367_053, 1_135_219,
        1_222_629, 391_232, 285_537,
    ];
    assert_eq!(lengths, expected);
}

#[test]
fn all_zero_bytes_give_the_longest_chunks() {
    assert_eq!(cut(ChunkRule::FastCdc, &vec![0; 9 << 20], 1 << 20), [4 << 20, 4 << 20, 1 << 20]);
}

#[test]
fn fixed_blocks_have_one_length_and_a_rest() {
    assert_eq!(cut(ChunkRule::Fixed(65_536), &noise(7, 140_000), 1_000), [65_536, 65_536, 8_928]);
    assert_eq!(cut(ChunkRule::Fixed(65_536), &noise(7, 131_072), 131_072), [65_536, 65_536]);
    assert_eq!(cut(ChunkRule::Fixed(65_536), &[], 1), [0; 0]);
}

#[test]
fn cuts_depend_on_bytes_and_not_on_pushes() {
    let bytes = noise(99, 7_000_003);
    let once = cut(ChunkRule::FastCdc, &bytes, bytes.len());
    for step in [4_099, 65_536, 1_000_003, 4 << 20, (4 << 20) + 1] {
        assert_eq!(cut(ChunkRule::FastCdc, &bytes, step), once, "step {step}");
    }
}

#[test]
fn a_byte_in_front_moves_few_cuts() {
    let bytes = noise(5, 20_000_000);
    let mut edited = bytes.clone();
    edited.insert(100, 0);
    let ends = |lengths: Vec<usize>| {
        lengths
            .iter()
            .scan(0, |sum, length| {
                *sum += length;
                Some(*sum)
            })
            .collect::<Vec<_>>()
    };
    let (before, after) =
        (ends(cut(ChunkRule::FastCdc, &bytes, 1 << 20)), ends(cut(ChunkRule::FastCdc, &edited, 1 << 20)));
    let same = after.iter().filter(|end| before.contains(&(**end - 1))).count();
    assert!(same + 3 >= before.len(), "{same} of {} cuts are where they were", before.len());
}
