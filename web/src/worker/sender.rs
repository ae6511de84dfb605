//! Sends one chunk.

use cairn_engine::Failure;
use cairn_shared::route::{self, Route};
use cairn_shared::{Bearer, SessionId};

use crate::platform::blob::Bytes;
use crate::platform::http::{self, Ask, Body, Signal};

/// Where a chunk goes.
pub(super) struct Target {
    pub(super) session: SessionId,
    pub(super) index: u32,
    pub(super) bearer: Option<Bearer>,
}

/// PUTs the bytes. Bytes that are no longer held count as a lost reply: the engine asks again, or has ended
/// the pass by then.
pub(super) async fn send(bytes: Option<Bytes>, target: Target, signal: Signal) -> Result<(), Failure> {
    let Some(bytes) = bytes else { return Err(Failure::Network) };
    let url = route::upload(target.session, target.index);
    let ask =
        Ask { method: Route::Upload.method(), url: &url, bearer: target.bearer, body: Body::Bytes(bytes) };
    http::empty(ask, signal).await
}
