//! Requests to the server, on the main thread and in the worker.

use std::pin::pin;

use cairn_engine::Failure;
use cairn_shared::route::Method;
use cairn_shared::{Bearer, Problem};
use futures_util::future::{Either, select};
use gloo_net::http::{RequestBuilder, Response};
use js_sys::Uint8Array;
use serde::de::DeserializeOwned;
use wasm_bindgen::JsValue;

use crate::platform::{clock, document};

/// Breaks a request off when it is asked to, or dropped.
pub struct Abort(Option<web_sys::AbortController>);

impl Abort {
    /// One for one request.
    pub fn new() -> Self {
        Self(web_sys::AbortController::new().ok())
    }

    /// What the request listens to.
    pub fn signal(&self) -> Signal {
        Signal(self.0.as_ref().map(web_sys::AbortController::signal))
    }
}

impl Default for Abort {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Abort {
    fn drop(&mut self) {
        if let Some(controller) = &self.0 {
            controller.abort();
        }
    }
}

/// The request's end of an [`Abort`].
#[derive(Clone)]
pub struct Signal(Option<web_sys::AbortSignal>);

/// Who has not answered by then does not answer, in milliseconds: as the engine has it.
const ANSWER_MS_MAX: u32 = 30_000;

/// Asks, and breaks it off where that takes too long.
pub async fn in_time<T>(ask: impl AsyncFnOnce(Signal) -> Result<T, Failure>) -> Result<T, Failure> {
    let abort = Abort::new();
    match select(pin!(ask(abort.signal())), pin!(clock::sleep(ANSWER_MS_MAX))).await {
        Either::Left((answer, _)) => answer,
        Either::Right(_) => Err(Failure::Network),
    }
}

/// What a request carries.
pub enum Body {
    /// Nothing.
    Empty,
    /// JSON text.
    Json(String),
    /// Raw bytes.
    Bytes(Uint8Array),
}

/// A request that has not been sent yet.
pub struct Ask<'a> {
    /// The method.
    pub method: Method,
    /// The address.
    pub url: &'a str,
    /// The credential.
    pub bearer: Option<Bearer>,
    /// The body.
    pub body: Body,
}

/// Sends it and reads a JSON answer.
pub async fn json<T: DeserializeOwned>(ask: Ask<'_>, signal: Signal) -> Result<T, Failure> {
    let response = send(ask, signal).await?;
    // One that can't be read was cut short; one that is no JSON came from something that is not our server.
    let text = response.text().await.map_err(|_| Failure::Network)?;
    serde_json::from_str(&text)
        .map_err(|_| Failure::Status { status: response.status(), retry_after_seconds: None })
}

/// Sends it; the answer carries nothing but success.
pub async fn empty(ask: Ask<'_>, signal: Signal) -> Result<(), Failure> {
    send(ask, signal).await.map(|_| ())
}

async fn send(ask: Ask<'_>, signal: Signal) -> Result<Response, Failure> {
    let mut builder = RequestBuilder::new(&document::here(ask.url))
        .method(method(ask.method))
        .cache(web_sys::RequestCache::NoStore)
        .credentials(web_sys::RequestCredentials::SameOrigin)
        // Followed to another origin it would look like no answer at all.
        .redirect(web_sys::RequestRedirect::Manual)
        .abort_signal(signal.0.as_ref());
    if let Some(bearer) = ask.bearer {
        builder = builder.header("authorization", &format!("Bearer {bearer}"));
    }
    let request = match ask.body {
        Body::Empty => builder.build(),
        Body::Json(text) => builder.header("content-type", "application/json").body(text),
        Body::Bytes(bytes) => {
            builder.header("content-type", "application/octet-stream").body(JsValue::from(bytes))
        }
    };
    let response = match request {
        Ok(request) => request.send().await.map_err(|_| Failure::Network)?,
        Err(_) => return Err(Failure::Network),
    };
    if response.ok() && !is_page(&response) { Ok(response) } else { Err(failure(&response).await) }
}

fn method(method: Method) -> gloo_net::http::Method {
    match method {
        Method::Get => gloo_net::http::Method::GET,
        Method::Post => gloo_net::http::Method::POST,
        Method::Put => gloo_net::http::Method::PUT,
        Method::Delete => gloo_net::http::Method::DELETE,
    }
}

/// A page is no answer of the API's.
fn is_page(response: &Response) -> bool {
    response.headers().get("content-type").is_some_and(|kind| kind.starts_with("text/html"))
}

async fn failure(response: &Response) -> Failure {
    let headers = response.headers();
    let retry_after_seconds = headers.get("retry-after").and_then(|text| text.trim().parse().ok());
    let kind = headers.get("content-type").unwrap_or_default();
    if kind.starts_with("application/problem+json")
        && let Ok(problem) = response.json::<Problem>().await
    {
        return Failure::Problem(Box::new(problem));
    }
    // Of a redirect that is not followed the browser tells nothing.
    let status = if response.status() == 0 { 302 } else { response.status() };
    Failure::Status { status, retry_after_seconds }
}
