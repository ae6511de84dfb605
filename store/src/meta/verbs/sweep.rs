//! `sweep`: bounded steps that end what is over and free what nobody holds.

use cairn_shared::{ChunkDigest, FolderId, OwnerId, SessionId, UnixMs};

use super::{finish, owner, share};
use crate::chunk::ChunkCopy;
use crate::error::{Result, StoreError};
use crate::meta::facts::{self, Dropped, Trim, TrimStep};
use crate::meta::read::{Read, any, first, key_after, prefix_end, scan_range};
use crate::meta::tx::Tx;
use crate::meta::{codec, keys};
use crate::model::{ChunkRecord, ChunkState, Doomed, SessionState};

/// Rows that one step changes.
const STEP_ROWS: usize = 1_000;
/// Sessions that one step ends or forgets, and files that it deletes.
const STEP_SESSIONS: usize = 100;

/// One step of the first kind of clean-up that has something to do; false where none has.
pub(crate) fn step(tx: &mut Tx<'_>, now: UnixMs, archive_before: UnixMs) -> Result<bool> {
    Ok(expire(tx, now)?
        || end_holds(tx, now)?
        || end_folder(tx, now)?
        || trim(tx, now)?
        || drop_any_rows(tx)?
        || forget_sessions(tx, archive_before)?
        || forget_gone(tx, archive_before)?
        || owner::forget_unused(tx, now)?)
}

/// Removes some of the rows that a new revision of this session dropped; false where there are none left.
pub(crate) fn drop_rows(tx: &mut Tx<'_>, session: SessionId) -> Result<bool> {
    let Some(dropped) = facts::dropped(tx, session)? else { return Ok(false) };
    if let Some(fact) = facts::session(tx, session)? {
        tx.charge(fact.session.owner)?;
    }
    let (from, end) = (keys::row(session, dropped.from), keys::row(session, dropped.end));
    let page = tx.page(&from, &end, STEP_ROWS)?;
    let mut next = dropped.end;
    if let Some((last, _)) = page.last()
        && page.len() == STEP_ROWS
    {
        next = keys::row_index(last)? + 1;
    }
    for (key, value) in page {
        if !facts::is_live(keys::row_index(&key)?, &codec::from_row(&value)?, Some(dropped)) {
            tx.remove(key);
        }
    }
    if next < dropped.end {
        tx.put(keys::dropped(session), codec::json(&Dropped { from: next, ..dropped })?);
    } else {
        tx.remove(keys::dropped(session));
    }
    Ok(true)
}

/// Gives copies that are being deleted, and marks condemned chunks so where that leaves room.
pub(crate) fn doom(
    tx: &mut Tx<'_>,
    before: UnixMs,
    after: Option<(ChunkDigest, u32)>,
    limit: usize,
) -> Result<Vec<Doomed>> {
    let mut doomed = Vec::new();
    let all = keys::doomed_all();
    let end = prefix_end(&all);
    let from = after.map_or(all, |(digest, generation)| key_after(&keys::doomed(digest, generation)));
    for (key, value) in tx.page(&from, &end, limit)? {
        let (digest, generation) = keys::doomed_copy(&key)?;
        doomed.push(Doomed { digest, generation, locator: codec::from_locator(&value)? });
    }
    let room = limit - doomed.len();
    for (key, _) in tx.page(&keys::condemned_from(0), &keys::condemned_from(before), room)? {
        doomed.extend(doom_chunk(tx, &key)?);
    }
    Ok(doomed)
}

/// Drops the record of a chunk whose bytes are gone.
pub(crate) fn forget_chunk(tx: &mut Tx<'_>, digest: ChunkDigest, generation: u32) -> Result<()> {
    let key = keys::doomed(digest, generation);
    if tx.get(&key)?.is_none() {
        return Ok(());
    }
    tx.remove(key);
    if facts::floor(tx, digest)? <= generation {
        tx.put(keys::floor(digest), codec::number(generation + 1));
    }
    let record = facts::chunk(tx, digest)?;
    if record.is_some_and(|r| r.state == ChunkState::Deleting && r.generation == generation) {
        tx.remove(keys::chunk(digest));
    }
    Ok(())
}

