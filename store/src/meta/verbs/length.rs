//! Which rows a rule and a size promise, and how long each may be.

use cairn_shared::ChunkRule;
use cairn_shared::limits::SESSION_ROWS_MAX;

use crate::error::{Conflict, Result};
use crate::meta::facts;
use crate::meta::read::Read;
use crate::model::Session;

/// Rows that the session has or that rule and size promise. Never more than `SESSION_ROWS_MAX`.
pub(crate) fn rows_promised(session: &Session) -> u32 {
    let promised = session.rows_expected().unwrap_or(u64::from(session.rows));
    u32::try_from(promised).unwrap_or(u32::MAX).min(SESSION_ROWS_MAX)
}

/// Refuses a size that asks for more rows than a session may have.
pub(crate) fn check_size(session: &Session) -> Result<(), Conflict> {
    match session.rows_expected() {
        Some(rows) if rows > u64::from(SESSION_ROWS_MAX) => Err(Conflict::RowsTooMany),
        Some(_) | None => Ok(()),
    }
}

/// Whether a row of `length` bytes may stand at `index` among `rows` rows. Under a fixed rule every row but the
/// last is full; where the size is known, it says which is the last and how long.
pub(crate) fn check_length(session: &Session, rows: u32, index: u32, length: u32) -> Result<(), Conflict> {
    let ChunkRule::Fixed(full) = session.fields.rule else {
        let expected = session.fields.rule.length_max();
        return fits(length >= 1 && length <= expected, expected);
    };
    let Some(size) = session.size else {
        let is_last = index + 1 >= rows;
        return fits(length == full || (is_last && length >= 1 && length < full), full);
    };
    let before = u64::from(index) * u64::from(full);
    if before >= size {
        return Err(Conflict::IndexOutOfRange { rows: rows_promised(session) });
    }
    let expected = u32::try_from(size - before).unwrap_or(u32::MAX).min(full);
    fits(length == expected, expected)
}

/// With an unknown size under a fixed rule a short row is the last: nothing may stand behind it.
pub(crate) fn check_behind(read: &dyn Read, session: &Session) -> Result<()> {
    let ChunkRule::Fixed(full) = session.fields.rule else { return Ok(()) };
    if session.size.is_some() || session.rows == 0 {
        return Ok(());
    }
    match facts::row_of(read, session, session.rows - 1)? {
        Some(last) if last.row.length < full => Err(Conflict::IndexOutOfRange { rows: session.rows }.into()),
        Some(_) | None => Ok(()),
    }
}

fn fits(fits: bool, expected: u32) -> Result<(), Conflict> {
    if fits { Ok(()) } else { Err(Conflict::ChunkLength { expected }) }
}
