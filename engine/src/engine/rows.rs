//! The rows of one upload: what was cut, what is declared, what the server has.

use std::collections::{BTreeMap, HashMap};

use cairn_shared::message::{Declared, RowState};
use cairn_shared::{ChunkDigest, ChunkRule, ManifestDigest, Proof, Row, manifest::ManifestHasher};

use crate::ChunkRef;

/// How far a row has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Cut and hashed; the server was not asked, or must be asked again.
    Cut,
    /// Others have it: this client may prove that it has its bytes.
    Offered,
    /// The server wants it.
    Need,
    /// It is on its way.
    Sending,
    /// The server has it.
    Stored,
}

/// What has come of an offer.
#[derive(Debug, Clone, Copy, Default)]
struct Offer {
    /// The reader was asked for the proof.
    is_asked: bool,
    proof: Option<Proof>,
    /// How often a proof was answered with another offer.
    renewals: u32,
}

/// Offers take turns at the server, and lapse. A server that goes on offering after so many proofs gets the bytes.
const RENEWALS_MAX: u32 = 8;

#[derive(Debug, Clone)]
struct Slot {
    row: Row,
    stage: Stage,
    /// The bytes in the reader's hands.
    bytes: Option<ChunkRef>,
}

/// What is to be done about bytes that were cut.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// The server has the row: the bytes are not needed.
    Release,
    /// The bytes are kept.
    Keep,
}

/// Rows in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Rows {
    slots: Vec<Slot>,
    /// Rows `..declared` are the server's, as far as this client knows.
    declared: u32,
    /// Rows that are wanted, by digest: the same chunk is sent once, whatever its places.
    wanted: HashMap<ChunkDigest, Vec<u32>>,
    /// Rows that may be proven.
    offers: BTreeMap<u32, Offer>,
    stored_bytes: u64,
    stored_rows: usize,
    sent_bytes: u64,
    reused_bytes: u64,
}

impl Rows {
    pub(super) fn len(&self) -> u32 {
        self.slots.len() as u32
    }

    pub(super) fn declared(&self) -> u32 {
        self.declared
    }

    pub(super) fn stored_bytes(&self) -> u64 {
        self.stored_bytes
    }

    pub(super) fn sent_bytes(&self) -> u64 {
        self.sent_bytes
    }

    pub(super) fn reused_bytes(&self) -> u64 {
        self.reused_bytes
    }

    pub(super) fn all_stored(&self) -> bool {
        self.stored_rows == self.slots.len()
    }

    pub(super) fn manifest_digest(&self, rule: ChunkRule) -> ManifestDigest {
        let mut hasher = ManifestHasher::new(rule);
        self.slots.iter().for_each(|slot| hasher.push(&slot.row));
        hasher.finish()
    }

    /// The reader cut the row at `index`, which is at most the number of rows. True beside it: the row is not what
    /// it was, and everything behind it was dropped.
    pub(super) fn take(&mut self, index: u32, row: Row, bytes: ChunkRef) -> (Taken, bool) {
        let same = self.slots.get(index as usize).is_some_and(|slot| slot.row == row);
        let changed = !same && index < self.len();
        if changed {
            self.truncate(index);
        }
        if !same {
            self.slots.push(Slot { row, stage: Stage::Cut, bytes: Some(bytes) });
            return (Taken::Keep, changed);
        }
        let slot = &mut self.slots[index as usize];
        match slot.stage {
            Stage::Stored => (Taken::Release, false),
            Stage::Cut | Stage::Offered | Stage::Need | Stage::Sending => {
                slot.bytes = Some(bytes);
                (Taken::Keep, false)
            }
        }
    }

    /// Drops rows from `end` on.
    pub(super) fn truncate(&mut self, end: u32) {
        for slot in self.slots.drain((end as usize).min(self.slots.len())..) {
            if slot.stage == Stage::Stored {
                self.stored_bytes -= u64::from(slot.row.length);
                self.stored_rows -= 1;
            }
        }
        self.declared = self.declared.min(end);
        self.wanted.values_mut().for_each(|places| places.retain(|index| *index < end));
        self.wanted.retain(|_, places| !places.is_empty());
        self.offers.split_off(&end);
    }

    /// Rows from `at` on must be declared again. What the server had, it is asked about again.
    pub(super) fn undeclare(&mut self, at: u32) {
        self.declared = self.declared.min(at);
        for slot in self.slots.iter_mut().skip(at as usize) {
            if slot.stage == Stage::Stored {
                self.stored_bytes -= u64::from(slot.row.length);
                self.stored_rows -= 1;
            }
            slot.stage = Stage::Cut;
        }
        self.offers.split_off(&at);
        self.wanted.clear();
        let wanted = self.slots[..(at as usize).min(self.slots.len())].iter().enumerate();
        for (index, slot) in wanted.filter(|(_, slot)| matches!(slot.stage, Stage::Need | Stage::Sending)) {
            self.wanted.entry(slot.row.digest).or_default().push(index as u32);
        }
    }

