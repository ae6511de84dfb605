//! The follower's job: how far the whole-file digest has come, and its end.

use cairn_shared::{BlobDigest, SessionId};

use crate::error::Result;
use crate::meta::facts::{self, Wanted};
use crate::meta::keys;
use crate::meta::read::{Read, scan};
use crate::meta::tx::Tx;
use crate::model::{File, Follow};

/// Sessions whose whole-file digest is wanted.
pub(crate) fn follows(read: &dyn Read) -> Result<Vec<SessionId>> {
    scan(read, &keys::wanted_all()).map(|entry| Ok(SessionId::new(keys::last_id(&entry?.0)?))).collect()
}

/// The file of a session whose digest is wanted.
pub(crate) fn wanted_file(read: &dyn Read, session: SessionId) -> Result<Option<File>> {
    match facts::wanted(read, session)? {
        Some(Wanted::File(id)) => facts::live_file(read, id),
        Some(Wanted::Open) | None => Ok(None),
    }
}

/// Keeps how far the job has come.
pub(crate) fn save(tx: &mut Tx<'_>, follow: &Follow) -> Result<()> {
    if facts::wanted(tx, follow.session)?.is_none() {
        return Ok(());
    }
    // A published session's archive record may be forgotten already; then its rows can't change any more.
    let session = facts::session(tx, follow.session)?.map(|fact| fact.session);
    let revision = session.as_ref().map(|session| session.revision);
    if revision.is_some_and(|revision| revision != follow.revision) {
        return Ok(());
    }
    if facts::follow(tx, follow.session)?.as_ref() == Some(follow) {
        return Ok(());
    }
    if let Some(session) = session {
        tx.charge(session.owner)?;
    }
    facts::put_follow(tx, follow)
}

/// Ends the job with its result.
pub(crate) fn set_blob(tx: &mut Tx<'_>, session: SessionId, blob: BlobDigest) -> Result<()> {
    let Some(Wanted::File(id)) = facts::wanted(tx, session)? else { return Ok(()) };
    let file = facts::file(tx, id)?;
    if let Some(file) = &file {
        tx.charge(file.owner)?;
    }
    facts::end_follow(tx, session)?;
    let Some(mut file) = file else { return Ok(()) };
    file.blob = Some(blob);
    tx.put(keys::blob(blob, file.owner, id), Vec::new());
    facts::put_file(tx, &file)
}
