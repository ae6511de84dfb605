//! Tells where a session stands, and ends it.

use cairn_shared::limits::STATUS_PAIRS_MAX;
use cairn_shared::message::{SessionState as WireState, StatusResponse};
use cairn_shared::{Problem, ProblemCode};
use cairn_store::model::SessionState;
use cairn_store::{Conflict, StoreError};

use crate::access::{Asker, UploadRight};
use crate::budget::{ROWS_A_LOOK, Rated};
use crate::cairn::Cairn;
use crate::refusal::Answer;
use crate::stages::finish::published;

/// Rows that one call looks at: some tens of milliseconds.
const ROWS_MAX: u32 = 65_536;

/// A look at many rows counts as so many looks.
pub(super) async fn admit(cairn: &Cairn, asker: &Asker, right: &UploadRight, from: u32) -> Answer<()> {
    let session = right.session();
    let rows = session.rows.saturating_sub(from).min(ROWS_MAX);
    cairn.admit(Rated::Status, asker, Some(session.owner), 1 + rows / ROWS_A_LOOK).await
}

/// What has arrived and what is missing from row `from` on; of a finished session, finish's answer.
pub(super) async fn status(cairn: &Cairn, right: &UploadRight, from: u32) -> Answer<StatusResponse> {
    let session = right.session();
    let over = matches!(session.state, SessionState::Open) && cairn.sure_now() >= session.expires_at;
    if over || matches!(session.state, SessionState::Ended { .. }) {
        return Err(Conflict::SessionClosed(Box::new(session.clone())).into());
    }
    let (id, meta) = (session.id, cairn.meta.clone());
    let rows = session.rows.saturating_sub(from).min(ROWS_MAX);
    let look = async move { meta.arrived(id, from, ROWS_MAX, STATUS_PAIRS_MAX).await };
    let (received, missing, next) = cairn.looks.look(session.owner, rows, look).await?;
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
