//! Sends chunks.

use cairn_engine::Failure;
use cairn_shared::frame::{FRAME_HEAD_BYTES, FrameHead};
use cairn_shared::message::{BatchResponse, Outcome, Stored};
use cairn_shared::route::{self, Route};
use cairn_shared::{Bearer, SessionId};

use crate::platform::blob::Bytes;
use crate::platform::http::{self, Ask, Body, Signal};
use crate::worker::message::Refusal;

/// Where chunks go.
pub(super) struct Target {
    pub(super) session: SessionId,
    /// The first row.
    pub(super) index: u32,
    /// How many there are.
    pub(super) rows: usize,
    pub(super) bearer: Option<Bearer>,
}

/// PUTs the bytes. Bytes that are no longer held count as a lost reply: the engine asks again, or has ended
/// the pass by then.
pub(super) async fn send(bytes: Option<Bytes>, target: Target, signal: Signal) -> Result<(), Failure> {
    let Some(bytes) = bytes else { return Err(Failure::Network) };
    let url = route::upload(target.session, target.index, target.rows);
    let ask =
        Ask { method: Route::Upload.method(), url: &url, bearer: target.bearer, body: Body::Bytes(bytes) };
    http::empty(ask, signal).await
}

/// Sends small chunks in one request; what came of each. One whose bytes are no longer held counts as a lost reply.
pub(super) async fn send_batch(
    frames: &[(FrameHead, Option<Bytes>)],
    bearer: Bearer,
    signal: Signal,
) -> Result<Vec<Result<(), Refusal>>, Failure> {
    let held = || frames.iter().filter_map(|(head, bytes)| Some((head, bytes.as_ref()?)));
    let length: u32 = held().map(|(_, bytes)| FRAME_HEAD_BYTES as u32 + bytes.length()).sum();
    let body = Bytes::new_with_length(length);
    let mut at = 0;
    for (head, bytes) in held() {
        body.set(&Bytes::from(&head.to_bytes()[..]), at);
        body.set(bytes, at + FRAME_HEAD_BYTES as u32);
        at += FRAME_HEAD_BYTES as u32 + bytes.length();
    }
    let route = Route::BatchUpload;
    let ask =
        Ask { method: route.method(), url: route.pattern(), bearer: Some(bearer), body: Body::Bytes(body) };
    let answer: BatchResponse<Stored> = http::json(ask, signal).await?;
    let mut answers = answer.items.into_iter();
    let outcome = |(_, bytes): &(FrameHead, Option<Bytes>)| match bytes.as_ref().and_then(|_| answers.next())
    {
        Some(Outcome::Ok(Stored {})) => Ok(()),
        Some(Outcome::Problem(problem)) => Err(Refusal::Problem(problem)),
        None => Err(Refusal::Network),
    };
    Ok(frames.iter().map(outcome).collect())
}
