//! The server's routes without sockets, over memory stores, at a time that the test says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::{Error, test, web};
use bytes::Bytes;
use cairn_engine::{BatchCall, Call, Failure, Reply};
use cairn_shared::message::{BatchRequest, BatchResponse, OwnerResponse, Stored};
use cairn_shared::{Problem, SessionId, UnixMs, route};
use cairn_store::ChunkStore;
use serde::de::DeserializeOwned;

use crate::access::{HostRule, Secret};
use crate::app::app;
use crate::cairn::{Cairn, Stores};
use crate::config::{Config, Given};
use crate::http::Pace;
use crate::upkeep::{Follower, TURN_BYTES, follow};

thread_local! {
    // One simulation to a thread, and its own time in it.
    static NOW: AtomicU64 = const { AtomicU64::new(0) };
    static JUMPED: AtomicU64 = const { AtomicU64::new(0) };
}

/// Sets the server's time.
pub(crate) fn set_now(now: UnixMs) {
    NOW.with(|own| own.store(now, Ordering::SeqCst));
}

/// Sets its clock alone: no time passes.
pub(crate) fn jump(ms: u64) {
    JUMPED.with(|own| own.fetch_add(ms, Ordering::SeqCst));
}

fn now() -> UnixMs {
    passed() + JUMPED.with(|own| own.load(Ordering::SeqCst))
}

fn passed() -> u64 {
    NOW.with(|own| own.load(Ordering::SeqCst))
}

/// Makes a server; its data folder holds the secret alone.
pub(super) fn cairn(data: &std::path::Path) -> Arc<Cairn> {
    cairn_with(data, cairn_store::chunk::memory())
}

/// The same over another store of chunks.
pub(crate) fn cairn_with(data: &std::path::Path, chunks: Arc<dyn ChunkStore>) -> Arc<Cairn> {
    let mut given = Given::new();
    given.insert("listen", "127.0.0.1:0".to_owned());
    given.insert("data", data.display().to_string());
    given.insert("session_ttl", "10m".to_owned());
    let config = Config::read(&given, |_| None, &data.join("none.toml"), false).unwrap();
    let stores = Stores { meta: cairn_store::meta::memory(), chunks };
    let follower = Follower::new();
    actix_web::rt::spawn(follow(stores.clone(), follower.clone(), TURN_BYTES));
    Arc::new(Cairn::new(stores, Secret::new([7; 32]), config, follower).with_clock(now, passed))
}

/// The routes, ready to be called.
pub(crate) async fn routes(
    cairn: &Arc<Cairn>,
) -> impl Service<actix_http::Request, Response = ServiceResponse<impl MessageBody + use<>>, Error = Error> + use<>
{
    let hosts = web::Data::new(HostRule::new(std::iter::empty()));
    let pace = Pace::new(Duration::from_secs(10));
    test::init_service(app(&web::Data::from(cairn.clone()), &hosts, pace, None)).await
}

/// One request of a client's.
pub(super) enum Asked {
    Call(Call),
    Run(SessionId, u32, usize, Vec<u8>),
    Batch(BatchCall),
    Frames(Vec<u8>),
}

