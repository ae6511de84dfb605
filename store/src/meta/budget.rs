//! What guests may keep: each owner's rows are counted in a row of his, those of all guests together in one more.
//!
//! A verb says whose account its writes go to. When it is through, what it put there more than lay there before is added, what it removed
//! is taken off, and all of that is written with it, in the same frame of the log. Owners without such a row are no guests, and nothing
//! is counted of them.

use std::collections::BTreeMap;

use cairn_shared::OwnerId;

use super::index::Writes;
use super::read::Read;
use super::{codec, keys};
use crate::error::{Conflict, Result};
use crate::model::GuestLimits;

/// What a guest may keep for each byte that he has sent: twice what an ordinary empty file keeps. Log and index together take about three
/// times as much on the disk.
const BYTES_FOR_ONE: u64 = 8;
/// An index writes neighbours of a row again together with it, as long as their keys are: a row with a key of so many bytes counts twice,
/// one of twice as many three times.
const KEY_BYTES: u64 = 256;

/// The rows of one guest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct OwnerFacts {
    /// Keys and values of his rows, in bytes, weighed.
    pub(crate) bytes: u64,
    /// What he sent for them: chunks, names, rows, in bytes.
    pub(crate) said: u64,
    /// He has, or had, content here.
    pub(crate) has_held: bool,
}

/// What one verb writes for guests.
#[derive(Default)]
pub(crate) struct Ledger {
    current: Option<OwnerId>,
    accounts: BTreeMap<OwnerId, Account>,
    keys: BTreeMap<Vec<u8>, OwnerId>,
}

struct Account {
    before: Option<OwnerFacts>,
    facts: OwnerFacts,
    /// Whether the verb is refused where it adds too much.
    is_bounded: bool,
    grown: i128,
}

impl Ledger {
    /// What follows goes to no account.
    pub(crate) fn leave(&mut self) {
        self.current = None;
    }

    /// What follows goes to this one.
    pub(crate) fn enter(&mut self, owner: OwnerId, before: Option<OwnerFacts>, is_bounded: bool) {
        self.current = Some(owner);
        let fresh = Account { before, facts: before.unwrap_or_default(), is_bounded, grown: 0 };
        self.accounts.entry(owner).or_insert(fresh).is_bounded |= is_bounded;
    }

    /// Whether this owner's account is open.
    pub(crate) fn knows(&self, owner: OwnerId) -> bool {
        self.accounts.contains_key(&owner)
    }

    /// The current account's facts as they were before the verb, but for what was said.
    pub(crate) fn facts(&mut self) -> Option<&mut OwnerFacts> {
        let account = self.accounts.get_mut(&self.current?)?;
        Some(&mut account.facts)
    }

    /// This row is the current account's.
    pub(crate) fn wrote(&mut self, key: &[u8]) {
        if let Some(owner) = self.current
            && !keys::is_shared(key)
        {
            self.keys.insert(key.to_vec(), owner);
        }
    }

    /// The rows that say what everybody has now, or the refusal of a guest who has too much.
    pub(crate) fn settle(&mut self, before: &dyn Read, own: &Writes, limits: &GuestLimits) -> Result<Writes> {
        let mut settled = Writes::new();
        if self.accounts.is_empty() {
            return Ok(settled);
        }
        for (key, owner) in &self.keys {
            let now = own.get(key).and_then(Option::as_ref).map_or(0, |value| cost(key, value.len()));
            let was = before.get(key)?.map_or(0, |value| cost(key, value.len()));
            if let Some(account) = self.accounts.get_mut(owner) {
                account.grown += i128::from(now) - i128::from(was);
            }
        }
        let mut all = total(before)?;
        for (owner, account) in &mut self.accounts {
            let grown = account.grown;
            account.facts.bytes = add(account.facts.bytes, grown);
            all = add(all, grown);
            let is_more = account.is_bounded && grown > 0;
            if is_more {
                check(&account.facts, all, limits)?;
            }
            let after = (account.facts.bytes > 0).then_some(account.facts);
            if account.before != after {
                settled.insert(keys::owner_facts(*owner), after.map(|facts| codec::owner_facts(&facts)));
            }
        }
        if all != total(before)? {
            settled.insert(keys::guest_facts(), Some(codec::total(all)));
        }
        Ok(settled)
    }
}

/// What an owner has, where he is a guest.
pub(crate) fn owner_facts(read: &dyn Read, owner: OwnerId) -> Result<Option<OwnerFacts>> {
    read.get(&keys::owner_facts(owner))?.map(|value| codec::from_owner_facts(&value)).transpose()
}

/// What all guests have together.
pub(crate) fn total(read: &dyn Read) -> Result<u64> {
    Ok(read.get(&keys::guest_facts())?.map(|value| codec::from_total(&value)).transpose()?.unwrap_or(0))
}

/// What a row counts.
pub(crate) fn cost(key: &[u8], value_bytes: usize) -> u64 {
    let key_bytes = key.len() as u64;
    (key_bytes + value_bytes as u64) * (1 + key_bytes / KEY_BYTES)
}

fn add(bytes: u64, grown: i128) -> u64 {
    u64::try_from(i128::from(bytes) + grown).unwrap_or(0)
}

fn check(facts: &OwnerFacts, all: u64, limits: &GuestLimits) -> Result<(), Conflict> {
    if all > limits.all_facts_bytes {
        return Err(Conflict::GuestsFull);
    }
    if facts.bytes > limits.facts_bytes {
        return Err(Conflict::GuestFull { bytes: limits.facts_bytes, for_what_was_sent: false });
    }
    // Where nothing is bounded, neither is this.
    let bytes = facts.said.saturating_mul(BYTES_FOR_ONE);
    if limits.facts_bytes < u64::MAX && facts.bytes > bytes {
        return Err(Conflict::GuestFull { bytes, for_what_was_sent: true });
    }
    Ok(())
}
