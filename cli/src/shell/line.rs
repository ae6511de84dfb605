//! Requests: a pool of threads that send what the engine asks for, and tell the replies.

use std::collections::HashSet;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use cairn_engine::{BatchCall, BatchChunk, Call, ChunkRef, Failure, Input, Reply, RequestId, UploadId};
use cairn_shared::frame::FrameHead;
use cairn_shared::message::{BatchRequest, BatchResponse, Stored};
use cairn_shared::{Bearer, ProblemCode, SessionId, route};
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::{Method, Request, Response};
use ureq::{Agent, AsSendBody, Body, SendBody};

use super::Event;
use super::answer::{failure, is_page, read};
use super::joined::Joined;
use super::pause::patiently;
use super::reader::Held;
use super::waits;
use crate::agent;

/// The longest wait for one request, chunk or answer: the engine's own watchdog is shorter for most.
const REQUEST_TIME: Duration = Duration::from_secs(600);
/// The longest wait for a connection.
const CONNECT_TIME: Duration = Duration::from_secs(15);
/// The longest wait for an answer, once a request is sent.
const ANSWER_TIME: Duration = Duration::from_secs(60);

/// The way to one server.
#[derive(Clone)]
pub(crate) struct Line {
    agent: Agent,
    server: String,
    /// Why there was no answer, the last time.
    silence: Arc<Mutex<Option<String>>>,
}

impl Line {
    /// A way to the server at `http://` or `https://` address `server`.
    pub(crate) fn new(server: &str) -> anyhow::Result<Self> {
        let server = server.trim_end_matches('/').to_owned();
        anyhow::ensure!(
            server.starts_with("http://") || server.starts_with("https://"),
            "--server \"{server}\" must begin with http:// or https://"
        );
        let config = agent::agent(&server)
            .timeout_global(Some(REQUEST_TIME))
            .timeout_connect(Some(CONNECT_TIME))
            .timeout_recv_response(Some(ANSWER_TIME))
            .build();
        Ok(Self { agent: config.new_agent(), server, silence: Arc::default() })
    }

    /// The server's address, without a slash at its end.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// An address on the server.
    pub(crate) fn absolute(&self, path: &str) -> String {
        format!("{}{path}", self.server)
    }

    /// `POST` without a body and without a credential; again where the server is there and asks to wait.
    pub(crate) fn post_empty<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let ask = || self.send(Method::POST, path, None, ());
        // Who names a server that is not there is told so at once.
        let may_pass = |failure: &Failure| failure.may_pass() && !matches!(failure, Failure::Network);
        self.explain(patiently(self, ask, may_pass).and_then(read))
    }

    /// `POST` of JSON.
    pub(crate) fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        credential: Bearer,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.send_json(path, credential, body).and_then(read)
    }

    /// `GET` of JSON.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str, credential: Bearer) -> Result<T, Failure> {
        self.send(Method::GET, path, Some(credential), ()).and_then(read)
    }

    /// `PUT` of one row's bytes.
    pub(crate) fn put(
        &self,
        session: SessionId,
        index: u32,
        bytes: Bytes,
        credential: Bearer,
    ) -> Result<(), Failure> {
        self.put_run(session, index, vec![bytes], credential).map(|_| ())
    }

    /// `DELETE`.
    pub(crate) fn delete(&self, path: &str, credential: Bearer) -> Result<(), Failure> {
        self.send(Method::DELETE, path, Some(credential), ()).map(|_| ())
    }

    /// A failure in words.
    pub(crate) fn explain<T>(&self, answer: Result<T, Failure>) -> anyhow::Result<T> {
        answer.map_err(|failure| anyhow::anyhow!(self.words(&failure)))
    }

    /// The same, as text.
    pub(crate) fn words(&self, failure: &Failure) -> String {
        match failure {
            Failure::Network => match &*self.silence.lock().unwrap_or_else(PoisonError::into_inner) {
                Some(why) => format!("{} does not answer: {why}", self.server),
                None => format!("{} does not answer", self.server),
            },
            Failure::Status { status: ..400, .. } => waits::stranger(&self.server),
            Failure::Status { status, .. } => format!("{} answered with {status}", self.server),
            Failure::Problem(problem) if failure.may_pass() => format!("{} says: {problem}", self.server),
            Failure::Problem(problem) => format!("{} refuses: {problem}", self.server),
        }
    }

    fn send(
        &self,
        method: Method,
        path: &str,
        credential: Option<Bearer>,
        body: impl AsSendBody,
    ) -> Result<Response<Body>, Failure> {
        let mut request = Request::builder().method(method).uri(self.absolute(path));
        if let Some(credential) = credential {
            request = request.header("Authorization", format!("Bearer {credential}"));
        }
        self.run(request, body)
    }

    /// The bytes go as they lie, without a copy that has them together.
    fn put_run(
        &self,
        session: SessionId,
        index: u32,
        bytes: Vec<Bytes>,
        credential: Bearer,
    ) -> Result<Response<Body>, Failure> {
        let path = route::upload(session, index, bytes.len());
        let length: usize = bytes.iter().map(Bytes::len).sum();
        let request = Request::builder()
            .method(Method::PUT)
            .uri(self.absolute(&path))
            .header("Authorization", format!("Bearer {credential}"))
            .header("Content-Length", length);
        self.run(request, SendBody::from_owned_reader(Joined(bytes.into())))
    }

    fn send_json(
        &self,
        path: &str,
        credential: Bearer,
        body: &impl Serialize,
    ) -> Result<Response<Body>, Failure> {
        let json = serde_json::to_vec(body).map_err(|_| Failure::Network)?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.absolute(path))
            .header("Authorization", format!("Bearer {credential}"))
            .header("Content-Type", "application/json");
        self.run(request, &json[..])
    }

    fn run(
        &self,
        request: ureq::http::request::Builder,
        body: impl AsSendBody,
    ) -> Result<Response<Body>, Failure> {
        let request = request.body(body).map_err(|_| Failure::Network)?;
        let response = self.agent.run(request).map_err(|error| {
            let why = agent::reason(&error);
            *self.silence.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
            Failure::Network
        })?;
        if response.status().is_success() && !is_page(&response) {
            Ok(response)
        } else {
            Err(failure(response))
        }
    }
}