/// Carries a request out, and reads the answer as the real clients do.
pub(super) async fn serve<S, B>(routes: &S, owner: &str, asked: Asked) -> Result<Reply, Failure>
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    match asked {
        Asked::Call(Call::Start(body)) => {
            read(ask(routes, owner, Method::POST, "/api/start", json(&body)).await?).map(Reply::Start)
        }
        Asked::Call(Call::Check(id, body)) => {
            read(ask(routes, owner, Method::POST, &route::check(id), json(&body)).await?).map(Reply::Check)
        }
        Asked::Call(Call::Status(id, from)) => {
            read(ask(routes, owner, Method::GET, &route::status(id, from), Body::None).await?)
                .map(Reply::Status)
        }
        Asked::Call(Call::Finish(id, body)) => {
            read(ask(routes, owner, Method::POST, &route::finish(id), json(&body)).await?).map(Reply::Finish)
        }
        Asked::Call(Call::Delete(id)) => {
            ask(routes, owner, Method::DELETE, &route::session(id), Body::None).await.map(|_| Reply::Deleted)
        }
        Asked::Run(id, index, rows, bytes) => {
            ask(routes, owner, Method::PUT, &route::upload(id, index, rows), Body::Bytes(bytes))
                .await
                .map(|_| Reply::Stored)
        }
        Asked::Batch(BatchCall::Start(items)) => {
            batch(routes, owner, route::BATCH_START, json(&BatchRequest { items }), Reply::Start).await
        }
        Asked::Batch(BatchCall::Check(items)) => {
            batch(routes, owner, route::BATCH_CHECK, json(&BatchRequest { items }), Reply::Check).await
        }
        Asked::Batch(BatchCall::Finish(items)) => {
            batch(routes, owner, route::BATCH_FINISH, json(&BatchRequest { items }), Reply::Finish).await
        }
        Asked::Frames(frames) => {
            let stored = |Stored {}| Reply::Stored;
            batch(routes, owner, route::BATCH_UPLOAD, Body::Bytes(frames), stored).await
        }
    }
}

async fn batch<S, B, T: DeserializeOwned>(
    routes: &S,
    owner: &str,
    path: &str,
    body: Body,
    reply: impl Fn(T) -> Reply,
) -> Result<Reply, Failure>
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    let answer: BatchResponse<T> = read(ask(routes, owner, Method::POST, path, body).await?)?;
    Ok(Reply::batch(answer, reply))
}

/// A fresh owner's bearer credential.
pub(crate) async fn owner<S, B>(routes: &S) -> String
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    let made = ask(routes, "", Method::POST, "/api/owner", Body::None).await.unwrap();
    let made: OwnerResponse = serde_json::from_slice(&made).unwrap();
    made.owner_key.to_string()
}

pub(crate) enum Body {
    None,
    Json(Vec<u8>),
    Bytes(Vec<u8>),
}

pub(crate) fn json(body: &impl serde::Serialize) -> Body {
    Body::Json(serde_json::to_vec(body).unwrap())
}

/// One request, and the bytes of its answer.
pub(crate) async fn ask<S, B>(
    routes: &S,
    owner: &str,
    method: Method,
    path: &str,
    body: Body,
) -> Result<Bytes, Failure>
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    let mut request = test::TestRequest::with_uri(path)
        .method(method)
        .peer_addr(std::net::SocketAddr::from(([127, 0, 0, 1], 1)))
        .insert_header((header::HOST, "localhost"));
    if !owner.is_empty() {
        request = request.insert_header((header::AUTHORIZATION, format!("Bearer {owner}")));
    }
    request = match body {
        Body::None => request,
        Body::Json(bytes) => {
            request.insert_header((header::CONTENT_TYPE, "application/json")).set_payload(bytes)
        }
        Body::Bytes(bytes) => request.set_payload(bytes),
    };
    let answer = test::call_service(routes, request.to_request()).await;
    let status = answer.status();
    let bytes = actix_web::body::to_bytes(answer.into_body()).await.map_err(|_| Failure::Network)?;
    if status.is_success() {
        return Ok(bytes);
    }
    assert!(status.as_u16() < 500 || matches!(status.as_u16(), 503 | 507), "{path}: {status}");
    Err(match serde_json::from_slice::<Problem>(&bytes) {
        Ok(problem) => Failure::Problem(Box::new(problem)),
        Err(_) => Failure::Status { status: status.as_u16(), retry_after_seconds: None },
    })
}

fn read<T: DeserializeOwned>(bytes: Bytes) -> Result<T, Failure> {
    serde_json::from_slice(&bytes).map_err(|_| Failure::Network)
}