fn doom_chunk(tx: &mut Tx<'_>, condemned: &[u8]) -> Result<Option<Doomed>> {
    let digest = keys::last_digest(condemned)?;
    let Some(record) = facts::chunk(tx, digest)? else {
        tx.remove(condemned.to_vec());
        return Ok(None);
    };
    if any(tx, &keys::holds(digest))? {
        // No verb leaves it so. Whatever did: a held chunk is never deleted.
        tracing::error!(chunk.short = digest.short(), "a condemned chunk is held; it stays");
        facts::set_chunk_state(tx, digest, record, ChunkState::Present);
        return Ok(None);
    }
    let (generation, locator) = (record.generation, record.locator.clone());
    doom_record(tx, digest, record);
    Ok(Some(Doomed { digest, generation, locator }))
}

fn doom_record(tx: &mut Tx<'_>, digest: ChunkDigest, record: ChunkRecord) {
    tx.put(keys::doomed(digest, record.generation), codec::locator(&record.locator));
    facts::set_chunk_state(tx, digest, record, ChunkState::Deleting);
}

/// Lists a copy to be removed that no record names. Whoever placed it and has not said so yet is refused then:
/// the floor lies above its generation.
pub(crate) fn doom_stray(tx: &mut Tx<'_>, copy: &ChunkCopy) -> Result<bool> {
    let (digest, generation) = (copy.digest, copy.generation);
    let record = facts::chunk(tx, digest)?;
    let is_recorded = record.as_ref().is_some_and(|record| record.locator.is_at(&copy.locator));
    if is_recorded || tx.get(&keys::doomed(digest, generation))?.is_some() {
        return Ok(false);
    }
    if record.is_none_or(|record| record.generation < generation) && facts::floor(tx, digest)? <= generation {
        tx.put(keys::floor(digest), codec::number(generation + 1));
    }
    tx.put(keys::doomed(digest, generation), codec::locator(&copy.locator));
    Ok(true)
}

/// Takes a chunk out of use whose bytes are not what they were.
pub(crate) fn quarantine(tx: &mut Tx<'_>, digest: ChunkDigest, generation: u32) -> Result<bool> {
    let Some(record) = facts::chunk(tx, digest)?.filter(|record| record.generation == generation) else {
        return Ok(false);
    };
    match record.state {
        ChunkState::Present => facts::set_chunk_state(tx, digest, record, ChunkState::Damaged),
        ChunkState::Condemned(_) => {
            facts::set_chunk_state(tx, digest, record.clone(), ChunkState::Present);
            doom_record(tx, digest, record);
        }
        ChunkState::Deleting | ChunkState::Damaged => return Ok(false),
    }
    Ok(true)
}

/// Takes a quarantined chunk back into use.
pub(crate) fn restore(tx: &mut Tx<'_>, digest: ChunkDigest, generation: u32) -> Result<bool> {
    let record = facts::chunk(tx, digest)?;
    let record = record.filter(|r| r.generation == generation && r.state == ChunkState::Damaged);
    let Some(record) = record else { return Ok(false) };
    facts::set_chunk_state(tx, digest, record, ChunkState::Present);
    Ok(true)
}

/// Chunks that wait for their removal.
pub(crate) fn condemned(read: &dyn Read, before: UnixMs, limit: usize) -> Result<usize> {
    Ok(read.page(&keys::condemned_from(0), &keys::condemned_from(before), limit)?.len())
}

/// Ends open sessions over time.
fn expire(tx: &mut Tx<'_>, now: UnixMs) -> Result<bool> {
    let page = tx.page(&keys::expiry_from(0), &keys::expiry_from(now.saturating_add(1)), STEP_SESSIONS)?;
    for (key, _) in &page {
        let id = SessionId::new(keys::last_id(key)?);
        match facts::session(tx, id)? {
            Some(fact) if fact.session.state == SessionState::Open => finish::end(tx, fact, true, now)?,
            Some(_) | None => {
                tx.charge_nobody();
                tx.remove(key.clone());
            }
        }
    }
    Ok(!page.is_empty())
}