/// One request of the engine's.
pub(crate) struct Errand {
    request: RequestId,
    what: What,
    credential: Bearer,
    again: bool,
}

enum What {
    Call(Call),
    /// Chunks that lie one behind the other, for rows from `index` on.
    Run {
        session: SessionId,
        index: u32,
        upload: UploadId,
        chunks: Vec<ChunkRef>,
    },
    Batch(BatchCall),
    Chunks(Vec<BatchChunk>),
}

impl Errand {
    /// A JSON request.
    pub(crate) fn call(request: RequestId, call: Call, credential: Bearer) -> Self {
        Self { request, what: What::Call(call), credential, again: false }
    }

    /// Chunks that lie one behind the other, and where they go.
    pub(crate) fn run(
        request: RequestId,
        (session, index): (SessionId, u32),
        (upload, chunks): (UploadId, Vec<ChunkRef>),
        credential: Bearer,
    ) -> Self {
        let what = What::Run { session, index, upload, chunks };
        Self { request, what, credential, again: false }
    }

    /// Many JSON requests.
    pub(crate) fn batch(request: RequestId, call: BatchCall, credential: Bearer) -> Self {
        Self { request, what: What::Batch(call), credential, again: false }
    }

    /// Many small chunks.
    pub(crate) fn chunks(request: RequestId, chunks: Vec<BatchChunk>, credential: Bearer) -> Self {
        Self { request, what: What::Chunks(chunks), credential, again: false }
    }

    /// The same for another credential; its next answer counts, whatever it is.
    pub(crate) fn with_credential(self, credential: Bearer) -> Self {
        Self { credential, again: true, ..self }
    }
}

/// The pool of threads.
pub(crate) struct Senders {
    errands: Sender<Errand>,
    aborted: Arc<Mutex<HashSet<RequestId>>>,
}

impl Senders {
    /// Starts `threads` of them; they end with the shell.
    pub(crate) fn start(threads: usize, line: &Line, held: &Held, tell: &Sender<Event>) -> Self {
        let (errands, queue) = mpsc::channel();
        let queue = Arc::new(Mutex::new(queue));
        let aborted = Arc::new(Mutex::new(HashSet::new()));
        for _ in 0..threads {
            let thread = Thread {
                line: line.clone(),
                held: held.clone(),
                tell: tell.clone(),
                queue: queue.clone(),
                aborted: aborted.clone(),
            };
            std::thread::spawn(move || thread.run());
        }
        Self { errands, aborted }
    }

    /// Hands an errand to the next free thread.
    pub(crate) fn send(&self, errand: Errand) {
        // The threads end only after the shell.
        let _ = self.errands.send(errand);
    }

    /// Drops an errand that has not left yet; the reply of one under way is ignored by the engine.
    pub(crate) fn abort(&self, request: RequestId) {
        self.aborted.lock().unwrap_or_else(PoisonError::into_inner).insert(request);
    }
}