    /// Rows from the first that is still to be sent on are to be asked about again.
    pub(super) fn ask_again(&mut self) {
        let first = self.wanted.values().flatten().min().copied();
        if let Some(first) = first {
            self.undeclare(first);
        }
    }

    /// Up to `limit` rows that are not declared.
    pub(super) fn undeclared(&self, limit: usize) -> Vec<Declared> {
        self.slots
            .iter()
            .skip(self.declared as usize)
            .take(limit)
            .map(|slot| Declared::new(slot.row))
            .collect()
    }

    /// Bytes of the rows that are not declared.
    pub(super) fn undeclared_bytes(&self) -> u64 {
        self.slots.iter().skip(self.declared as usize).map(|slot| u64::from(slot.row.length)).sum()
    }

    /// Bytes of the chunks that could be sent now.
    pub(super) fn ready_bytes(&self) -> u64 {
        let ready = self.wanted.values().filter_map(|places| self.place_to_send(places));
        ready.map(|index| u64::from(self.slots[index as usize].row.length)).sum()
    }

    /// Which of the rows that want one chunk could be sent now: none where another of them is on its way.
    fn place_to_send(&self, places: &[u32]) -> Option<u32> {
        let slots = || places.iter().map(|index| (*index, &self.slots[*index as usize]));
        let under_way = slots().any(|(_, slot)| slot.stage == Stage::Sending);
        slots().find(|(_, slot)| !under_way && slot.bytes.is_some()).map(|(index, _)| index)
    }

    /// The server answered for rows from `at` on. Gives the bytes that need not be held any more.
    pub(super) fn answered(&mut self, at: u32, states: &[RowState]) -> Vec<ChunkRef> {
        let mut released = Vec::new();
        for (index, state) in (at..).zip(states) {
            let Some(slot) = self.slots.get_mut(index as usize) else { break };
            match state {
                RowState::Have if matches!(slot.stage, Stage::Cut | Stage::Offered) => {
                    self.reused_bytes += u64::from(slot.row.length);
                    self.offers.remove(&index);
                    released.extend(self.store(index));
                }
                RowState::Prove if matches!(slot.stage, Stage::Cut | Stage::Offered) => {
                    // Offered again, it was not taken up in time: the proof still holds.
                    slot.stage = Stage::Offered;
                    let offer = self.offers.entry(index).or_default();
                    offer.renewals += u32::from(offer.proof.is_some());
                    if offer.renewals > RENEWALS_MAX {
                        self.want(index);
                    }
                }
                RowState::Need if matches!(slot.stage, Stage::Cut | Stage::Offered) => {
                    self.want(index);
                }
                RowState::Have | RowState::Need | RowState::Prove => {}
            }
        }
        self.declared = self.declared.max(at + states.len() as u32).min(self.len());
        released
    }

    /// The row has to be sent.
    fn want(&mut self, index: u32) {
        if let Some(slot) = self.slots.get_mut(index as usize) {
            slot.stage = Stage::Need;
            self.offers.remove(&index);
            self.wanted.entry(slot.row.digest).or_default().push(index);
        }
    }

    /// The first offered row whose bytes are here and whose proof nobody works at; somebody does from now on.
    pub(super) fn next_proof(&mut self) -> Option<(u32, Row, ChunkRef)> {
        let slots = &self.slots;
        let free = |(index, offer): (&u32, &mut Offer)| {
            let slot = slots.get(*index as usize)?;
            let chunk = slot.bytes.filter(|_| !offer.is_asked && offer.proof.is_none())?;
            offer.is_asked = true;
            Some((*index, slot.row, chunk))
        };
        self.offers.iter_mut().find_map(free)
    }

    /// The proof of a row, made of these bytes.
    pub(super) fn proven(&mut self, index: u32, chunk: ChunkRef, proof: Proof) {
        let is_it = self.slots.get(index as usize).is_some_and(|slot| slot.bytes == Some(chunk));
        if let Some(offer) = self.offers.get_mut(&index).filter(|_| is_it) {
            offer.proof = Some(proof);
        }
    }

    /// Whether there is a proof to be told.
    pub(super) fn has_proofs(&self) -> bool {
        self.offers.values().any(|offer| offer.proof.is_some())
    }