/// Ends holds and then removes rows of sessions that ended, or whose files were deleted.
fn end_holds(tx: &mut Tx<'_>, now: UnixMs) -> Result<bool> {
    let endings = first(tx, &keys::ending_all(), STEP_SESSIONS)?;
    let mut room = STEP_ROWS;
    for (key, owner) in &endings {
        room -= end_session_holds(tx, key, owner, room, now)?;
        if room == 0 {
            break;
        }
    }
    Ok(!endings.is_empty())
}

/// The same for one session, `room` rows at most; gives how many it took. All of them where there may be more.
fn end_session_holds(tx: &mut Tx<'_>, key: &[u8], owner: &[u8], room: usize, now: UnixMs) -> Result<usize> {
    let session = SessionId::new(keys::last_id(key)?);
    let owner = codec::from_id(owner)?.map(OwnerId::new);
    let owner = owner.ok_or_else(|| StoreError::Damaged("an ending session has no owner".to_owned()))?;
    tx.charge(owner)?;
    let held = first(tx, &keys::helds(session), room)?;
    for (held, _) in &held {
        release(tx, keys::last_digest(held)?, owner, session, now)?;
    }
    let rows = first(tx, &keys::rows(session), room - held.len())?;
    let taken = held.len() + rows.len();
    for (row, _) in rows {
        tx.remove(row);
    }
    if taken < room {
        for key in [key.to_vec(), keys::trim(session), keys::dropped(session)] {
            tx.remove(key);
        }
    }
    Ok(taken)
}

/// Deletes files of a folder that was deleted, and removes what said where they lay.
fn end_folder(tx: &mut Tx<'_>, now: UnixMs) -> Result<bool> {
    let Some((key, owner)) = first(tx, &keys::folder_ending_all(), 1)?.pop() else { return Ok(false) };
    let folder = FolderId::new(keys::last_id(&key)?);
    // Rows of before guests were counted don't say whose they are.
    if !owner.is_empty()
        && let Some(owner) = codec::from_id(&owner)?
    {
        tx.charge(OwnerId::new(owner))?;
    }
    let entries = first(tx, &keys::entries(folder), STEP_SESSIONS)?;
    for (entry, value) in &entries {
        if tx.rows() >= STEP_ROWS {
            // Files with many links.
            return Ok(true);
        }
        if let Some(file) = codec::from_entry(value)?.file {
            share::end_file(tx, file, now)?;
        }
        tx.remove(entry.clone());
    }
    if entries.len() < STEP_SESSIONS {
        let children = first(tx, &keys::children_all(folder), STEP_ROWS)?;
        if children.len() < STEP_ROWS {
            tx.remove(key);
        }
        for (child, _) in children {
            tx.remove(child);
        }
    }
    Ok(true)
}

/// Ends holds of a published session that its manifest does not contain.
fn trim(tx: &mut Tx<'_>, now: UnixMs) -> Result<bool> {
    let Some((key, value)) = first(tx, &keys::trim_all(), 1)?.pop() else { return Ok(false) };
    let session = SessionId::new(keys::last_id(&key)?);
    let trim: Trim = codec::from_json(&value)?;
    tx.charge(trim.owner)?;
    let next = match trim.step {
        TrimStep::Mark(from) => mark(tx, session, from)?,
        TrimStep::Release(after) => release_unmarked(tx, session, trim.owner, after, now)?,
    };
    match next {
        Some(step) => tx.put(key, codec::json(&Trim { step, ..trim })?),
        None => tx.remove(key),
    }
    Ok(true)
}

