//! Where the rows of a file start: what a range looks up, and remembers for the next range of the same file.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cairn_shared::{ChunkRule, Row, SessionId};
use cairn_store::{MetaStore, StoreError};
use lru::LruCache;

/// Rows that one look gives, and between two places that are remembered.
pub(super) const STEP: u32 = 256;
/// Files that are remembered: 40 KiB for one of a TiB.
const FILES: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// For each file the starts of its rows 0, 256, 512, … in bytes, as far as somebody looked. The rows of a published file stay.
pub(crate) struct Starts(Mutex<LruCache<SessionId, Arc<[u64]>>>);

/// The row that a byte lies in.
pub(super) struct Found {
    pub(super) index: u32,
    /// How far inside the byte lies.
    pub(super) skip: u32,
    /// That row and some of those behind it, where they were looked at.
    pub(super) rows: VecDeque<Row>,
}

impl Starts {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(LruCache::new(FILES)))
    }

    /// Finds the row of byte `at`, without a look where all rows have the same length.
    pub(super) async fn find(
        &self,
        meta: &dyn MetaStore,
        session: SessionId,
        rule: ChunkRule,
        at: u64,
    ) -> Result<Found, StoreError> {
        if let ChunkRule::Fixed(bytes) = rule {
            let bytes = u64::from(bytes);
            return Ok(Found {
                index: (at / bytes) as u32,
                skip: (at % bytes) as u32,
                rows: VecDeque::new(),
            });
        }
        let known = self.known().get(&session).cloned().unwrap_or_else(|| Arc::new([0]));
        let mut place = known.partition_point(|start| *start <= at) - 1;
        let mut starts = None;
        let mut start = known[place];
        loop {
            let first = place as u32 * STEP;
            let rows = meta.rows(session, first, STEP as usize).await?;
            let is_end = rows.len() < STEP as usize;
            for (number, row) in rows.iter().enumerate() {
                let end = start + u64::from(row.length);
                if at < end {
                    self.remember(session, starts);
                    let rows = rows[number..].to_vec().into();
                    return Ok(Found { index: first + number as u32, skip: (at - start) as u32, rows });
                }
                start = end;
            }
            if is_end {
                return Ok(Found { index: first + rows.len() as u32, skip: 0, rows: VecDeque::new() });
            }
            place += 1;
            starts.get_or_insert_with(|| known.to_vec()).push(start);
        }
    }

    /// Two who look at the same time may both have got further: the one who got furthest counts.
    fn remember(&self, session: SessionId, starts: Option<Vec<u64>>) {
        let Some(starts) = starts else { return };
        let mut known = self.known();
        if known.peek(&session).is_none_or(|known| known.len() < starts.len()) {
            known.put(session, starts.into());
        }
    }

    fn known(&self) -> MutexGuard<'_, LruCache<SessionId, Arc<[u64]>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
