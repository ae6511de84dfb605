//! Typed reads and writes of rows: which key, and how its value is serialised.

use cairn_shared::{ChunkDigest, FileId, FolderId, LinkId, OwnerId, RelPath, SessionId, UnixMs};
use serde::{Deserialize, Serialize};

use super::codec::{self, EntryFact, HeldFact, RowFact};
use super::keys;
use super::read::{Read, Scan, key_after, prefix_end, scan_range};
use super::tx::Tx;
use crate::error::Result;
use crate::model::{
    ChunkRecord, ChunkState, File, Folder, Follow, Gone, Link, Owner, Session, SessionState, StoredRow,
};

/// A session, and what only the store has to know of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionFact {
    /// What others see.
    pub(crate) session: Session,
    /// Grows with every change of what the rows say, so that publishing notices one.
    pub(crate) changes: u64,
    /// Some row is defined by the body of a PUT, so that a later one may replace it.
    pub(crate) replaceable: bool,
    /// Rows were dropped or replaced, so that holds may lie outside the manifest.
    pub(crate) strayed: bool,
    /// Of a guest's: what of it is here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) backing: Option<Backing>,
}

/// How much of a guest's session is more than words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Backing {
    /// Rows whose chunk came, or was here when they were declared.
    pub(crate) rows: u32,
    /// When the session ends once the first is here, unless more come.
    pub(crate) expires_at: UnixMs,
}

impl SessionFact {
    /// Nothing of a guest's session ever came.
    pub(crate) fn is_empty_handed(&self) -> bool {
        self.backing.is_some_and(|backing| backing.rows == 0)
    }

    /// So many more rows have their chunk here. With the first the session has its full time.
    pub(crate) fn back(&mut self, tx: &mut Tx<'_>, rows: u32) {
        let Some(backing) = self.backing.as_mut().filter(|_| rows > 0) else { return };
        let is_first = backing.rows == 0;
        backing.rows = backing.rows.saturating_add(rows);
        let expires_at = backing.expires_at;
        if let Some(account) = tx.account() {
            account.has_held = true;
        }
        if is_first {
            extend_session(tx, &mut self.session, expires_at);
        }
    }
}

/// Rows that a revision dropped: those from `from` on that an older revision than this wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Dropped {
    /// The first index.
    pub(crate) from: u32,
    /// One past the last.
    pub(crate) end: u32,
    /// The revision that dropped them.
    pub(crate) revision: u32,
}

/// How far the job has come that ends the holds outside a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trim {
    /// Whose holds they are.
    pub(crate) owner: OwnerId,
    /// What comes next.
    pub(crate) step: TrimStep,
}

/// The two passes of that job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TrimStep {
    /// Marks the holds of rows from this index on.
    Mark(u32),
    /// Ends the unmarked holds behind this digest.
    Release(Option<ChunkDigest>),
}

/// Why a session's whole-file digest is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// It is open and has rows.
    Open,
    /// It became this file, which has none yet.
    File(FileId),
}

pub(crate) fn owner(read: &dyn Read, id: OwnerId) -> Result<Option<Owner>> {
    read.get(&keys::owner(id))?.map(|value| codec::from_json(&value)).transpose()
}

pub(crate) fn session(read: &dyn Read, id: SessionId) -> Result<Option<SessionFact>> {
    read.get(&keys::session(id))?.map(|value| codec::from_json(&value)).transpose()
}

pub(crate) fn put_session(tx: &mut Tx<'_>, fact: &SessionFact) -> Result<()> {
    tx.put(keys::session(fact.session.id), codec::json(fact)?);
    Ok(())
}

/// The session ends then, where that is later.
pub(crate) fn extend_session(tx: &mut Tx<'_>, session: &mut Session, expires_at: UnixMs) {
    if expires_at > session.expires_at {
        tx.remove(keys::expiry(session.expires_at, session.id));
        tx.put(keys::expiry(expires_at, session.id), Vec::new());
        session.expires_at = expires_at;
    }
}

/// Ends or publishes a session: it leaves the open ones and becomes an archive record.
pub(crate) fn archive_session(
    tx: &mut Tx<'_>,
    fact: &mut SessionFact,
    state: SessionState,
    at: UnixMs,
) -> Result<()> {
    tx.remove(keys::expiry(fact.session.expires_at, fact.session.id));
    tx.put(keys::archive(at, fact.session.id), Vec::new());
    fact.session.state = state;
    put_session(tx, fact)
}

pub(crate) fn dropped(read: &dyn Read, session: SessionId) -> Result<Option<Dropped>> {
    read.get(&keys::dropped(session))?.map(|value| codec::from_json(&value)).transpose()
}

/// The row at `index`, unless `dropped` says that it is no longer one.
pub(crate) fn row(
    read: &dyn Read,
    session: SessionId,
    index: u32,
    dropped: Option<Dropped>,
) -> Result<Option<StoredRow>> {
    let fact = read.get(&keys::row(session, index))?.map(|value| codec::from_row(&value)).transpose()?;
    Ok(fact.filter(|fact| is_live(index, fact, dropped)).map(|fact| fact.stored))
}

