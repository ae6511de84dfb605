//! Where FastCDC cuts (Xia et al., IEEE TPDS 2020, with the tables and masks of the `fastcdc` crate), looked for at four places at once.
//!
//! Gear's hash of a byte is that of the byte before it, shifted, and one number of a table: a chain of dependent steps that leaves most of a
//! processor idle. But what is 64 bytes behind has been shifted out of it, so that a search may begin anywhere, 64 bytes earlier.

use std::sync::LazyLock;

use cairn_shared::limits::{FASTCDC_BYTES_AVERAGE, FASTCDC_BYTES_MAX, FASTCDC_BYTES_MIN};
use fastcdc::v2020::{Normalization, get_gear_with_seed, select_masks};

/// Bytes that a hash is of: its bits.
const WINDOW: usize = u64::BITS as usize;
/// Searches at once. Two are nearly as fast, six are slower; in a browser's wasm one is the fastest.
const LANES: usize = if cfg!(target_family = "wasm") { 1 } else { 4 };
/// Bytes of one of them, until they are compared. What others found behind the first cut is lost.
const LANE_BYTES: usize = 8 << 10;

const MIN: usize = FASTCDC_BYTES_MIN as usize;
const AVERAGE: usize = FASTCDC_BYTES_AVERAGE as usize;
const MAX: usize = FASTCDC_BYTES_MAX as usize;

static GEAR: LazyLock<Gear> = LazyLock::new(|| {
    let (table, _) = get_gear_with_seed(0);
    let (strict, loose) = select_masks(AVERAGE, Normalization::Level1);
    Gear { table: std::array::from_fn(|byte| table[byte]), strict, loose }
});

struct Gear {
    /// A number for each byte.
    table: [u64; 256],
    /// Bits that are all 0 where a chunk shorter than the average may end.
    strict: u64,
    /// The same for a longer one.
    loose: u64,
}

/// The length of the first chunk of `open`, in bytes: where that has neither the longest chunk nor the file's end, more bytes may change it.
pub(super) fn chunk_length(open: &[u8]) -> usize {
    let gear = &*GEAR;
    let length = open.len().min(MAX);
    // The rule looks at bytes in pairs: of an odd number the last one ends nothing.
    let end = length & !1;
    if end <= MIN {
        return length;
    }
    let center = end.min(AVERAGE);
    let mut search = Search { gear, bytes: &open[..end], at: MIN, hash: 0 };
    search.find(center, gear.strict).or_else(|| search.find(end, gear.loose)).unwrap_or(length)
}

/// A search that has come to `at`; the hash is of what lies before it, from the shortest chunk's end on.
struct Search<'a> {
    gear: &'a Gear,
    bytes: &'a [u8],
    at: usize,
    hash: u64,
}

impl Search<'_> {
    /// The first place before `end` whose hash has no bit of the mask.
    fn find(&mut self, end: usize, mask: u64) -> Option<usize> {
        while end - self.at >= LANES * LANE_BYTES {
            if let Some(found) = self.stride(mask) {
                return Some(found);
            }
        }
        let rest = &self.bytes[self.at..end];
        let found = self.gear.roll(&mut self.hash, rest, mask).map(|found| self.at + found);
        self.at = end;
        found
    }

    /// The same in the next bytes of all lanes.
    fn stride(&mut self, mask: u64) -> Option<usize> {
        let (gear, first) = (self.gear, self.at);
        let block = &self.bytes[first..][..LANES * LANE_BYTES];
        let mut hashes: [u64; LANES] = std::array::from_fn(|lane| match lane * LANE_BYTES {
            0 => self.hash,
            begin => gear.of(&block[begin - WINDOW..begin]),
        });
        for at in 0..LANE_BYTES {
            let mut found = false;
            for lane in 0..LANES {
                hashes[lane] = gear.next(hashes[lane], block[lane * LANE_BYTES + at]);
                found |= hashes[lane] & mask == 0;
            }
            if found {
                // Lanes before the one that found something may still find something earlier.
                return (0..LANES).find_map(|lane| {
                    let here = lane * LANE_BYTES + at;
                    if hashes[lane] & mask == 0 {
                        return Some(first + here);
                    }
                    let rest = &block[here + 1..(lane + 1) * LANE_BYTES];
                    gear.roll(&mut hashes[lane], rest, mask).map(|more| first + here + 1 + more)
                });
            }
        }
        (self.at, self.hash) = (first + block.len(), hashes[LANES - 1]);
        None
    }
}

impl Gear {
    #[inline]
    fn next(&self, hash: u64, byte: u8) -> u64 {
        (hash << 1).wrapping_add(self.table[usize::from(byte)])
    }

