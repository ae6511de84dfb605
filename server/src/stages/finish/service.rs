//! Publishes sessions. Nothing is assembled: the blob is its manifest.

use std::time::Duration;

use cairn_shared::message::{FinishRequest, FinishResponse};
use cairn_shared::{FileId, LinkId, UnixMs, route};
use cairn_store::model::{Publish, Session, SessionState};

use crate::access::{Asker, UploadRight, sha256};
use crate::budget::{ROWS_A_LOOK, Rated};
use crate::cairn::Cairn;
use crate::refusal::Answer;
use crate::stages::start::check_size;
use crate::upkeep::Patience;

/// For a request that waits for nothing.
pub(crate) const AT_ONCE: Patience = Patience { at_most: Duration::ZERO, for_a_turn: true };

/// Before `blob` is answered as null, where the client sent no manifest digest: the blob's digest is all by which it can tell
/// that its file is whole.
const UNPROVEN: Patience = Patience { at_most: Duration::from_secs(2), for_a_turn: false };

/// The same where the manifest digest has proven that already: the link shall not wait long for what only programs ask for.
const PROVEN: Patience = Patience { at_most: Duration::from_millis(250), for_a_turn: true };

/// How long this request waits for the whole-file digest.
pub(super) fn patience(request: &FinishRequest) -> Patience {
    if request.manifest_digest.is_some() { PROVEN } else { UNPROVEN }
}

/// Every row is looked at: of many that counts as so many looks.
pub(crate) async fn admit(cairn: &Cairn, asker: &Asker, right: &UploadRight) -> Answer<()> {
    let session = right.session();
    cairn.admit(Rated::Status, asker, Some(session.owner), session.rows / ROWS_A_LOOK).await
}

/// Publishes the session's rows as a file with a link, or into its folder; waits so long for its whole-file digest.
pub(crate) async fn finish(
    cairn: &Cairn,
    right: &UploadRight,
    request: FinishRequest,
    patience: Patience,
) -> Answer<FinishResponse> {
    if let Some(size) = request.size {
        check_size(right.session().fields.rule, size)?;
    }
    let link = LinkId::new(cairn.fresh_id()?);
    // What lies in a folder is given by the folder's link.
    let wanted = request.link.unwrap_or(right.session().fields.folder.is_none());
    let publish = Publish {
        session: right.session().id,
        revision: request.revision,
        chunks: request.chunks,
        size: request.size,
        manifest_digest: request.manifest_digest,
        file: FileId::new(cairn.fresh_id()?),
        link: wanted.then(|| (link, sha256(cairn.secret.link_token(link).as_bytes()))),
        now: before_its_end(cairn, right.session()),
    };
    let first = matches!(right.session().state, SessionState::Open);
    let (meta, asked) = (cairn.meta.clone(), right.session());
    let look = async move { meta.publish(publish).await };
    let (session, file) = cairn.looks.look(asked.owner, asked.rows, look).await?;
    if file.blob.is_none() {
        cairn.follower.finish(session.id, patience).await;
    }
    cairn.space.forget(session.id);
    if first {
        tracing::info!(session.id = %session.id, size_bytes = file.size, chunks = file.rows, "upload finished");
    }
    published(cairn, &session).await?.ok_or_else(crate::refusal::Refusal::not_found)
}

/// The time now; before the session's end where that may be past by a jump of the clock alone.
fn before_its_end(cairn: &Cairn, session: &Session) -> UnixMs {
    let now = cairn.now();
    let is_over = cairn.sure_now() >= session.expires_at;
    if is_over { now } else { now.min(session.expires_at.saturating_sub(1)) }
}

/// Finish's answer for a finished session, `blob` filled in where it is known; `None` for others.
pub(crate) async fn published(cairn: &Cairn, session: &Session) -> Answer<Option<FinishResponse>> {
    let SessionState::Finished { file, manifest_digest, link, .. } = &session.state else { return Ok(None) };
    let blob = cairn.meta.file(*file).await?.and_then(|file| file.blob);
    let url = link.map(|link| route::share_page(&cairn.secret.link_token(link)));
    Ok(Some(FinishResponse { file: *file, manifest_digest: *manifest_digest, blob, url }))
}
