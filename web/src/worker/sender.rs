//! Sends chunks.

use cairn_engine::Failure;
use cairn_shared::frame::{FRAME_HEAD_BYTES, FrameHead};
use cairn_shared::message::{BatchResponse, ChannelPut, Outcome, Stored};
use cairn_shared::route::{self, Route};
use cairn_shared::{Bearer, SessionId};

use crate::platform::blob::{self, Bytes};
use crate::platform::http::{self, Abort, Ask, Body};
use crate::worker::channels::Channels;
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

/// Sends the bytes of chunks by a channel, or PUTs them where there is none. They are asked for when they can be sent, and copied
/// then: until they have arrived the engine keeps them. Bytes that are no longer held count as a lost reply: the engine asks
/// again, or has ended the pass by then.
pub(super) async fn send(
    channels: &Channels,
    bytes: impl FnOnce() -> Option<Vec<Bytes>>,
    target: Target,
) -> Result<(), Failure> {
    // Single rows are sent where the line is slow: there a request can be broken off, and what was given to a channel goes on.
    let channel = if target.rows > 1 { channels.take().await } else { None };
    let parts = bytes().ok_or(Failure::Network)?;
    let Some(channel) = channel else { return put(&parts, target).await };
    let Target { session, index, rows, bearer } = target;
    let length = parts.iter().map(|part| u64::from(part.length())).sum();
    let text = serde_json::to_string(&ChannelPut { session, index, rows, length, bearer });
    let answer = channel.put(&text.map_err(|_| Failure::Network)?, &parts).await.ok_or(Failure::Network)?;
    match serde_json::from_str(&answer) {
        Ok(Outcome::Ok(Stored {})) => Ok(()),
        Ok(Outcome::Problem(problem)) => Err(Failure::Problem(problem)),
        Err(_) => Err(Failure::Network),
    }
}

async fn put(parts: &[Bytes], target: Target) -> Result<(), Failure> {
    let url = route::upload(target.session, target.index, target.rows);
    let body = Body::Bytes(blob::joined(parts));
    let ask = Ask { method: Route::Upload.method(), url: &url, bearer: target.bearer, body };
    let abort = Abort::new();
    http::empty(ask, abort.signal()).await
}

/// Sends small chunks in one request; what came of each. One whose bytes are no longer held counts as a lost reply.
pub(super) async fn send_batch(
    frames: &[(FrameHead, Option<Bytes>)],
    bearer: Bearer,
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
    let abort = Abort::new();
    let answer: BatchResponse<Stored> = http::json(ask, abort.signal()).await?;
    let mut answers = answer.items.into_iter();
    let outcome = |(_, bytes): &(FrameHead, Option<Bytes>)| match bytes.as_ref().and_then(|_| answers.next())
    {
        Some(Outcome::Ok(Stored {})) => Ok(()),
        Some(Outcome::Problem(problem)) => Err(Refusal::Problem(problem)),
        None => Err(Refusal::Network),
    };
    Ok(frames.iter().map(outcome).collect())
}