/// The row at `index` of a session as it is now. What came in its present revision was not dropped, so that nobody has to look.
pub(crate) fn row_of(read: &dyn Read, session: &Session, index: u32) -> Result<Option<StoredRow>> {
    let Some(value) = read.get(&keys::row(session.id, index))? else { return Ok(None) };
    let fact = codec::from_row(&value)?;
    if fact.revision >= session.revision {
        return Ok(Some(fact.stored));
    }
    // In this order: what is dropped is removed together with the note that says so.
    let dropped = dropped(read, session.id)?;
    row(read, session.id, index, dropped)
}

pub(crate) fn put_row(tx: &mut Tx<'_>, session: &Session, index: u32, stored: StoredRow) {
    let fact = RowFact { stored, revision: session.revision };
    tx.put(keys::row(session.id, index), codec::row(&fact));
}

/// Whether a row was not dropped by a later revision than the one that wrote it.
pub(crate) fn is_live(index: u32, fact: &RowFact, dropped: Option<Dropped>) -> bool {
    dropped.is_none_or(|dropped| index < dropped.from || fact.revision >= dropped.revision)
}

/// Walks the rows of a session from `from` up to `end`, leaving out gaps and dropped rows.
pub(crate) fn rows(read: &dyn Read, session: SessionId, from: u32, end: u32) -> Result<RowWalk<'_>> {
    let dropped = dropped(read, session)?;
    let scan = scan_range(read, keys::row(session, from), keys::row(session, end));
    Ok(RowWalk { scan, dropped })
}

/// Rows with their indexes, ascending.
pub(crate) struct RowWalk<'a> {
    scan: Scan<'a>,
    dropped: Option<Dropped>,
}

impl RowWalk<'_> {
    fn step(&mut self) -> Result<Option<(u32, StoredRow)>> {
        for entry in self.scan.by_ref() {
            let (key, value) = entry?;
            let (index, fact) = (keys::row_index(&key)?, codec::from_row(&value)?);
            if is_live(index, &fact, self.dropped) {
                return Ok(Some((index, fact.stored)));
            }
        }
        Ok(None)
    }
}

impl Iterator for RowWalk<'_> {
    type Item = Result<(u32, StoredRow)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

pub(crate) fn held(read: &dyn Read, session: SessionId, digest: ChunkDigest) -> Result<Option<HeldFact>> {
    read.get(&keys::held(session, digest))?.map(|value| codec::from_held(&value)).transpose()
}

/// Whether the chunk of a row has arrived for this session.
pub(crate) fn has_arrived(read: &dyn Read, session: SessionId, row: &cairn_shared::Row) -> Result<bool> {
    Ok(held(read, session, row.digest)?.is_some_and(|held| held.length == row.length))
}

pub(crate) fn chunk(read: &dyn Read, digest: ChunkDigest) -> Result<Option<ChunkRecord>> {
    read.get(&keys::chunk(digest))?.map(|value| codec::from_chunk(&value)).transpose()
}

/// The records behind `after`.
pub(crate) fn chunks(
    read: &dyn Read,
    after: Option<ChunkDigest>,
    limit: usize,
) -> Result<Vec<(ChunkDigest, ChunkRecord)>> {
    let prefix = keys::chunks();
    let from = after.map_or(prefix.clone(), |after| key_after(&keys::chunk(after)));
    let page = read.page(&from, &prefix_end(&prefix), limit)?;
    page.into_iter().map(|(key, value)| Ok((keys::last_digest(&key)?, codec::from_chunk(&value)?))).collect()
}

/// Writes a chunk's record in another state, and keeps the index of condemned chunks in step.
pub(crate) fn set_chunk_state(
    tx: &mut Tx<'_>,
    digest: ChunkDigest,
    mut record: ChunkRecord,
    state: ChunkState,
) {
    if let ChunkState::Condemned(since) = record.state {
        tx.remove(keys::condemned(since, digest));
    }
    if let ChunkState::Condemned(since) = state {
        tx.put(keys::condemned(since, digest), Vec::new());
    }
    record.state = state;
    tx.put(keys::chunk(digest), codec::chunk(&record));
}

/// The lowest generation that a chunk without a record may have.
pub(crate) fn floor(read: &dyn Read, digest: ChunkDigest) -> Result<u32> {
    let value = read.get(&keys::floor(digest))?;
    Ok(value.map(|value| codec::from_number(&value)).transpose()?.unwrap_or(0))
}

/// Takes the hold of a session on a chunk.
pub(crate) fn hold(tx: &mut Tx<'_>, session: &Session, row: &cairn_shared::Row) {
    let fact = HeldFact { length: row.length, kept: false };
    tx.put(keys::hold(row.digest, session.owner, session.id), Vec::new());
    tx.put(keys::held(session.id, row.digest), codec::held(&fact));
}

pub(crate) fn file(read: &dyn Read, id: FileId) -> Result<Option<File>> {
    read.get(&keys::file(id))?.map(|value| codec::from_json(&value)).transpose()
}

