//! The engine's calls of one session.

use cairn_engine::{Call, Failure, Reply};
use cairn_shared::route::{self, Route};
use cairn_shared::{Bearer, SessionId};

use super::Request;
use super::owner::Owner;
use crate::platform::http::{self, Signal};

/// Makes a call. `key` is the session's own.
pub async fn answer(
    owner: &Owner,
    key: Option<Bearer>,
    call: Call,
    signal: Signal,
) -> Result<Reply, Failure> {
    match call {
        Call::Start(body) => {
            owner.ask(&Request::to(Route::Start).with(&body), signal).await.map(Reply::Start)
        }
        Call::Check(session, body) => {
            let request = Request::new(Route::Check, route::check(session)).with(&body);
            request.json(bearer(owner, key).await?, signal).await.map(Reply::Check)
        }
        Call::Status(session, from) => {
            let request = Request::new(Route::Status, route::status(session, from));
            request.json(bearer(owner, key).await?, signal).await.map(Reply::Status)
        }
        Call::Finish(session, body) => {
            let request = Request::new(Route::Finish, route::finish(session)).with(&body);
            request.json(bearer(owner, key).await?, signal).await.map(Reply::Finish)
        }
        Call::Delete(session) => {
            let request = Request::new(Route::SessionDelete, route::session(session));
            request.empty(bearer(owner, key).await?, signal).await.map(|()| Reply::Deleted)
        }
    }
}

/// The session's own key, which stays good where the owner key was lost; else the owner key.
async fn bearer(owner: &Owner, key: Option<Bearer>) -> Result<Bearer, Failure> {
    match key {
        Some(key) => Ok(key),
        None => owner.key().await,
    }
}

/// Gives up a session that an earlier visit left. One that stays is swept when its time is over.
pub async fn give_up(session: SessionId, key: Bearer) {
    let request = Request::new(Route::SessionDelete, route::session(session));
    let _ = http::in_time(async |signal| request.empty(key, signal).await).await;
}
