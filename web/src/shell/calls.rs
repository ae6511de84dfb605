//! The JSON requests: the engine's calls, and those that go with them.

use cairn_engine::{BatchCall, BatchChunk, Call, Failure, Input, Reply, RequestId, UploadId};
use cairn_shared::message::{BatchRequest, BatchResponse};
use cairn_shared::route::{self, Method, Route};
use cairn_shared::{Bearer, SessionId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen_futures::spawn_local;

use super::Shell;
use crate::owner::is_stale;
use crate::platform::http::{self, Abort, Ask, Body, Signal};
use crate::worker::message::{Framed, ToWorker};

/// A request without its credential.
pub(super) struct Request {
    method: Method,
    url: String,
    json: Option<String>,
}

impl Request {
    pub(super) fn new(route: Route, url: String) -> Self {
        Self { method: route.method(), url, json: None }
    }

    pub(super) fn with(mut self, body: &impl Serialize) -> Self {
        self.json = serde_json::to_string(body).ok();
        self
    }

    pub(super) fn ask(&self, bearer: Bearer) -> Ask<'_> {
        let body = self.json.clone().map_or(Body::Empty, Body::Json);
        Ask { method: self.method, url: &self.url, bearer: Some(bearer), body }
    }
}

impl Shell {
    /// Makes a call of the engine's and tells it the reply.
    pub(super) fn call(&self, request: RequestId, upload: UploadId, call: Call) {
        let abort = Abort::new();
        let signal = abort.signal();
        self.0.uploads.borrow_mut().keep_call(request, abort);
        let shell = self.clone();
        spawn_local(async move {
            let reply = shell.answer(call, signal).await;
            let wanted = shell.0.uploads.borrow_mut().end_call(request);
            if wanted {
                shell.0.uploads.borrow_mut().note(upload);
                shell.handle(Input::Reply { request, reply });
            }
        });
    }

    /// Makes a batch of the engine's calls and tells it the replies.
    pub(super) fn batch(&self, request: RequestId, call: BatchCall) {
        let abort = Abort::new();
        let signal = abort.signal();
        self.0.uploads.borrow_mut().keep_call(request, abort);
        let shell = self.clone();
        spawn_local(async move {
            let reply = match call {
                BatchCall::Start(items) => {
                    shell.together(Route::BatchStart, items, signal, Reply::Start).await
                }
                BatchCall::Check(items) => {
                    shell.together(Route::BatchCheck, items, signal, Reply::Check).await
                }
                BatchCall::Finish(items) => {
                    shell.together(Route::BatchFinish, items, signal, Reply::Finish).await
                }
            };
            let wanted = shell.0.uploads.borrow_mut().end_call(request);
            if wanted {
                shell.0.uploads.borrow_mut().note_all();
                shell.handle(Input::Reply { request, reply });
            }
        });
    }

    async fn together<T: DeserializeOwned>(
        &self,
        route: Route,
        items: Vec<impl Serialize>,
        signal: Signal,
        reply: impl Fn(T) -> Reply,
    ) -> Result<Reply, Failure> {
        let request = Request::new(route, route.pattern().to_owned()).with(&BatchRequest { items });
        let answer: BatchResponse<T> = self.as_owner(&request, signal).await?;
        Ok(Reply::batch(answer, reply))
    }

    /// Has the worker that holds small chunks send them in one request.
    pub(super) fn send_together(&self, request: RequestId, chunks: &[BatchChunk]) {
        let Some(first) = chunks.first().map(|chunk| chunk.upload) else { return };
        let framed = |c: &BatchChunk| Framed(c.upload.0, c.session, c.index, c.chunk.into());
        let chunks: Vec<Framed> = chunks.iter().map(framed).collect();
        let shell = self.clone();
        spawn_local(async move {
            match shell.0.owner.key().await {
                Ok(bearer) => {
                    let request = request.0;
                    shell.0.pool.post(first, &ToWorker::SendBatch { request, chunks, bearer });
                }
                Err(failure) => shell.handle(Input::Reply { request, reply: Err(failure) }),
            }
        });
    }

    async fn answer(&self, call: Call, signal: Signal) -> Result<Reply, Failure> {
        match call {
            Call::Start(body) => {
                let request = Request::new(Route::Start, Route::Start.pattern().to_owned()).with(&body);
                self.as_owner(&request, signal).await.map(Reply::Start)
            }
            Call::Check(session, body) => {
                let request = Request::new(Route::Check, route::check(session)).with(&body);
                self.in_session(session, &request, signal).await.map(Reply::Check)
            }
            Call::Status(session, from) => {
                let request = Request::new(Route::Status, route::status(session, from));
                self.in_session(session, &request, signal).await.map(Reply::Status)
            }
            Call::Finish(session, body) => {
                let request = Request::new(Route::Finish, route::finish(session)).with(&body);
                self.in_session(session, &request, signal).await.map(Reply::Finish)
            }
            Call::Delete(session) => {
                let request = Request::new(Route::SessionDelete, route::session(session));
                let bearer = self.session_bearer(session).await?;
                http::empty(request.ask(bearer), signal).await?;
                self.0.uploads.borrow_mut().forget_session_key(session);
                Ok(Reply::Deleted)
            }
        }
    }

    /// Asks with the owner key; makes a new one, once, where the server no longer knows it.
    pub(super) async fn as_owner<T: DeserializeOwned>(
        &self,
        request: &Request,
        signal: Signal,
    ) -> Result<T, Failure> {
        let key = self.0.owner.key().await?;
        match http::json(request.ask(key), signal.clone()).await {
            Err(failure) if is_stale(&failure) => {
                self.0.owner.drop_stale(key).await;
                let key = self.0.owner.key().await?;
                http::json(request.ask(key), signal).await
            }
            answer => answer,
        }
    }

    async fn in_session<T: DeserializeOwned>(
        &self,
        session: SessionId,
        request: &Request,
        signal: Signal,
    ) -> Result<T, Failure> {
        let bearer = self.session_bearer(session).await?;
        http::json(request.ask(bearer), signal).await
    }

    /// The session's own key, which stays good where the owner key was lost; else the owner key.
    async fn session_bearer(&self, session: SessionId) -> Result<Bearer, Failure> {
        let key = self.0.uploads.borrow().session_key(session);
        match key {
            Some(key) => Ok(key),
            None => self.0.owner.key().await,
        }
    }

    /// Gives up a session that an earlier visit left.
    pub(super) async fn delete_session(&self, session: SessionId, key: Bearer) {
        let request = Request::new(Route::SessionDelete, route::session(session));
        // A session that stays is swept when its time is over.
        let _ = http::in_time(async |signal| http::empty(request.ask(key), signal).await).await;
    }
}
