//! `start`: makes a session, or finds the one that the key names.

use cairn_shared::{ClientKey, OwnerId, SessionId};

use super::length::check_size;
use super::owner::SAID_BYTES;
use crate::error::{Conflict, Result};
use crate::meta::facts::{self, Backing, SessionFact};
use crate::meta::read::Read;
use crate::meta::tx::Tx;
use crate::meta::{codec, keys};
use crate::model::{NewSession, Session, SessionState};

/// Starts a session; true where it was there already.
pub(crate) fn start(tx: &mut Tx<'_>, new: NewSession) -> Result<(Session, bool)> {
    tx.charge_bounded(new.owner)?;
    tx.said(SAID_BYTES);
    begin(tx, new, None)
}

/// The same for a guest, who sent so many bytes for it.
pub(crate) fn start_guest(tx: &mut Tx<'_>, mut new: NewSession, said: u64) -> Result<(Session, bool)> {
    let backing = Backing { rows: 0, expires_at: new.expires_at };
    new.expires_at = new.expires_at.min(new.now.saturating_add(tx.limits().unused_ms));
    if new.ownerless {
        tx.open_account(new.owner)?;
    } else {
        tx.charge_bounded(new.owner)?;
    }
    tx.said(said);
    begin(tx, new, Some(backing))
}

fn begin(tx: &mut Tx<'_>, new: NewSession, backing: Option<Backing>) -> Result<(Session, bool)> {
    let by_key = new.key.map(|key| keys::session_by_key((!new.ownerless).then_some(new.owner), key));
    if let Some(by_key) = &by_key
        && let Some(session) = by_key_found(tx, by_key)?
    {
        if session.fields != new.fields {
            return Err(Conflict::KeyReused.into());
        }
        return Ok((session, true));
    }
    if facts::session(tx, new.id)?.is_some() {
        return Err(Conflict::KeyReused.into());
    }
    let session = fresh(new);
    check_size(&session)?;
    check_folder(tx, &session)?;
    if let Some(by_key) = by_key {
        tx.put(by_key, codec::id(Some(session.id.as_bytes())));
    }
    tx.put(keys::expiry(session.expires_at, session.id), Vec::new());
    let fact = SessionFact { session, changes: 0, replaceable: false, strayed: false, backing };
    facts::put_session(tx, &fact)?;
    Ok((fact.session, false))
}

/// The session that this key names.
pub(crate) fn by_key(read: &dyn Read, owner: Option<OwnerId>, key: ClientKey) -> Result<Option<SessionId>> {
    Ok(by_key_found(read, &keys::session_by_key(owner, key))?.map(|session| session.id))
}

fn by_key_found(read: &dyn Read, by_key: &[u8]) -> Result<Option<Session>> {
    let Some(value) = read.get(by_key)? else { return Ok(None) };
    let Some(id) = codec::from_id(&value)? else { return Ok(None) };
    Ok(facts::session(read, SessionId::new(id))?.map(|fact| fact.session))
}

/// A session goes into no folder but one of its owner's.
fn check_folder(read: &dyn Read, session: &Session) -> Result<()> {
    let Some(id) = session.fields.folder else { return Ok(()) };
    let folder = facts::folder(read, id)?.filter(|folder| folder.owner == session.owner);
    folder.map(drop).ok_or_else(|| Conflict::FolderGone.into())
}

fn fresh(new: NewSession) -> Session {
    Session {
        id: new.id,
        owner: new.owner,
        ownerless: new.ownerless,
        key: new.key,
        size: new.fields.size,
        fields: new.fields,
        revision: 0,
        rows: 0,
        created_at: new.now,
        expires_at: new.expires_at,
        state: SessionState::Open,
    }
}
