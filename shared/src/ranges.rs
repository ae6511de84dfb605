//! Sets of indexes as `[first, end)` pairs, the way `status` tells them.

use serde::{Deserialize, Serialize};

/// Ascending, disjoint, never touching `[first, end)` pairs of indexes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
