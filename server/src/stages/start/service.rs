//! Starts sessions.

use cairn_shared::ProofKey;
use cairn_shared::limits::{CHECK_ROWS_MAX, CHUNK_BYTES_MAX, META_BYTES_MAX, SESSION_ROWS_MAX};
use cairn_shared::message::{Limits, StartRequest, StartResponse};
use cairn_shared::{ChunkRule, OwnerId, RelPath, SessionId};
use cairn_store::model::{FileFields, NewSession, Session};
use cairn_store::{Conflict, StoreError};

use crate::access::StartRight;
use crate::cairn::Cairn;
use crate::refusal::{Answer, Refusal};

/// What the head of a request takes at least, in bytes.
pub(super) const HEAD_BYTES: u64 = 128;

/// Starts a session, or finds the one that the same key started; `true` for the latter. The request came with a head of so many bytes.
pub(crate) async fn start(
    cairn: &Cairn,
    right: &StartRight,
    request: StartRequest,
    head_bytes: u64,
) -> Answer<(StartResponse, bool)> {
    let fields = fields(&request)?;
    check_place(cairn, right, &request).await?;
    let now = cairn.now();
    let owner = match right.owner() {
        Some(owner) => owner,
        None => OwnerId::new(cairn.fresh_id()?),
    };
    let new = NewSession {
        id: SessionId::new(cairn.fresh_id()?),
        owner,
        ownerless: right.owner().is_none(),
        key: request.key,
        fields,
        now,
        expires_at: cairn.expires_at(now),
    };
    require_space(cairn, &new).await?;
    let started = if right.is_guest() {
        let bytes = serde_json::to_vec(&request).map_err(Refusal::internal)?.len() as u64;
        cairn.meta.start_guest(new, head_bytes + bytes).await
    } else {
        cairn.meta.start(new).await
    };
    let (session, repeated) = started.map_err(refused)?;
    Ok((describe(cairn, &session), repeated))
}

/// Inside a folder a file has a place, and its name at the end of it.
async fn check_place(cairn: &Cairn, right: &StartRight, request: &StartRequest) -> Answer<()> {
    let Some(folder) = request.folder else { return Ok(()) };
    let last = request.path.as_ref().map(RelPath::last);
    if last == Some(request.name.as_str()) {
        return Ok(());
    }
    let folder = cairn.meta.folder(folder).await?;
    if folder.is_none_or(|folder| Some(folder.owner) != right.owner()) {
        return Err(no_folder());
    }
    Err(match last {
        Some(_) => Refusal::field("path", "does not end with the name"),
        None => Refusal::field("path", "is missing: it says where in the folder"),
    })
}

/// A folder that is not there is a wrong field, not a wrong address.
fn no_folder() -> Refusal {
    Refusal::field("folder", "names no folder of yours")
}

fn refused(error: StoreError) -> Refusal {
    if let StoreError::Conflict(Conflict::FolderGone) = error { no_folder() } else { error.into() }
}

/// What can't fit is refused before a byte of it is sent, unless it is here in part: then it may be. A rule whose rows are declared
/// needs no guess: `check` knows what of them is here.
async fn require_space(cairn: &Cairn, new: &NewSession) -> Answer<()> {
    if new.fields.rule == ChunkRule::FastCdc {
        return Ok(());
    }
    let Some(size) = new.fields.size else { return Ok(()) };
    let Err(refusal) = cairn.space.require(None, size).await else { return Ok(()) };
    let owner = (!new.ownerless).then_some(new.owner);
    let known = match new.key {
        Some(key) => cairn.meta.session_by_key(owner, key).await?,
        None => None,
    };
    if known.is_some() { Ok(()) } else { Err(refusal) }
}

fn fields(request: &StartRequest) -> Answer<FileFields> {
    let rule = request.chunking.unwrap_or(ChunkRule::DEFAULT);
    if let Some(size) = request.size {
        check_size(rule, size)?;
    }
    Refusal::unless_exact("mtime", request.mtime)?;
    if request.meta.as_ref().is_some_and(|meta| meta.len() > META_BYTES_MAX) {
        return Err(Refusal::field("meta", format!("has more than {META_BYTES_MAX} bytes")));
    }
    Ok(FileFields {
        name: request.name.clone(),
        path: request.path.clone(),
        folder: request.folder,
        mtime: request.mtime,
        media_type: request.media_type.clone(),
        meta: request.meta.clone(),
        size: request.size,
        rule,
    })
}

/// A size that JSON carries exactly and that fits into a session's rows.
pub(crate) fn check_size(rule: ChunkRule, size: u64) -> Answer<()> {
    Refusal::unless_exact("size", Some(size))?;
    let bytes_max = u64::from(rule.length_max()).saturating_mul(u64::from(SESSION_ROWS_MAX));
    if size > bytes_max {
        return Err(Refusal::field(
            "size",
            format!("needs more than {SESSION_ROWS_MAX} chunks under this rule"),
        ));
    }
    Ok(())
}

fn describe(cairn: &Cairn, session: &Session) -> StartResponse {
    let chunk_size = match session.fields.rule {
        ChunkRule::Fixed(bytes) => Some(bytes),
        ChunkRule::FastCdc => None,
    };
    let session_key = cairn.secret.session_key(session.id);
    StartResponse {
        session_id: session.id,
        session_key,
        expires_at: session.expires_at,
        chunking: session.fields.rule,
        chunk_size,
        chunks: session.rows_expected().and_then(|rows| u32::try_from(rows).ok()),
        limits: Limits {
            chunk_bytes: CHUNK_BYTES_MAX,
            check_rows: CHECK_ROWS_MAX as u32,
            session_rows: SESSION_ROWS_MAX,
        },
        proof_key: ProofKey::of_session(&session_key),
    }
}
