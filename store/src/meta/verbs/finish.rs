//! `finish`: a session becomes a file, or is given up.

use cairn_shared::limits::STATUS_PAIRS_MAX;
use cairn_shared::manifest::ManifestHasher;
use cairn_shared::{BlobDigest, ChunkDigest, ManifestDigest, Ranges, Row, SessionId, UnixMs};
use sha2::{Digest, Sha256};

use super::length::rows_promised;
use super::{folder, still_open};
use crate::error::{Conflict, Result};
use crate::meta::facts::{self, SessionFact, Trim, TrimStep, Wanted};
use crate::meta::read::Read;
use crate::meta::tx::Tx;
use crate::meta::{codec, keys};
use crate::model::{ChunkState, File, Link, Publish, Session, SessionState, Target};

/// What a look at all rows found.
pub(crate) enum Seen {
    /// The session is a file already.
    Published(Box<(Session, File)>),
    /// It may become one, unless it changes first.
    Ready(Ready),
}

/// The rows of a session that may be published.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ready {
    changes: u64,
    manifest_digest: ManifestDigest,
    blob: Option<BlobDigest>,
    size: u64,
    rows: u32,
}

/// Checks everything that takes a look at every row. It runs beside the committer, so it proves only that the
/// session may be published as long as it does not change: `publish` makes sure of that.
pub(crate) fn inspect(read: &dyn Read, asked: &Publish) -> Result<Seen> {
    let fact = facts::session(read, asked.session)?.ok_or(Conflict::NotFound)?;
    if let Some(published) = published(read, &fact.session)? {
        return Ok(Seen::Published(Box::new(published)));
    }
    still_open(&fact.session, asked.now)?;
    check_revision(&fact.session, asked.revision)?;
    let size = asked.size.or(fact.session.size).ok_or(Conflict::SizeRequired)?;
    let rows = rows_promised(&fact.session);
    if asked.chunks.is_some_and(|chunks| chunks != rows) {
        return Err(Conflict::ManifestDiffers.into());
    }
    let walked = walk(read, &fact.session, rows)?;
    // A row that changed during the walk may have made it see what never was.
    if facts::session(read, asked.session)?.is_none_or(|now| now.changes != fact.changes) {
        return Err(Conflict::Changed.into());
    }
    let blob = walked.blob();
    let manifest_digest = walked.judge(asked.manifest_digest, size)?;
    Ok(Seen::Ready(Ready { changes: fact.changes, manifest_digest, blob, size, rows }))
}

/// Makes the file, where the session is as `inspect` saw it; else `Changed`.
pub(crate) fn publish(tx: &mut Tx<'_>, asked: &Publish, ready: Ready) -> Result<(Session, File)> {
    let mut fact = facts::session(tx, asked.session)?.ok_or(Conflict::NotFound)?;
    if let Some(published) = published(tx, &fact.session)? {
        return Ok(published);
    }
    still_open(&fact.session, asked.now)?;
    if fact.changes != ready.changes {
        return Err(Conflict::Changed.into());
    }
    tx.charge_bounded(fact.session.owner)?;
    tx.said(said(asked));
    if let Some(account) = tx.account() {
        account.has_held = true;
    }
    let file = new_file(&fact.session, asked, ready);
    facts::put_file(tx, &file)?;
    match file.fields.folder {
        Some(id) => folder::put_file(tx, id, &file, asked.now)?,
        None => tx.put(keys::file_by_owner(file.owner, file.id), Vec::new()),
    }
    if let Some((id, token_hash)) = asked.link {
        let (target, owner, created_at) = (Target::File(file.id), file.owner, asked.now);
        facts::put_link(tx, &Link { id, target, owner, token_hash, created_at, expires_at: None })?;
    }
    match file.blob {
        Some(blob) => {
            facts::end_follow(tx, file.session)?;
            tx.put(keys::blob(blob, file.owner, file.id), Vec::new());
        }
        None => facts::put_wanted(tx, file.session, Wanted::File(file.id)),
    }
    if fact.strayed {
        let trim = Trim { owner: file.owner, step: TrimStep::Mark(0) };
        tx.put(keys::trim(file.session), codec::json(&trim)?);
    }
    let state = SessionState::Finished {
        file: file.id,
        manifest_digest: file.manifest_digest,
        link: asked.link.map(|(id, _)| id),
        at: asked.now,
    };
    fact.session.size = Some(file.size);
    facts::archive_session(tx, &mut fact, state, asked.now)?;
    Ok((fact.session, file))
}

/// What the client sent for it, in bytes.
fn said(asked: &Publish) -> u64 {
    let numbers = [asked.revision.is_some(), asked.chunks.is_some(), asked.size.is_some()];
    let numbers = numbers.into_iter().filter(|is_said| *is_said).count() as u64;
    100 + 12 * numbers + if asked.manifest_digest.is_some() { 84 } else { 0 }
}

