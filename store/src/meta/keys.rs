//! The binary keys of every kind of row: one byte of kind, then fixed-width fields, big-endian.

mod folder;

use std::str::FromStr;

use cairn_shared::{BlobDigest, ChunkDigest, ClientKey, FileId, LinkId, OwnerId, SessionId, UnixMs};

use crate::error::{Result, StoreError};
use crate::model::Target;

pub(crate) use folder::*;

const OWNER: u8 = 0x01;
const OWNER_BY_KEY: u8 = 0x02;
const SESSION: u8 = 0x03;
const SESSION_BY_OWNER_KEY: u8 = 0x04;
const SESSION_BY_KEY: u8 = 0x05;
const ROW: u8 = 0x06;
const HOLD: u8 = 0x07;
const HELD: u8 = 0x08;
const CHUNK: u8 = 0x09;
const CONDEMNED: u8 = 0x0a;
const DOOMED: u8 = 0x0b;
const FLOOR: u8 = 0x0c;
const FILE: u8 = 0x0d;
const FILE_BY_OWNER: u8 = 0x0e;
const BLOB: u8 = 0x0f;
const LINK: u8 = 0x10;
const LINK_BY_TOKEN: u8 = 0x11;
const LINK_BY_TARGET: u8 = 0x12;
const FOLLOW: u8 = 0x13;
const WANTED: u8 = 0x14;
const EXPIRY: u8 = 0x15;
const ARCHIVE: u8 = 0x16;
const ENDING: u8 = 0x17;
const TRIM: u8 = 0x18;
const DROPPED: u8 = 0x19;
const GONE: u8 = 0x1a;
const GONE_AT: u8 = 0x1b;
// 0x1c to 0x21 are those of folders.
const OWNER_FACTS: u8 = 0x28;
const GUEST_FACTS: u8 = 0x29;
const UNUSED: u8 = 0x2a;
const CLOCK_MARK: u8 = 0x30;
const SCRUB_PLACE: u8 = 0x31;
const RUN: u8 = 0x32;

/// An owner.
pub(crate) fn owner(id: OwnerId) -> Vec<u8> {
    key(OWNER, &[id.as_bytes()])
}

/// Every owner.
pub(crate) fn owners() -> Vec<u8> {
    key(OWNER, &[])
}

/// The owner whose key has this hash.
pub(crate) fn owner_by_key(key_hash: &[u8; 32]) -> Vec<u8> {
    key(OWNER_BY_KEY, &[key_hash])
}

/// A session or its archive record.
pub(crate) fn session(id: SessionId) -> Vec<u8> {
    key(SESSION, &[id.as_bytes()])
}

/// Every session.
pub(crate) fn sessions() -> Vec<u8> {
    key(SESSION, &[])
}

/// The session that a client key names; `None`: a session without an owner's credential.
pub(crate) fn session_by_key(owner: Option<OwnerId>, client: ClientKey) -> Vec<u8> {
    match owner {
        Some(owner) => key(SESSION_BY_OWNER_KEY, &[owner.as_bytes(), client.as_bytes()]),
        None => key(SESSION_BY_KEY, &[client.as_bytes()]),
    }
}

/// A row of a session, or of the file that it became.
pub(crate) fn row(session: SessionId, index: u32) -> Vec<u8> {
    key(ROW, &[session.as_bytes(), &index.to_be_bytes()])
}

/// Every row of a session.
pub(crate) fn rows(session: SessionId) -> Vec<u8> {
    key(ROW, &[session.as_bytes()])
}

/// The hold of a session on a chunk.
pub(crate) fn hold(digest: ChunkDigest, owner: OwnerId, session: SessionId) -> Vec<u8> {
    key(HOLD, &[digest.as_bytes(), owner.as_bytes(), session.as_bytes()])
}

/// Every hold of an owner on a chunk.
pub(crate) fn holds_of_owner(digest: ChunkDigest, owner: OwnerId) -> Vec<u8> {
    key(HOLD, &[digest.as_bytes(), owner.as_bytes()])
}

/// Every hold on a chunk.
pub(crate) fn holds(digest: ChunkDigest) -> Vec<u8> {
    key(HOLD, &[digest.as_bytes()])
}

/// The same hold, found from its session.
pub(crate) fn held(session: SessionId, digest: ChunkDigest) -> Vec<u8> {
    key(HELD, &[session.as_bytes(), digest.as_bytes()])
}

/// Every hold of a session.
pub(crate) fn helds(session: SessionId) -> Vec<u8> {
    key(HELD, &[session.as_bytes()])
}

/// The record of a chunk.
pub(crate) fn chunk(digest: ChunkDigest) -> Vec<u8> {
    key(CHUNK, &[digest.as_bytes()])
}

