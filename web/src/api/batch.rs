//! Many calls of the engine's in one request.

use cairn_engine::{BatchCall, Failure, Reply};
use cairn_shared::message::{BatchRequest, BatchResponse};
use cairn_shared::route::Route;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Request;
use super::owner::Owner;
use crate::platform::http::Signal;

/// Makes a batch of calls.
pub async fn answer(owner: &Owner, call: BatchCall, signal: Signal) -> Result<Reply, Failure> {
    match call {
        BatchCall::Start(items) => together(owner, Route::BatchStart, items, signal, Reply::Start).await,
        BatchCall::Check(items) => together(owner, Route::BatchCheck, items, signal, Reply::Check).await,
        BatchCall::Finish(items) => together(owner, Route::BatchFinish, items, signal, Reply::Finish).await,
    }
}

async fn together<T: DeserializeOwned>(
    owner: &Owner,
    route: Route,
    items: Vec<impl Serialize>,
    signal: Signal,
    reply: impl Fn(T) -> Reply,
) -> Result<Reply, Failure> {
    let request = Request::to(route).with(&BatchRequest { items });
    let answer: BatchResponse<T> = owner.ask(&request, signal).await?;
    Ok(Reply::batch(answer, reply))
}
