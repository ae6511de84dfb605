//! The engine's calls as they run: each can be broken off, and its reply goes back to the engine.

use cairn_engine::{BatchCall, BatchChunk, Call, Failure, Input, Reply, RequestId, UploadId};
use cairn_shared::{Bearer, SessionId};
use serde::de::DeserializeOwned;
use wasm_bindgen_futures::spawn_local;

use super::Shell;
use crate::api::{Request, batch, session};
use crate::platform::http::{Abort, Signal};
use crate::worker::message::{Framed, ToWorker};

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
            let reply = batch::answer(&shell.0.owner, call, signal).await;
            let wanted = shell.0.uploads.borrow_mut().end_call(request);
            if wanted {
                shell.0.uploads.borrow_mut().note_all();
                shell.handle(Input::Reply { request, reply });
            }
        });
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
        let session = session_of(&call);
        let key = session.and_then(|session| self.0.uploads.borrow().session_key(session));
        let ends = matches!(call, Call::Delete(_));
        let reply = session::answer(&self.0.owner, key, call, signal).await?;
        if ends && let Some(session) = session {
            self.0.uploads.borrow_mut().forget_session_key(session);
        }
        Ok(reply)
    }

    /// Gives up a session that an earlier visit left.
    pub(super) async fn delete_session(&self, session: SessionId, key: Bearer) {
        session::give_up(session, key).await;
    }

    /// Asks as this browser's owner.
    pub(super) async fn as_owner<T: DeserializeOwned>(
        &self,
        request: &Request,
        signal: Signal,
    ) -> Result<T, Failure> {
        self.0.owner.ask(request, signal).await
    }
}

const fn session_of(call: &Call) -> Option<SessionId> {
    match call {
        Call::Start(_) => None,
        Call::Check(session, _)
        | Call::Status(session, _)
        | Call::Finish(session, _)
        | Call::Delete(session) => Some(*session),
    }
}