/// Every record of a chunk.
pub(crate) fn chunks() -> Vec<u8> {
    key(CHUNK, &[])
}

/// A chunk without a hold, by when it lost its last.
pub(crate) fn condemned(since: UnixMs, digest: ChunkDigest) -> Vec<u8> {
    key(CONDEMNED, &[&since.to_be_bytes(), digest.as_bytes()])
}

/// Where the chunks begin that lost their last hold at `since` or later.
pub(crate) fn condemned_from(since: UnixMs) -> Vec<u8> {
    key(CONDEMNED, &[&since.to_be_bytes()])
}

/// A copy of a chunk whose bytes are being removed.
pub(crate) fn doomed(digest: ChunkDigest, generation: u32) -> Vec<u8> {
    key(DOOMED, &[digest.as_bytes(), &generation.to_be_bytes()])
}

/// Every copy of a chunk whose bytes are being removed.
pub(crate) fn doomed_all() -> Vec<u8> {
    key(DOOMED, &[])
}

/// The lowest generation that no forgotten chunk of this neighbourhood of digests ever had.
pub(crate) fn floor(digest: ChunkDigest) -> Vec<u8> {
    key(FLOOR, &[&digest.as_bytes()[..2]])
}

/// A file.
pub(crate) fn file(id: FileId) -> Vec<u8> {
    key(FILE, &[id.as_bytes()])
}

/// Every file.
pub(crate) fn files() -> Vec<u8> {
    key(FILE, &[])
}

/// A file, found from its owner.
pub(crate) fn file_by_owner(owner: OwnerId, file: FileId) -> Vec<u8> {
    key(FILE_BY_OWNER, &[owner.as_bytes(), file.as_bytes()])
}

/// Every file of an owner.
pub(crate) fn files_of_owner(owner: OwnerId) -> Vec<u8> {
    key(FILE_BY_OWNER, &[owner.as_bytes()])
}

/// A file, found from its whole-file digest.
pub(crate) fn blob(blob: BlobDigest, owner: OwnerId, file: FileId) -> Vec<u8> {
    key(BLOB, &[blob.as_bytes(), owner.as_bytes(), file.as_bytes()])
}

/// Every file with this whole-file digest.
pub(crate) fn blobs(blob: BlobDigest) -> Vec<u8> {
    key(BLOB, &[blob.as_bytes()])
}

/// Every file of an owner with this whole-file digest.
pub(crate) fn blobs_of_owner(blob: BlobDigest, owner: OwnerId) -> Vec<u8> {
    key(BLOB, &[blob.as_bytes(), owner.as_bytes()])
}

/// A link.
pub(crate) fn link(id: LinkId) -> Vec<u8> {
    key(LINK, &[id.as_bytes()])
}

/// The link whose token has this hash.
pub(crate) fn link_by_token(token_hash: &[u8; 32]) -> Vec<u8> {
    key(LINK_BY_TOKEN, &[token_hash])
}

/// A link, found from the file or folder that it gives.
pub(crate) fn link_by_target(target: Target, link: LinkId) -> Vec<u8> {
    key(LINK_BY_TARGET, &[target.as_bytes(), link.as_bytes()])
}

/// Every link to a file or folder.
pub(crate) fn links_of(target: Target) -> Vec<u8> {
    key(LINK_BY_TARGET, &[target.as_bytes()])
}

/// How far the whole-file digest has come.
pub(crate) fn follow(session: SessionId) -> Vec<u8> {
    key(FOLLOW, &[session.as_bytes()])
}

/// A session whose whole-file digest is wanted.
pub(crate) fn wanted(session: SessionId) -> Vec<u8> {
    key(WANTED, &[session.as_bytes()])
}

/// Every session whose whole-file digest is wanted.
pub(crate) fn wanted_all() -> Vec<u8> {
    key(WANTED, &[])
}

/// An open session, by when it ends.
pub(crate) fn expiry(at: UnixMs, session: SessionId) -> Vec<u8> {
    key(EXPIRY, &[&at.to_be_bytes(), session.as_bytes()])
}

/// Where the open sessions begin that end at `at` or later.
pub(crate) fn expiry_from(at: UnixMs) -> Vec<u8> {
    key(EXPIRY, &[&at.to_be_bytes()])
}

/// A finished or ended session, by when that was.
pub(crate) fn archive(at: UnixMs, session: SessionId) -> Vec<u8> {
    key(ARCHIVE, &[&at.to_be_bytes(), session.as_bytes()])
}