/// The files behind `after`.
pub(crate) fn files(read: &dyn Read, after: Option<FileId>, limit: usize) -> Result<Vec<File>> {
    let prefix = keys::files();
    let from = after.map_or(prefix.clone(), |after| key_after(&keys::file(after)));
    let page = read.page(&from, &prefix_end(&prefix), limit)?;
    page.into_iter().map(|(_, value)| codec::from_json(&value)).collect()
}

/// A file that its owner still has: those of a deleted folder are gone before the job that deletes them has come so far.
pub(crate) fn live_file(read: &dyn Read, id: FileId) -> Result<Option<File>> {
    let Some(file) = file(read, id)? else { return Ok(None) };
    Ok(if in_deleted_folder(read, &file)? { None } else { Some(file) })
}

fn in_deleted_folder(read: &dyn Read, file: &File) -> Result<bool> {
    Ok(match file.fields.folder {
        Some(folder) => read.get(&keys::folder(folder))?.is_none(),
        None => false,
    })
}

pub(crate) fn put_file(tx: &mut Tx<'_>, file: &File) -> Result<()> {
    tx.put(keys::file(file.id), codec::json(file)?);
    Ok(())
}

pub(crate) fn link(read: &dyn Read, id: LinkId) -> Result<Option<Link>> {
    read.get(&keys::link(id))?.map(|value| codec::from_json(&value)).transpose()
}

pub(crate) fn put_link(tx: &mut Tx<'_>, link: &Link) -> Result<()> {
    tx.put(keys::link(link.id), codec::json(link)?);
    tx.put(keys::link_by_token(&link.token_hash), codec::id(Some(link.id.as_bytes())));
    tx.put(keys::link_by_target(link.target, link.id), Vec::new());
    Ok(())
}

/// What is remembered of a file that was deleted, with its folder too.
pub(crate) fn gone_file(read: &dyn Read, id: FileId) -> Result<Option<Gone>> {
    let Some(file) = file(read, id)? else { return gone(read, id.as_bytes()) };
    let folder = match file.fields.folder {
        Some(folder) if in_deleted_folder(read, &file)? => gone(read, folder.as_bytes())?,
        Some(_) | None => None,
    };
    Ok(folder.map(|folder| Gone { session: Some(file.session), ..folder }))
}

/// What is remembered of a file, folder or link that was ended.
pub(crate) fn gone(read: &dyn Read, id: &[u8; 16]) -> Result<Option<Gone>> {
    read.get(&keys::gone(id))?.map(|value| codec::from_json(&value)).transpose()
}

pub(crate) fn put_gone(tx: &mut Tx<'_>, id: &[u8; 16], gone: &Gone) -> Result<()> {
    tx.put(keys::gone(id), codec::json(gone)?);
    tx.put(keys::gone_at(gone.at, id), Vec::new());
    Ok(())
}

pub(crate) fn remove_link(tx: &mut Tx<'_>, link: &Link) {
    tx.remove(keys::link(link.id));
    tx.remove(keys::link_by_token(&link.token_hash));
    tx.remove(keys::link_by_target(link.target, link.id));
}

pub(crate) fn folder(read: &dyn Read, id: FolderId) -> Result<Option<Folder>> {
    read.get(&keys::folder(id))?.map(|value| codec::from_json(&value)).transpose()
}

pub(crate) fn put_folder(tx: &mut Tx<'_>, folder: &Folder) -> Result<()> {
    tx.put(keys::folder(folder.id), codec::json(folder)?);
    Ok(())
}

pub(crate) fn entry(read: &dyn Read, folder: FolderId, path: &RelPath) -> Result<Option<EntryFact>> {
    read.get(&keys::entry(folder, path))?.map(|value| codec::from_entry(&value)).transpose()
}

pub(crate) fn follow(read: &dyn Read, session: SessionId) -> Result<Option<Follow>> {
    read.get(&keys::follow(session))?.map(|value| codec::from_json(&value)).transpose()
}

pub(crate) fn put_follow(tx: &mut Tx<'_>, follow: &Follow) -> Result<()> {
    tx.put(keys::follow(follow.session), codec::json(follow)?);
    Ok(())
}

pub(crate) fn wanted(read: &dyn Read, session: SessionId) -> Result<Option<Wanted>> {
    let Some(value) = read.get(&keys::wanted(session))? else { return Ok(None) };
    Ok(Some(codec::from_id(&value)?.map_or(Wanted::Open, |id| Wanted::File(FileId::new(id)))))
}

pub(crate) fn put_wanted(tx: &mut Tx<'_>, session: SessionId, wanted: Wanted) {
    let value = match wanted {
        Wanted::Open => codec::id(None),
        Wanted::File(file) => codec::id(Some(file.as_bytes())),
    };
    tx.put(keys::wanted(session), value);
}

/// Ends the job of the whole-file digest, whether or not there is one.
pub(crate) fn end_follow(tx: &mut Tx<'_>, session: SessionId) -> Result<()> {
    for key in [keys::wanted(session), keys::follow(session)] {
        if tx.get(&key)?.is_some() {
            tx.remove(key);
        }
    }
    Ok(())
}
