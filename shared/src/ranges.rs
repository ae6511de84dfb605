//! Sets of indexes as `[first, end)` pairs, the way `status` tells them.

use serde::{Deserialize, Serialize};

/// Pairs are not what `Ranges` promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("ranges are [first, end) pairs, none of them empty, each behind the one before")]
pub struct RangesError;

/// Ascending, disjoint, never touching `[first, end)` pairs of indexes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<(u32, u32)>")]
pub struct Ranges(Vec<(u32, u32)>);

impl Ranges {
    /// Appends an index that is larger than every one before.
    pub fn push(&mut self, index: u32) {
        self.push_range(index, index + 1);
    }

    /// Appends `[first, end)`, which lies behind everything before; an empty one changes nothing.
    pub fn push_range(&mut self, first: u32, end: u32) {
        if first >= end {
            return;
        }
        match self.0.last_mut() {
            Some(last) if last.1 == first => last.1 = end,
            Some(_) | None => self.0.push((first, end)),
        }
    }

    /// The pairs, ascending.
    pub fn pairs(&self) -> &[(u32, u32)] {
        &self.0
    }

    /// Each index, ascending.
    pub fn indexes(&self) -> impl Iterator<Item = u32> {
        self.0.iter().flat_map(|&(first, end)| first..end)
    }

    /// How many indexes there are.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|&(first, end)| u64::from(end.saturating_sub(first))).sum()
    }

    /// True where there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `index` is inside.
    pub fn contains(&self, index: u32) -> bool {
        let at = self.0.partition_point(|&(first, _)| first <= index);
        at > 0 && index < self.0[at - 1].1
    }

    /// One past the largest index, 0 where there is none.
    pub fn end(&self) -> u32 {
        self.0.last().map_or(0, |&(_, end)| end)
    }
}

impl TryFrom<Vec<(u32, u32)>> for Ranges {
    type Error = RangesError;

    fn try_from(pairs: Vec<(u32, u32)>) -> Result<Self, RangesError> {
        let sound = pairs.iter().all(|(first, end)| first < end)
            && pairs.windows(2).all(|pair| pair[0].1 < pair[1].0);
        if sound { Ok(Self(pairs)) } else { Err(RangesError) }
    }
}

impl FromIterator<u32> for Ranges {
    /// Collects ascending indexes.
    fn from_iter<I: IntoIterator<Item = u32>>(indexes: I) -> Self {
        let mut ranges = Self::default();
        for index in indexes {
            ranges.push(index);
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_wire_brings_none_that_nobody_could_have_pushed() {
        let read = |text| serde_json::from_str::<Ranges>(text).map_err(|error| error.to_string());
        assert_eq!(read("[[0,3],[5,9]]").map(|ranges| ranges.count()), Ok(7));
        for bad in ["[[3,3]]", "[[9,3]]", "[[5,9],[0,3]]", "[[0,5],[3,9]]", "[[0,3],[3,9]]"] {
            assert_eq!(read(bad), Err(RangesError.to_string()), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn holds_exactly_what_was_pushed(set in proptest::collection::btree_set(0u32..500, 0..200)) {
            let ranges: Ranges = set.iter().copied().collect();
            prop_assert_eq!(ranges.count(), set.len() as u64);
            prop_assert!(ranges.indexes().eq(set.iter().copied()));
            prop_assert!((0..500).all(|index| ranges.contains(index) == set.contains(&index)));
            prop_assert!(ranges.pairs().windows(2).all(|pair| pair[0].1 < pair[1].0));
        }
    }
}