/// Where the archive records begin of sessions that were over at `at` or later.
pub(crate) fn archive_from(at: UnixMs) -> Vec<u8> {
    key(ARCHIVE, &[&at.to_be_bytes()])
}

/// What is remembered of a file, folder or link that was ended.
pub(crate) fn gone(id: &[u8; 16]) -> Vec<u8> {
    key(GONE, &[id])
}

/// The same, by when it ended.
pub(crate) fn gone_at(at: UnixMs, id: &[u8; 16]) -> Vec<u8> {
    key(GONE_AT, &[&at.to_be_bytes(), id])
}

/// Where those begin that ended at `at` or later.
pub(crate) fn gone_from(at: UnixMs) -> Vec<u8> {
    key(GONE_AT, &[&at.to_be_bytes()])
}

/// The job that ends every hold of a session and removes its rows.
pub(crate) fn ending(session: SessionId) -> Vec<u8> {
    key(ENDING, &[session.as_bytes()])
}

/// Every such job.
pub(crate) fn ending_all() -> Vec<u8> {
    key(ENDING, &[])
}

/// The job that ends the holds of a published session outside its manifest.
pub(crate) fn trim(session: SessionId) -> Vec<u8> {
    key(TRIM, &[session.as_bytes()])
}

/// Every such job.
pub(crate) fn trim_all() -> Vec<u8> {
    key(TRIM, &[])
}

/// The rows that a new revision dropped and that are still to be removed.
pub(crate) fn dropped(session: SessionId) -> Vec<u8> {
    key(DROPPED, &[session.as_bytes()])
}

/// Every such job.
pub(crate) fn dropped_all() -> Vec<u8> {
    key(DROPPED, &[])
}

/// The run that the store is in.
pub(crate) fn run() -> Vec<u8> {
    key(RUN, &[])
}

/// What was last known of the time.
pub(crate) fn clock_mark() -> Vec<u8> {
    key(CLOCK_MARK, &[])
}

/// How far the reading of all chunks has come.
pub(crate) fn scrub_place() -> Vec<u8> {
    key(SCRUB_PLACE, &[])
}

/// What a guest keeps here.
pub(crate) fn owner_facts(owner: OwnerId) -> Vec<u8> {
    key(OWNER_FACTS, &[owner.as_bytes()])
}

/// What all guests keep here.
pub(crate) fn guest_facts() -> Vec<u8> {
    key(GUEST_FACTS, &[])
}

/// A guest who never held anything, by when he is looked at.
pub(crate) fn unused(at: UnixMs, owner: OwnerId) -> Vec<u8> {
    key(UNUSED, &[&at.to_be_bytes(), owner.as_bytes()])
}

/// Where those begin that are looked at then or later.
pub(crate) fn unused_from(at: UnixMs) -> Vec<u8> {
    key(UNUSED, &[&at.to_be_bytes()])
}

/// Whether a row belongs to nobody: whoever sent a chunk first, others may hold it.
pub(crate) fn is_shared(key: &[u8]) -> bool {
    matches!(key.first(), Some(&(CHUNK | CONDEMNED | DOOMED | FLOOR)))
}

/// The text at the end of a key, behind `before`: a path or a name.
pub(crate) fn text_behind<T: FromStr>(key: &[u8], before: &[u8]) -> Result<T> {
    let text = key.strip_prefix(before).and_then(|bytes| str::from_utf8(bytes).ok());
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| StoreError::Damaged("a key has no path or name".to_owned()))
}

/// The index at the end of a row's key.
pub(crate) fn row_index(key: &[u8]) -> Result<u32> {
    Ok(u32::from_be_bytes(last(key)?))
}

/// The id at the end of a key.
pub(crate) fn last_id(key: &[u8]) -> Result<[u8; 16]> {
    last(key)
}

/// The digest at the end of a key.
pub(crate) fn last_digest(key: &[u8]) -> Result<ChunkDigest> {
    Ok(ChunkDigest::new(last(key)?))
}

/// Digest and generation of a doomed copy.
pub(crate) fn doomed_copy(key: &[u8]) -> Result<(ChunkDigest, u32)> {
    let (rest, generation) = key.split_last_chunk().ok_or_else(short)?;
    Ok((last_digest(rest)?, u32::from_be_bytes(*generation)))
}

fn last<const N: usize>(key: &[u8]) -> Result<[u8; N]> {
    key.last_chunk().copied().ok_or_else(short)
}

fn short() -> StoreError {
    StoreError::Damaged("a key is too short".to_owned())
}

fn key(kind: u8, fields: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + fields.iter().map(|field| field.len()).sum::<usize>());
    bytes.push(kind);
    for field in fields {
        bytes.extend_from_slice(field);
    }
    bytes
}
