//! The DevTools protocol over one WebSocket, every tab and worker a session of it.
//! <https://chromedevtools.github.io/devtools-protocol/>

use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

use crate::clock::Deadline;

/// How long one read waits before deadlines are looked at again.
const READ_WAIT: Duration = Duration::from_millis(50);
const CALL_SECONDS: u64 = 30;

/// Something that happened in the browser.
#[derive(Debug)]
pub(crate) struct Event {
    /// Tab or worker it happened in; nothing for the browser itself.
    pub(crate) session: Option<String>,
    /// Such as `Page.fileChooserOpened`.
    pub(crate) method: String,
    /// What it says.
    pub(crate) params: Value,
}

/// One connection. Used by one thread: events are kept while an answer is waited for.
#[derive(Debug)]
pub(crate) struct Cdp {
    socket: WebSocket<TcpStream>,
    last_id: u64,
    events: Vec<Event>,
}

impl Cdp {
    /// Connects to the browser that listens on `port`; `path` comes with the port from the browser.
    pub(crate) fn connect(port: u16, path: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        let url = format!("ws://127.0.0.1:{port}{path}");
        let (socket, _) = tungstenite::client(url, stream).map_err(|error| anyhow::anyhow!("{error}"))?;
        socket.get_ref().set_read_timeout(Some(READ_WAIT))?;
        Ok(Self { socket, last_id: 0, events: Vec::new() })
    }

    /// Calls a method and waits for its answer.
    pub(crate) fn call(
        &mut self,
        session: Option<&str>,
        method: &str,
        params: Value,
    ) -> anyhow::Result<Value> {
        self.call_within(session, method, params, Deadline::seconds(CALL_SECONDS))
    }

    /// As `call`, with a deadline of its own.
    pub(crate) fn call_within(
        &mut self,
        session: Option<&str>,
        method: &str,
        params: Value,
        deadline: Deadline,
    ) -> anyhow::Result<Value> {
        let id = self.send(session, method, params)?;
        loop {
            if let Some(answer) = self.read(id)? {
                return answer.with_context(|| format!("DevTools: {method}"));
            }
            anyhow::ensure!(!deadline.is_over(), "DevTools: no answer to {method}");
        }
    }

    /// Takes the first event that fits, waiting for it where it has not come yet.
    pub(crate) fn wait_event(
        &mut self,
        deadline: Deadline,
        what: &str,
        fits: impl Fn(&Event) -> bool,
    ) -> anyhow::Result<Event> {
        loop {
            if let Some(at) = self.events.iter().position(&fits) {
                return Ok(self.events.remove(at));
            }
            anyhow::ensure!(!deadline.is_over(), "DevTools: no event {what}");
            self.read(0)?;
        }
    }

    /// Everything that has happened and nobody has taken; it stays.
    pub(crate) fn events(&mut self) -> anyhow::Result<&[Event]> {
        // A round trip: whatever the browser had to say before is here after it.
        self.call(None, "Browser.getVersion", json!({}))?;
        Ok(&self.events)
    }

    fn send(&mut self, session: Option<&str>, method: &str, params: Value) -> anyhow::Result<u64> {
        self.last_id += 1;
        let mut message = json!({ "id": self.last_id, "method": method, "params": params });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        self.socket.send(Message::text(message.to_string())).context("the browser is gone")?;
        Ok(self.last_id)
    }

    /// Reads what comes next, for a short while; gives the answer to `id` where that is it.
    fn read(&mut self, id: u64) -> anyhow::Result<Option<anyhow::Result<Value>>> {
        let text = match self.socket.read() {
            Ok(message) => message.into_text()?,
            Err(tungstenite::Error::Io(error)) if is_wait(&error) => return Ok(None),
            Err(error) => return Err(error).context("the browser is gone"),
        };
        if text.is_empty() {
            return Ok(None);
        }
        let mut message: Value = serde_json::from_str(&text)?;
        if let Some(method) = message["method"].as_str() {
            let session = message["sessionId"].as_str().map(str::to_owned);
            let event = Event { session, method: method.to_owned(), params: message["params"].take() };
            self.happened(event)?;
            return Ok(None);
        }
        if message["id"] != id {
            return Ok(None);
        }
        let error = message["error"]["message"].as_str().map(str::to_owned);
        Ok(Some(error.map_or_else(|| Ok(message["result"].take()), |error| Err(anyhow::anyhow!(error)))))
    }

    fn happened(&mut self, event: Event) -> anyhow::Result<()> {
        if event.method == "Target.attachedToTarget" && event.params["targetInfo"]["type"] == "worker" {
            // Errors in workers count like those of the page. Nobody waits for these answers.
            let worker = event.params["sessionId"].as_str().unwrap_or_default().to_owned();
            for method in ["Runtime.enable", "Log.enable"] {
                self.send(Some(&worker), method, json!({}))?;
            }
        }
        self.events.push(event);
        Ok(())
    }
}

fn is_wait(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}