/// Gives a session up.
pub(crate) fn end_session(tx: &mut Tx<'_>, id: SessionId, expired: bool, now: UnixMs) -> Result<()> {
    let fact = facts::session(tx, id)?.ok_or(Conflict::NotFound)?;
    match fact.session.state {
        SessionState::Open => end(tx, fact, expired, now),
        SessionState::Ended { .. } => Ok(()),
        SessionState::Finished { .. } => Err(Conflict::SessionClosed(Box::new(fact.session)).into()),
    }
}

/// Ends an open session; its holds and rows go by a job.
pub(crate) fn end(tx: &mut Tx<'_>, mut fact: SessionFact, expired: bool, now: UnixMs) -> Result<()> {
    let (id, owner) = (fact.session.id, fact.session.owner);
    tx.charge(owner)?;
    // Of what never was more than words the next sweep leaves nothing.
    let archived = if fact.is_empty_handed() { 0 } else { now };
    let state = SessionState::Ended { at: now, expired };
    facts::archive_session(tx, &mut fact, state, archived)?;
    facts::end_follow(tx, id)?;
    tx.put(keys::ending(id), codec::id(Some(owner.as_bytes())));
    Ok(())
}

fn published(read: &dyn Read, session: &Session) -> Result<Option<(Session, File)>> {
    match session.state {
        SessionState::Finished { file, .. } => {
            let file = facts::live_file(read, file)?.ok_or(Conflict::NotFound)?;
            Ok(Some((session.clone(), file)))
        }
        SessionState::Open | SessionState::Ended { .. } => Ok(None),
    }
}

fn check_revision(session: &Session, said: Option<u32>) -> Result<(), Conflict> {
    let revision = session.revision;
    match said {
        Some(said) if said < revision => Err(Conflict::RevisionOld { revision }),
        Some(said) if said > revision => Err(Conflict::RevisionGap { revision }),
        Some(_) | None => Ok(()),
    }
}

fn new_file(session: &Session, asked: &Publish, ready: Ready) -> File {
    File {
        id: asked.file,
        owner: session.owner,
        session: session.id,
        fields: session.fields.clone(),
        size: ready.size,
        rows: ready.rows,
        manifest_digest: ready.manifest_digest,
        blob: ready.blob,
        created_at: asked.now,
    }
}

struct Walked {
    hasher: ManifestHasher,
    rows: u32,
    first: Option<ChunkDigest>,
    sum: u64,
    has_gaps: bool,
    missing: Ranges,
}

fn walk(read: &dyn Read, session: &Session, rows: u32) -> Result<Walked> {
    let hasher = ManifestHasher::new(session.fields.rule);
    let mut walked =
        Walked { hasher, rows: 0, first: None, sum: 0, has_gaps: false, missing: Ranges::default() };
    let mut next = 0;
    for entry in facts::rows(read, session.id, 0, rows)? {
        let (index, stored) = entry?;
        walked.gap(next, index);
        walked.row(index, &stored.row, is_safe(read, session, &stored.row)?);
        next = index + 1;
    }
    walked.gap(next, rows);
    Ok(walked)
}

/// A hold of this session and the present chunk: nothing can take it away before the file is made.
fn is_safe(read: &dyn Read, session: &Session, row: &Row) -> Result<bool> {
    if !facts::has_arrived(read, session.id, row)? {
        return Ok(false);
    }
    let record = facts::chunk(read, row.digest)?;
    Ok(record.is_some_and(|record| record.state == ChunkState::Present && record.length == row.length))
}

impl Walked {
    fn gap(&mut self, first: u32, end: u32) {
        if first < end {
            self.has_gaps = true;
            self.miss(first, end);
        }
    }

    fn row(&mut self, index: u32, row: &Row, is_safe: bool) {
        self.hasher.push(row);
        self.rows += 1;
        self.first.get_or_insert(row.digest);
        self.sum += u64::from(row.length);
        if !is_safe {
            self.miss(index, index + 1);
        }
    }

    /// An answer tells so many ranges and no more; the client asks `status` for all.
    fn miss(&mut self, first: u32, end: u32) {
        if self.missing.pairs().len() < STATUS_PAIRS_MAX || self.missing.end() == first {
            self.missing.push_range(first, end);
        }
    }

    /// The digest of the whole file, where no byte has to be read for it.
    fn blob(&self) -> Option<BlobDigest> {
        match (self.rows, self.first) {
            (0, _) => Some(BlobDigest::new(Sha256::digest([]).into())),
            // One chunk is the whole file, and its digest was computed when it came.
            (1, Some(only)) => Some(BlobDigest::new(*only.as_bytes())),
            _ => None,
        }
    }

    fn judge(self, said: Option<ManifestDigest>, size: u64) -> Result<ManifestDigest, Conflict> {
        if self.has_gaps {
            return Err(Conflict::ChunksMissing(self.missing));
        }
        let digest = self.hasher.finish();
        if said.is_some_and(|said| said != digest) {
            return Err(Conflict::ManifestDiffers);
        }
        if self.sum != size {
            return Err(Conflict::SizeDiffers { sum: self.sum });
        }
        if !self.missing.is_empty() {
            return Err(Conflict::ChunksMissing(self.missing));
        }
        Ok(digest)
    }
}