fn mark(tx: &mut Tx<'_>, session: SessionId, from: u32) -> Result<Option<TrimStep>> {
    let walk = facts::rows(tx, session, from, u32::MAX)?.take(STEP_ROWS);
    let rows = walk.collect::<Result<Vec<_>>>()?;
    for (_, stored) in &rows {
        let digest = stored.row.digest;
        if let Some(mut held) = facts::held(tx, session, digest)?
            && !held.kept
        {
            held.kept = true;
            tx.put(keys::held(session, digest), codec::held(&held));
        }
    }
    Ok(Some(match rows.last() {
        Some((last, _)) if rows.len() == STEP_ROWS => TrimStep::Mark(last + 1),
        Some(_) | None => TrimStep::Release(None),
    }))
}

fn release_unmarked(
    tx: &mut Tx<'_>,
    session: SessionId,
    owner: OwnerId,
    after: Option<ChunkDigest>,
    now: UnixMs,
) -> Result<Option<TrimStep>> {
    let prefix = keys::helds(session);
    let end = prefix_end(&prefix);
    let from = after.map_or(prefix, |after| key_after(&keys::held(session, after)));
    let page = scan_range(tx, from, end).take(STEP_ROWS).collect::<Result<Vec<_>>>()?;
    for (key, value) in &page {
        if !codec::from_held(value)?.kept {
            release(tx, keys::last_digest(key)?, owner, session, now)?;
        }
    }
    match page.last() {
        Some((last, _)) if page.len() == STEP_ROWS => {
            Ok(Some(TrimStep::Release(Some(keys::last_digest(last)?))))
        }
        Some(_) | None => Ok(None),
    }
}

/// Ends one hold; a chunk that loses its last is condemned.
fn release(
    tx: &mut Tx<'_>,
    digest: ChunkDigest,
    owner: OwnerId,
    session: SessionId,
    now: UnixMs,
) -> Result<()> {
    tx.remove(keys::hold(digest, owner, session));
    tx.remove(keys::held(session, digest));
    if any(tx, &keys::holds(digest))? {
        return Ok(());
    }
    let Some(record) = facts::chunk(tx, digest)? else { return Ok(()) };
    match record.state {
        ChunkState::Present => facts::set_chunk_state(tx, digest, record, ChunkState::Condemned(now)),
        // Nothing is lost with it.
        ChunkState::Damaged => doom_record(tx, digest, record),
        ChunkState::Condemned(_) | ChunkState::Deleting => {}
    }
    Ok(())
}

fn drop_any_rows(tx: &mut Tx<'_>) -> Result<bool> {
    match first(tx, &keys::dropped_all(), 1)?.pop() {
        Some((key, _)) => drop_rows(tx, SessionId::new(keys::last_id(&key)?)),
        None => Ok(false),
    }
}

/// Forgets archive records; a file stays what it is without that of its session.
fn forget_sessions(tx: &mut Tx<'_>, before: UnixMs) -> Result<bool> {
    // What is filed under 0 leaves no record.
    let page = tx.page(&keys::archive_from(0), &keys::archive_from(before.max(1)), STEP_SESSIONS)?;
    for (key, _) in &page {
        let id = SessionId::new(keys::last_id(key)?);
        tx.charge_nobody();
        if let Some(fact) = facts::session(tx, id)? {
            let session = fact.session;
            tx.charge(session.owner)?;
            if let Some(client) = session.key {
                tx.remove(keys::session_by_key((!session.ownerless).then_some(session.owner), client));
            }
            tx.remove(keys::session(id));
        }
        tx.remove(key.clone());
    }
    Ok(!page.is_empty())
}

/// Forgets that files, folders and links were ended.
fn forget_gone(tx: &mut Tx<'_>, before: UnixMs) -> Result<bool> {
    let page = tx.page(&keys::gone_from(0), &keys::gone_from(before), STEP_ROWS)?;
    for (key, _) in &page {
        let id = keys::last_id(key)?;
        tx.charge_nobody();
        if let Some(gone) = facts::gone(tx, &id)? {
            tx.charge(gone.owner)?;
        }
        tx.remove(keys::gone(&id));
        tx.remove(key.clone());
    }
    Ok(!page.is_empty())
}