    /// The hash of some bytes, of which the last 64 count.
    fn of(&self, bytes: &[u8]) -> u64 {
        bytes.iter().fold(0, |hash, byte| self.next(hash, *byte))
    }

    /// Goes on with a hash, up to the first byte at which it has no bit of the mask.
    fn roll(&self, hash: &mut u64, bytes: &[u8], mask: u64) -> Option<usize> {
        bytes.iter().position(|byte| {
            *hash = self.next(*hash, *byte);
            *hash & mask == 0
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fastcdc::v2020::FastCDC;
    use proptest::prelude::*;

    fn by_the_crate(bytes: &[u8]) -> usize {
        let bytes = &bytes[..bytes.len().min(MAX)];
        FastCDC::with_level(bytes, MIN, AVERAGE, MAX, Normalization::Level1).cut(0, bytes.len()).1
    }

    /// Bytes of an alphabet of so many letters, from a seed (xorshift64).
    fn bytes(mut seed: u64, letters: u64, length: usize) -> Vec<u8> {
        seed |= 1;
        let mut next = || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            ((seed >> 32) % letters) as u8
        };
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn every_cut_of_much_data_is_the_crates() {
        for letters in [2, 3, 16, 256] {
            let data = bytes(letters, letters, 24 << 20);
            let mut open = &data[..];
            while !open.is_empty() {
                let length = chunk_length(open);
                assert_eq!(
                    length,
                    by_the_crate(open),
                    "{letters} letters, {} bytes before the end",
                    open.len()
                );
                open = &open[length..];
            }
        }
    }

    #[test]
    fn a_cut_found_by_a_later_lane_gives_way_to_an_earlier_one() {
        // As many cuts as there are: a mask of few bits, so that lanes find something at the same time.
        let gear = &*GEAR;
        let data = bytes(7, 256, MIN + 3 * LANES * LANE_BYTES);
        for bits in 4..16 {
            let mask = ((1 << bits) - 1) << 20;
            let mut slow = 0;
            let first = gear.roll(&mut slow, &data[MIN..], mask).map(|found| MIN + found);
            let mut search = Search { gear, bytes: &data, at: MIN, hash: 0 };
            assert_eq!(search.find(data.len(), mask), first, "{bits} bits");
        }
    }

    /// 64 bytes each after which a chunk may end: some everywhere, some only where it is longer than the average.
    fn windows() -> Vec<Vec<u8>> {
        let (gear, data) = (&*GEAR, bytes(5, 256, 16 << 20));
        let (mut hash, mut strict, mut loose) = (0, Vec::new(), Vec::new());
        for (at, byte) in data.iter().enumerate() {
            hash = gear.next(hash, *byte);
            if hash & gear.loose == 0 && at >= WINDOW {
                let kind = if hash & gear.strict == 0 { &mut strict } else { &mut loose };
                kind.push(data[at + 1 - WINDOW..=at].to_vec());
            }
        }
        assert!(strict.len() > 3 && loose.len() > 3, "chunks end somewhere in 16 MiB");
        strict.into_iter().take(4).chain(loose.into_iter().take(4)).collect()
    }

    #[test]
    fn the_one_place_where_a_chunk_may_end_is_found_wherever_it_lies() {
        let stride = LANES * LANE_BYTES;
        let lanes = (0..=2 * LANES).map(|lane| MIN + lane * LANE_BYTES);
        let last = [AVERAGE - stride, AVERAGE, AVERAGE + stride, MAX - stride, MAX];
        // Nothing ends among zeros.
        let mut data = vec![0; MAX + 2 * WINDOW];
        for window in windows() {
            for around in lanes.clone().chain(last) {
                for end in [around - 63, around - 1, around, around + 1, around + 2, around + 63, around + 64]
                {
                    data[end - WINDOW..end].copy_from_slice(&window);
                    for length in [end - 1, end, end + 1, end + 2, data.len()] {
                        let open = &data[..length];
                        assert_eq!(chunk_length(open), by_the_crate(open), "ends at {end} of {length}");
                    }
                    data[end - WINDOW..end].fill(0);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn ends_of_files_are_cut_as_the_crate_does(seed: u64, letters in 1u64..=256, length in 0usize..3 << 20) {
            let data = bytes(seed, letters, length);
            prop_assert_eq!(chunk_length(&data), by_the_crate(&data));
        }

        #[test]
        fn lengths_around_the_rules_own_are_cut_as_the_crate_does(seed: u64, around in 0usize..3, off in 0usize..200) {
            let length = [MIN, AVERAGE, MAX][around] + off - 100;
            let data = bytes(seed, if seed % 2 == 0 { 1 } else { 256 }, length);
            prop_assert_eq!(chunk_length(&data), by_the_crate(&data));
        }
    }
}
