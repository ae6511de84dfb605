//! Tells where a session stands, and ends it.

use cairn_shared::limits::STATUS_PAIRS_MAX;
use cairn_shared::message::{SessionState as WireState, StatusResponse};
use cairn_shared::{Problem, ProblemCode};
use cairn_store::model::SessionState;
use cairn_store::{Conflict, StoreError};

use crate::access::UploadRight;
use crate::cairn::Cairn;
use crate::refusal::Answer;
use crate::stages::finish::published;

/// Rows that one call looks at.
const ROWS_MAX: u32 = 1_000_000;

/// What has arrived and what is missing from row `from` on; of a finished session, finish's answer.
pub(super) async fn status(cairn: &Cairn, right: &UploadRight, from: u32) -> Answer<StatusResponse> {
    let session = right.session();
    let over = matches!(session.state, SessionState::Open) && cairn.sure_now() >= session.expires_at;
    if over || matches!(session.state, SessionState::Ended { .. }) {
        return Err(Conflict::SessionClosed(Box::new(session.clone())).into());
    }
    let (received, missing, next) = cairn.meta.arrived(session.id, from, ROWS_MAX, STATUS_PAIRS_MAX).await?;
    let finished = published(cairn, session).await?;
    let state = if finished.is_some() { WireState::Finished } else { WireState::Open };
    Ok(StatusResponse {
        state,
        revision: session.revision,
        received,
        missing,
        size: session.size,
        expires_at: session.expires_at,
        next,
        finished,
    })
}

/// Gives a session up; its holds end.
pub(super) async fn give_up(cairn: &Cairn, right: &UploadRight) -> Answer<()> {
    match cairn.meta.end_session(right.session().id, false, cairn.now()).await {
        Err(StoreError::Conflict(Conflict::SessionClosed(session)))
            if matches!(session.state, SessionState::Finished { .. }) =>
        {
            let detail = "The session became a file. DELETE /api/file/{file} deletes it.";
            Err(Problem::new(ProblemCode::SessionPublished, detail).into())
        }
        outcome => {
            cairn.space.forget(right.session().id);
            Ok(outcome?)
        }
    }
}
