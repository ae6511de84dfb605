//! A transaction: what one verb reads and writes, before anybody else sees it.

use std::collections::BTreeMap;
use std::ops::Bound;

use cairn_shared::OwnerId;

use super::budget::{self, Ledger, OwnerFacts};
use super::index::Writes;
use super::read::{Entry, Read, key_after};
use crate::error::Result;
use crate::model::GuestLimits;

/// Reads see the verb's own writes, then those of earlier verbs of the same batch, then the index.
pub(crate) struct Tx<'a> {
    index: &'a dyn Read,
    batch: &'a Writes,
    own: Writes,
    ledger: Ledger,
    limits: GuestLimits,
}

impl<'a> Tx<'a> {
    /// Begins behind the verbs that wrote `batch`.
    pub(crate) fn new(index: &'a dyn Read, batch: &'a Writes) -> Self {
        Self { index, batch, own: Writes::new(), ledger: Ledger::default(), limits: GuestLimits::default() }
    }

    /// The same where guests have limits.
    pub(crate) fn with_limits(self, limits: GuestLimits) -> Self {
        Self { limits, ..self }
    }

    /// What guests may keep.
    pub(crate) fn limits(&self) -> GuestLimits {
        self.limits
    }

    /// What is written from now on is this owner's. Where he is a guest it is counted, and never refused.
    pub(crate) fn charge(&mut self, owner: OwnerId) -> Result<()> {
        self.enter(owner, false)
    }

    /// What is written from now on is nobody's.
    pub(crate) fn charge_nobody(&mut self) {
        self.ledger.leave();
    }

    /// The same where he asks for more: the verb is refused where he would have too much.
    pub(crate) fn charge_bounded(&mut self, owner: OwnerId) -> Result<()> {
        self.enter(owner, true)
    }

    /// This owner is a guest from now on.
    pub(crate) fn open_account(&mut self, owner: OwnerId) -> Result<()> {
        let facts = budget::owner_facts(self, owner)?;
        self.ledger.enter(owner, facts, true);
        Ok(())
    }

    /// The guest whose rows are written has sent so many bytes for them.
    pub(crate) fn said(&mut self, bytes: u64) {
        if let Some(facts) = self.ledger.facts() {
            facts.said = facts.said.saturating_add(bytes);
        }
    }

    /// What the guest had before, whose rows are written.
    pub(crate) fn account(&mut self) -> Option<&mut OwnerFacts> {
        self.ledger.facts()
    }

    /// Adds what guests have now to what the verb wrote, or refuses it.
    pub(crate) fn settle(&mut self) -> Result<()> {
        let before = Before { index: self.index, batch: self.batch };
        let settled = self.ledger.settle(&before, &self.own, &self.limits)?;
        self.own.extend(settled);
        Ok(())
    }

    fn enter(&mut self, owner: OwnerId, is_bounded: bool) -> Result<()> {
        if self.ledger.knows(owner) {
            self.ledger.enter(owner, None, is_bounded);
            return Ok(());
        }
        match budget::owner_facts(self, owner)? {
            Some(facts) => self.ledger.enter(owner, Some(facts), is_bounded),
            None => self.ledger.leave(),
        }
        Ok(())
    }

    /// Writes a row.
    pub(crate) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.ledger.wrote(&key);
        self.own.insert(key, Some(value));
    }

    /// Removes a row.
    pub(crate) fn remove(&mut self, key: Vec<u8>) {
        self.ledger.wrote(&key);
        self.own.insert(key, None);
    }

    /// Size of what the verb wrote, in bytes of keys and values.
    pub(crate) fn bytes(&self) -> usize {
        self.own.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len)).sum()
    }

    /// How many rows the verb wrote.
    pub(crate) fn rows(&self) -> usize {
        self.own.len()
    }

    /// What the verb wrote.
    pub(crate) fn into_writes(self) -> Writes {
        self.own
    }
}

/// What lay there before the verb.
struct Before<'a> {
    index: &'a dyn Read,
    batch: &'a Writes,
}

impl Read for Before<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.batch.get(key) {
            Some(written) => Ok(written.clone()),
            None => self.index.get(key),
        }
    }

    fn page(&self, from: &[u8], end: &[u8], limit: usize) -> Result<Vec<Entry>> {
        Tx::new(self.index, self.batch).page(from, end, limit)
    }
}

impl Read for Tx<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.own.get(key).or_else(|| self.batch.get(key)) {
            Some(written) => Ok(written.clone()),
            None => self.index.get(key),
        }
    }

    fn page(&self, from: &[u8], end: &[u8], limit: usize) -> Result<Vec<Entry>> {
        let mut found = BTreeMap::new();
        let mut from = from.to_vec();
        // Rows that the overlay removes leave room in the page, so it may take several pages of the index.
        while from.as_slice() < end && found.len() < limit {
            let page = self.index.page(&from, end, limit)?;
            let until = match page.last() {
                Some((last, _)) if page.len() == limit => key_after(last),
                Some(_) | None => end.to_vec(),
            };
            found.extend(page);
            overlay(&mut found, self.batch, &from, &until);
            overlay(&mut found, &self.own, &from, &until);
            from = until;
        }
        Ok(found.into_iter().take(limit).collect())
    }
}

fn overlay(found: &mut BTreeMap<Vec<u8>, Vec<u8>>, writes: &Writes, from: &[u8], until: &[u8]) {
    for (key, value) in writes.range::<[u8], _>((Bound::Included(from), Bound::Excluded(until))) {
        match value {
            Some(value) => found.insert(key.clone(), value.clone()),
            None => found.remove(key),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meta::index::Index;
    use crate::meta::memory::MemoryIndex;

    #[test]
    fn a_page_is_full_though_the_overlay_removes_what_the_index_has() {
        let index = MemoryIndex::default();
        let rows: Writes = (0..10u8).map(|n| (vec![1, n], Some(vec![n]))).collect();
        index.apply(&rows, 1).unwrap();
        let batch: Writes = (0..4u8).map(|n| (vec![1, n], None)).collect();
        let mut tx = Tx::new(&index, &batch);
        tx.put(vec![1, 2], vec![42]);
        tx.remove(vec![1, 5]);
        let page = tx.page(&[1], &[2], 3).unwrap();
        assert_eq!(page, vec![(vec![1, 2], vec![42]), (vec![1, 4], vec![4]), (vec![1, 6], vec![6])]);
        assert_eq!(tx.page(&[1, 9], &[2], 3).unwrap(), vec![(vec![1, 9], vec![9])]);
        assert_eq!(tx.get(&[1, 3]).unwrap(), None);
    }
}