    /// Declared rows from the first that has a proof to the last, up to `limit`, with their proofs; and where they begin.
    pub(super) fn proofs(&self, limit: usize) -> (u32, Vec<Declared>) {
        let mut proven =
            self.offers.iter().filter(|(_, offer)| offer.proof.is_some()).map(|(index, _)| *index);
        let Some(first) = proven.next() else { return (0, Vec::new()) };
        let last = proven.next_back().unwrap_or(first);
        let end = (last + 1).min(first.saturating_add(limit as u32)).min(self.declared);
        let declared = |index: u32| {
            let slot = self.slots.get(index as usize)?;
            let proof = self.offers.get(&index).and_then(|offer| offer.proof);
            Some(Declared { proof, ..Declared::new(slot.row) })
        };
        (first, (first..end).map_while(declared).collect())
    }

    /// Marks a row as stored; its bytes are free.
    fn store(&mut self, index: u32) -> Option<ChunkRef> {
        let slot = self.slots.get_mut(index as usize)?;
        if slot.stage != Stage::Stored {
            slot.stage = Stage::Stored;
            self.stored_bytes += u64::from(slot.row.length);
            self.stored_rows += 1;
        }
        slot.bytes.take()
    }

    /// A chunk arrived: every row that wants it has it. Gives the bytes that are free now.
    pub(super) fn arrived(&mut self, row: Row) -> Vec<ChunkRef> {
        let length = u64::from(row.length);
        self.sent_bytes += length;
        let places = self.wanted.remove(&row.digest).unwrap_or_default();
        self.reused_bytes += length * (places.len().saturating_sub(1)) as u64;
        places.into_iter().filter_map(|place| self.store(place)).collect()
    }

    /// A send was lost: the row is wanted again. False where it is another row by now, so that nobody minds.
    pub(super) fn lost(&mut self, index: u32, row: Row) -> bool {
        match self.slots.get_mut(index as usize) {
            Some(slot) if slot.stage == Stage::Sending && slot.row == row => {
                slot.stage = Stage::Need;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Every send was broken off.
    pub(super) fn all_lost(&mut self) {
        for slot in self.slots.iter_mut().filter(|slot| slot.stage == Stage::Sending) {
            slot.stage = Stage::Need;
        }
    }

    /// The first wanted row whose bytes are here and whose chunk is not on its way; it is on its way from now on.
    pub(super) fn next_send(&mut self) -> Option<(u32, Row, ChunkRef)> {
        let index = self.wanted.values().filter_map(|places| self.place_to_send(places)).min()?;
        let slot = &mut self.slots[index as usize];
        slot.stage = Stage::Sending;
        Some((index, slot.row, slot.bytes?))
    }

    /// The row at `index` where it could be sent too, in one request with the one before it, and takes no more room; it is
    /// on its way from now on.
    pub(super) fn send_too(&mut self, index: u32, room: u64) -> Option<(Row, ChunkRef)> {
        let before = self.slots.get(index.checked_sub(1)? as usize)?.bytes?;
        let row = self.slots.get(index as usize)?.row;
        if u64::from(row.length) > room || self.place_to_send(self.wanted.get(&row.digest)?) != Some(index) {
            return None;
        }
        let slot = self.slots.get_mut(index as usize)?;
        let follows = |chunk: &ChunkRef| {
            chunk.pass == before.pass && chunk.offset == before.offset + u64::from(before.length)
        };
        let chunk = slot.bytes.filter(follows)?;
        slot.stage = Stage::Sending;
        Some((row, chunk))
    }

    /// Rows that the server says it lacks: they are wanted, and their bytes have to be read again.
    pub(super) fn miss(&mut self, indexes: impl Iterator<Item = u32>) {
        for index in indexes {
            let Some(slot) = self.slots.get_mut(index as usize) else { continue };
            if slot.stage == Stage::Stored {
                self.stored_bytes -= u64::from(slot.row.length);
                self.stored_rows -= 1;
            }
            if !matches!(slot.stage, Stage::Need | Stage::Sending) {
                slot.stage = Stage::Need;
                self.wanted.entry(slot.row.digest).or_default().push(index);
            }
        }
    }

    /// The reader forgot all bytes.
    pub(super) fn bytes_gone(&mut self) {
        self.all_lost();
        self.slots.iter_mut().for_each(|slot| slot.bytes = None);
        self.offers.values_mut().for_each(|offer| offer.is_asked = false);
    }

    /// Bytes of chunks in the reader's hands.
    pub(super) fn held_bytes(&self) -> u64 {
        self.slots.iter().filter_map(|slot| slot.bytes).map(|chunk| u64::from(chunk.length)).sum()
    }

    /// Whether bytes that are to be sent or proven are in nobody's hands.
    pub(super) fn lacks_bytes(&self) -> bool {
        let is_gone = |index: &u32| self.slots[*index as usize].bytes.is_none();
        self.wanted.values().any(|places| places.iter().all(is_gone))
            || self.offers.iter().any(|(index, offer)| offer.proof.is_none() && is_gone(index))
    }
}
