//! `status`: which rows have their chunk here.

use cairn_shared::{Ranges, Row, SessionId};

use super::length::rows_promised;
use crate::error::{Conflict, Result};
use crate::meta::facts;
use crate::meta::read::Read;

/// What one page of `status` tells: received, missing, and where the next begins.
pub(crate) type Arrived = (Ranges, Ranges, Option<u32>);

/// Sorts rows `from..` into received and missing.
pub(crate) fn arrived(
    read: &dyn Read,
    id: SessionId,
    from: u32,
    rows_max: u32,
    pairs_max: usize,
) -> Result<Arrived> {
    let session = facts::session(read, id)?.ok_or(Conflict::NotFound)?.session;
    let end = rows_promised(&session);
    // Rows behind the last that is known are all missing: no need to look.
    let known = session.rows.min(end);
    let stop = known.min(from.saturating_add(rows_max));
    let mut page = Page { received: Ranges::default(), missing: Ranges::default(), pairs_max };
    let mut next = from;
    for entry in facts::rows(read, id, from, stop)? {
        let (index, stored) = entry?;
        let has_arrived = facts::has_arrived(read, id, &stored.row)?;
        if !page.push(false, next, index) {
            return Ok(page.until(next));
        }
        if !page.push(has_arrived, index, index + 1) {
            return Ok(page.until(index));
        }
        next = index + 1;
    }
    if !page.push(false, next, stop) {
        return Ok(page.until(next));
    }
    if stop < known {
        return Ok(page.until(stop));
    }
    let next = next.max(stop);
    Ok(if page.push(false, next, end) { page.last() } else { page.until(next) })
}

/// Rows `from..from+limit` in order, up to the first gap.
pub(crate) fn rows(read: &dyn Read, id: SessionId, from: u32, limit: usize) -> Result<Vec<Row>> {
    let end = from.saturating_add(u32::try_from(limit).unwrap_or(u32::MAX));
    let mut rows = Vec::new();
    for (entry, expected) in facts::rows(read, id, from, end)?.zip(from..) {
        let (index, stored) = entry?;
        if index != expected {
            break;
        }
        rows.push(stored.row);
    }
    Ok(rows)
}

struct Page {
    received: Ranges,
    missing: Ranges,
    pairs_max: usize,
}

impl Page {
    /// Adds `[first, end)`, which lies behind everything before; false where there is no room for one more pair.
    fn push(&mut self, received: bool, first: u32, end: u32) -> bool {
        if first >= end {
            return true;
        }
        let pairs = self.received.pairs().len() + self.missing.pairs().len();
        let ranges = if received { &mut self.received } else { &mut self.missing };
        let grows = !ranges.is_empty() && ranges.end() == first;
        if !grows && pairs >= self.pairs_max {
            return false;
        }
        ranges.push_range(first, end);
        true
    }

    fn until(self, next: u32) -> Arrived {
        (self.received, self.missing, Some(next))
    }

    fn last(self) -> Arrived {
        (self.received, self.missing, None)
    }
}
