//! What the page asks of the server: one small file for each kind of call, over `platform::http`.

pub mod batch;
pub mod own;
pub mod owner;
pub mod session;

use cairn_engine::Failure;
use cairn_shared::Bearer;
use cairn_shared::route::{Method, Route};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::platform::http::{self, Ask, Body, Signal};

/// A request without its credential.
pub struct Request {
    method: Method,
    url: String,
    json: Option<String>,
}

impl Request {
    /// One without a body.
    pub fn new(route: Route, url: String) -> Self {
        Self { method: route.method(), url, json: None }
    }

    /// One to the route's only address.
    pub fn to(route: Route) -> Self {
        Self::new(route, route.pattern().to_owned())
    }

    /// Gives it a body.
    pub fn with(mut self, body: &impl Serialize) -> Self {
        self.json = serde_json::to_string(body).ok();
        self
    }

    /// Sends it and reads a JSON answer.
    pub async fn json<T: DeserializeOwned>(&self, bearer: Bearer, signal: Signal) -> Result<T, Failure> {
        http::json(self.ask(bearer), signal).await
    }

    /// Sends it; the answer carries nothing but success.
    pub async fn empty(&self, bearer: Bearer, signal: Signal) -> Result<(), Failure> {
        http::empty(self.ask(bearer), signal).await
    }

    fn ask(&self, bearer: Bearer) -> Ask<'_> {
        let body = self.json.clone().map_or(Body::Empty, Body::Json);
        Ask { method: self.method, url: &self.url, bearer: Some(bearer), body }
    }
}
