//! A client that speaks HTTP by itself, so that it can stop wherever it likes; and the plain requests around it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::Context;
use cairn_e2e::Server;
use serde_json::{Value, json};

/// Bytes of one chunk.
pub(super) const CHUNK_BYTES: usize = 1 << 20;
/// No answer is waited for longer.
const WAIT: Duration = Duration::from_secs(60);

/// Asks the server, as one owner.
pub(super) struct Client<'a> {
    server: &'a Server,
    agent: ureq::Agent,
    bearer: String,
}

impl<'a> Client<'a> {
    /// A new owner.
    pub(super) fn new(server: &'a Server) -> anyhow::Result<Self> {
        let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(WAIT)).build().into();
        let mut client = Self { server, agent, bearer: String::new() };
        let made = client.ask("/api/owner", &json!({}))?;
        client.bearer = format!("Bearer {}", made["owner_key"].as_str().context("an owner has a key")?);
        Ok(client)
    }

    /// A request with JSON both ways.
    pub(super) fn ask(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let mut request = self.agent.post(self.server.url(path)).header("Content-Type", "application/json");
        if !self.bearer.is_empty() {
            request = request.header("Authorization", &self.bearer);
        }
        Ok(serde_json::from_str(&request.send(body.to_string())?.body_mut().read_to_string()?)?)
    }

    /// A session of so many chunks.
    pub(super) fn start(&self, chunks: usize) -> anyhow::Result<String> {
        let chunking = format!("fixed/{CHUNK_BYTES}");
        let fields = json!({"name": "a.bin", "size": chunks * CHUNK_BYTES, "chunking": chunking});
        let started = self.ask("/api/start", &fields)?;
        Ok(started["session_id"].as_str().context("a session has an id")?.to_owned())
    }

    /// Uploads a chunk.
    pub(super) fn put(&self, session: &str, index: usize, bytes: &[u8]) -> anyhow::Result<()> {
        let put = self.agent.put(self.server.url(&format!("/api/upload/{session}/{index}")));
        put.header("Authorization", &self.bearer).send(bytes)?;
        Ok(())
    }

    /// What a reverse proxy asks.
    pub(super) fn health(&self) -> anyhow::Result<()> {
        self.agent.get(self.server.url("/healthz")).call()?.body_mut().read_to_string()?;
        Ok(())
    }

    /// Begins to upload a chunk, sends `bytes` of it, and no more.
    pub(super) fn begin(&self, session: &str, bytes: &[u8]) -> anyhow::Result<TcpStream> {
        let mut socket = TcpStream::connect(self.server.address())?;
        let (address, bearer) = (self.server.address(), &self.bearer);
        write!(
            socket,
            "PUT /api/upload/{session}/0 HTTP/1.1\r\nHost: {address}\r\nAuthorization: {bearer}\r\n\
             Content-Length: {CHUNK_BYTES}\r\n\r\n"
        )?;
        socket.write_all(bytes)?;
        Ok(socket)
    }

    /// Asks for a path, and gives the connection with the answer in it, unread.
    pub(super) fn open(&self, path: &str) -> anyhow::Result<TcpStream> {
        let mut socket = TcpStream::connect(self.server.address())?;
        socket.set_read_timeout(Some(WAIT))?;
        write!(socket, "GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.server.address())?;
        Ok(socket)
    }
}

/// The status of the answer that comes; `None` where the connection ends without one.
pub(super) fn status(socket: &mut TcpStream) -> anyhow::Result<Option<u16>> {
    socket.set_read_timeout(Some(WAIT))?;
    let mut head = [0; 12];
    match socket.read_exact(&mut head) {
        Ok(()) => Ok(Some(std::str::from_utf8(&head[9..])?.parse()?)),
        Err(_) => Ok(None),
    }
}

/// As much of it as is asked for: `compressible` as text is, or not at all.
pub(super) fn content(seed: u64, length: usize, compressible: bool) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let word = if compressible { state & 0x0303_0303_0303_0303 } else { state };
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Bytes as MiB.
pub(super) fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
