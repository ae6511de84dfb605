//! Tests of the frames of compressed chunks: whatever is packed up comes back, and nothing else.

use proptest::prelude::*;

use super::*;

/// Takes all of it apart; `None` where it is not the frames of `length` bytes.
fn unpack(frames: &[u8], length: usize, offset: u32) -> Option<Vec<u8>> {
    let (mut unpacker, mut plain, mut used) = (Unpacker::new(length as u32, offset), Vec::new(), 0);
    while !unpacker.is_done() {
        used += unpacker.take(&frames[used..], &mut plain)?;
    }
    (used == frames.len()).then_some(plain)
}

fn pack_up(plain: &[u8]) -> Vec<u8> {
    plain.chunks(FRAME_BYTES).flat_map(|bytes| frame(bytes).unwrap()).collect()
}

fn random(length: usize, mut seed: u64) -> Vec<u8> {
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as u8
    };
    (0..length).map(|_| next()).collect()
}

fn text(length: usize) -> Vec<u8> {
    (0..).flat_map(|n: u32| format!("line {n} of {}\n", n * 7 % 93).into_bytes()).take(length).collect()
}

#[test]
fn a_frame_is_never_longer_than_it_may_be() {
    for length in [1, 1_000, FRAME_BYTES - 1, FRAME_BYTES] {
        let stored = frame(&random(length, 3)).unwrap();
        assert!(stored.len() <= length + length / 256 + 64 && stored.len() <= FRAME_STORED_MAX);
    }
}

#[test]
fn what_saves_too_little_is_left_as_it_is() {
    assert_eq!(whole(&random(1_000_000, 5)), None);
    assert_eq!(whole(&text(TRIED_BYTES_MIN - 1)), None);
    assert!(whole(&text(TRIED_BYTES_MIN)).is_some());
    let promising = [text(SAMPLE_BYTES), random(9 * SAMPLE_BYTES, 5)].concat();
    assert!(is_worth(&promising) && whole(&promising).is_none());
    assert!(saves(90, 100) && !saves(91, 100));
}

#[test]
fn a_frame_that_holds_less_or_more_than_it_must_is_refused() {
    let plain = text(600_000);
    let frames = pack_up(&plain);
    assert_eq!(unpack(&frames, plain.len(), 0), Some(plain.clone()));
    for length in [0, 1, FRAME_BYTES, 599_999, 600_001, 700_000] {
        assert_eq!(unpack(&frames, length, 0), None, "{length}");
    }
    assert_eq!(unpack(&frames[..frames.len() - 1], plain.len(), 0), None);
    assert_eq!(unpack(&[&frames[..], b"x"].concat(), plain.len(), 0), None);
    // A bomb: 128 MiB of zeros, in one frame that says so.
    let bomb = zstd::bulk::compress(&vec![0; 1 << 27], 1).unwrap();
    let (mut unpacker, mut out) = (Unpacker::new(u32::MAX, 0), Vec::new());
    assert_eq!(unpacker.take(&bomb, &mut out), None);
    assert_eq!(out.capacity(), 0, "nothing is made ready for it");
    // Frames that hold nothing would never end.
    assert_eq!(Unpacker::new(10, 0).take(&frame(b"").unwrap(), &mut out), None);
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
    assert_eq!(Unpacker::new(3, 0).take(&skippable, &mut out), None);
}

fn mix() -> impl Strategy<Value = Vec<u8>> {
    let piece = (0..3_u8, 1..300_000_usize, any::<u64>()).prop_map(|(kind, length, seed)| match kind {
        0 => random(length, seed),
        1 => text(length),
        _ => vec![seed as u8; length],
    });
    prop::collection::vec(piece, 1..5).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_mix_comes_back_from_any_offset(plain in mix(), at in any::<prop::sample::Index>()) {
        let offset = at.index(plain.len() + 1);
        prop_assert_eq!(unpack(&pack_up(&plain), plain.len(), offset as u32), Some(plain[offset..].to_vec()));
        if let Some(frames) = whole(&plain) {
            prop_assert!(saves(frames.len() as u64, plain.len() as u64));
            prop_assert_eq!(frames, pack_up(&plain));
        }
    }

    #[test]
    fn a_damaged_frame_gives_so_many_bytes_or_none(
        plain in mix(), at in any::<prop::sample::Index>(), bit in 0..8_u32,
    ) {
        let mut frames = pack_up(&plain);
        let at = at.index(frames.len());
        frames[at] ^= 1 << bit;
        if let Some(found) = unpack(&frames, plain.len(), 0) {
            prop_assert_eq!(found.len(), plain.len());
        }
    }
}