struct Thread {
    line: Line,
    held: Held,
    tell: Sender<Event>,
    queue: Arc<Mutex<Receiver<Errand>>>,
    aborted: Arc<Mutex<HashSet<RequestId>>>,
}

impl Thread {
    fn run(self) {
        loop {
            let errand = self.queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(errand) = errand else { return };
            if self.aborted.lock().unwrap_or_else(PoisonError::into_inner).remove(&errand.request) {
                continue;
            }
            let reply = self.carry_out(&errand);
            let unknown = matches!(&reply, Err(Failure::Problem(problem)) if problem.code == ProblemCode::CredentialUnknown);
            let event = if unknown && !errand.again {
                Event::UnknownOwner(errand)
            } else {
                Event::Inputs(vec![Input::Reply { request: errand.request, reply }])
            };
            if self.tell.send(event).is_err() {
                return;
            }
        }
    }

    fn carry_out(&self, errand: &Errand) -> Result<Reply, Failure> {
        let (line, credential) = (&self.line, errand.credential);
        match &errand.what {
            What::Call(Call::Start(body)) => {
                line.send_json("/api/start", credential, body).and_then(read).map(Reply::Start)
            }
            What::Call(Call::Check(session, body)) => {
                line.send_json(&route::check(*session), credential, body).and_then(read).map(Reply::Check)
            }
            What::Call(Call::Status(session, from)) => {
                let path = route::status(*session, *from);
                line.send(Method::GET, &path, Some(credential), ()).and_then(read).map(Reply::Status)
            }
            What::Call(Call::Finish(session, body)) => {
                line.send_json(&route::finish(*session), credential, body).and_then(read).map(Reply::Finish)
            }
            What::Call(Call::Delete(session)) => {
                let path = route::session(*session);
                line.send(Method::DELETE, &path, Some(credential), ()).map(|_| Reply::Deleted)
            }
            What::Run { session, index, upload, chunks } => {
                // Released bytes belong to an aborted send: nobody waits for this reply.
                let bytes = chunks.iter().map(|chunk| self.held.get(*upload, *chunk));
                let bytes: Vec<Bytes> = bytes.collect::<Option<_>>().ok_or(Failure::Network)?;
                line.put_run(*session, *index, bytes, credential).map(|_| Reply::Stored)
            }
            What::Batch(BatchCall::Start(items)) => {
                self.batch(route::BATCH_START, credential, items, Reply::Start)
            }
            What::Batch(BatchCall::Check(items)) => {
                self.batch(route::BATCH_CHECK, credential, items, Reply::Check)
            }
            What::Batch(BatchCall::Finish(items)) => {
                self.batch(route::BATCH_FINISH, credential, items, Reply::Finish)
            }
            What::Chunks(chunks) => self.send_chunks(credential, chunks),
        }
    }

    fn batch<T: DeserializeOwned>(
        &self,
        path: &str,
        credential: Bearer,
        items: &[impl Serialize],
        reply: impl Fn(T) -> Reply,
    ) -> Result<Reply, Failure> {
        let answer = self.line.send_json(path, credential, &BatchRequest { items });
        Ok(Reply::batch(answer.and_then(read::<BatchResponse<T>>)?, reply))
    }

    /// Sends what is still held; what is not belongs to a file that was cancelled or is read again.
    fn send_chunks(&self, credential: Bearer, chunks: &[BatchChunk]) -> Result<Reply, Failure> {
        let mut body = Vec::new();
        let mut is_sent = Vec::with_capacity(chunks.len());
        for BatchChunk { upload, session, index, chunk } in chunks {
            let bytes = self.held.get(*upload, *chunk);
            is_sent.push(bytes.is_some());
            if let Some(bytes) = bytes {
                let head = FrameHead { session: *session, index: *index, length: chunk.length };
                body.extend_from_slice(&head.to_bytes());
                body.extend_from_slice(&bytes);
            }
        }
        let answer = self.line.send(Method::POST, route::BATCH_UPLOAD, Some(credential), &body[..]);
        let Reply::Batch(stored) =
            Reply::batch(answer.and_then(read::<BatchResponse<Stored>>)?, |Stored {}| Reply::Stored)
        else {
            return Err(Failure::Network);
        };
        let mut stored = stored.into_iter();
        let item = |is_sent| if is_sent { stored.next() } else { None };
        let items = is_sent.into_iter().map(item).map(|item| item.unwrap_or(Err(Failure::Network)));
        Ok(Reply::Batch(items.collect()))
    }
}
