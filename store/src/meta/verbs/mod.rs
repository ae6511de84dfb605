//! The verbs, one file each, in the order of a file's life: functions over a transaction or a read.

pub(crate) mod ahead;
pub(crate) mod check;
pub(crate) mod finish;
pub(crate) mod folder;
pub(crate) mod follow;
mod length;
pub(crate) mod listing;
pub(crate) mod operate;
pub(crate) mod owner;
pub(crate) mod share;
pub(crate) mod start;
pub(crate) mod status;
pub(crate) mod sweep;
pub(crate) mod upload;

use cairn_shared::{SessionId, UnixMs};

use super::facts::{self, SessionFact};
use super::read::Read;
use crate::error::{Conflict, Result};
use crate::model::{Session, SessionState};

/// The session, where it takes rows and chunks at `now`. One over time is over, swept or not.
fn open_session(read: &dyn Read, id: SessionId, now: UnixMs) -> Result<SessionFact> {
    let fact = facts::session(read, id)?.ok_or(Conflict::NotFound)?;
    still_open(&fact.session, now)?;
    Ok(fact)
}

fn still_open(session: &Session, now: UnixMs) -> Result<(), Conflict> {
    let mut closed = session.clone();
    if closed.state == SessionState::Open {
        if now < closed.expires_at {
            return Ok(());
        }
        closed.state = SessionState::Ended { at: closed.expires_at, expired: true };
    }
    Err(Conflict::SessionClosed(Box::new(closed)))
}
