//! The way to the server: what it lists, and bytes. What is no answer of Cairn's is told from one.

use std::thread;
use std::time::Duration;

use cairn_shared::ManifestDigest;
use cairn_shared::message::LinkListResponse;
use ureq::http::Response;
use ureq::{Agent, Body};

use super::address::Address;
use crate::{agent, say};

/// The longest wait for a connection, an answer, or the next bytes.
const WAIT: Duration = Duration::from_secs(60);
/// Attempts without a single new byte before it gives up.
pub(super) const TRIES_MAX: u32 = 5;
/// The longest pause that a server is granted.
const PAUSE_SECONDS_MAX: u32 = 60;
/// Redirects that are followed, on the same host.
const REDIRECTS_MAX: u32 = 5;
/// A page of a list is no longer than this, in bytes.
const LIST_BYTES_MAX: u64 = 8 << 20;

/// Why something does not come.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The line or the server, for now: going on may help. After so many seconds, where the server says so.
    Passes { why: String, after_seconds: Option<u32> },
    /// It is the same for everything that is asked of this server.
    Server(String),
    /// This one thing.
    Thing(String),
    /// It has another content by now.
    Changed,
}

impl Trouble {
    /// One that passes.
    pub(super) fn passes(why: impl Into<String>) -> Self {
        Self::Passes { why: why.into(), after_seconds: None }
    }
}

/// An agent for one link.
pub(super) struct Line {
    agent: Agent,
    pub(super) address: Address,
    tries: u32,
}

impl Line {
    pub(super) fn new(address: Address) -> Self {
        Self::patient(address, WAIT, TRIES_MAX)
    }

    /// One that waits so long, and tries so often.
    pub(super) fn patient(address: Address, wait: Duration, tries: u32) -> Self {
        let config = agent::agent(&address.link)
            .timeout_connect(Some(wait))
            .timeout_recv_response(Some(wait))
            .timeout_per_read(Some(wait));
        Self { agent: config.build().new_agent(), address, tries }
    }

    /// A page of what lies at `inside`, behind `after`; it is asked for again while that may help.
    pub(super) fn list(
        &self,
        inside: Option<&str>,
        after: Option<&str>,
    ) -> Result<LinkListResponse, Trouble> {
        let url = self.address.list(inside, after);
        self.patiently(|| {
            let mut response = self.ask(&url, &[])?;
            check(&response, &url)?;
            let read = response.body_mut().with_config().limit(LIST_BYTES_MAX).read_to_vec();
            let bytes = read.map_err(|error| Trouble::passes(agent::reason(&error)))?;
            serde_json::from_slice(&bytes).map_err(|_| stranger(&url))
        })
    }

    /// The bytes at `url` from `have` on, or from the beginning where somebody between drops the range; only those of this content.
    pub(super) fn bytes(
        &self,
        url: &str,
        tag: Option<ManifestDigest>,
        have: u64,
    ) -> Result<Response<Body>, Trouble> {
        let mut headers = Vec::new();
        if let Some(tag) = tag {
            headers.push(("If-Match", format!("\"{tag}\"")));
        }
        if have > 0 {
            headers.push(("Range", format!("bytes={have}-")));
        }
        let response = self.ask(url, &headers)?;
        check(&response, url)?;
        if header(&response, "content-type").is_some_and(|kind| kind.starts_with("text/html")) {
            // Cairn gives nothing of this type out.
            return Err(stranger(url));
        }
        if header(&response, "content-encoding").is_some_and(|coding| coding != "identity") {
            return Err(Trouble::Server(format!(
                "something between changes the bytes of {url} (Content-Encoding)"
            )));
        }
        // What a proxy made of the tag (weak, with a suffix) says nothing; another digest in it does.
        let given = header(&response, "etag").and_then(digest_in);
        if tag.is_some() && given.is_some() && given != tag {
            return Err(Trouble::Changed);
        }
        Ok(response)
    }

    /// One answer; follows what leads to another address of the same host.
    fn ask(&self, url: &str, headers: &[(&str, String)]) -> Result<Response<Body>, Trouble> {
        let mut url = url.to_owned();
        for _ in 0..=REDIRECTS_MAX {
            let mut request = self.agent.get(&url).header("Accept-Encoding", "identity");
            for (name, value) in headers {
                request = request.header(*name, value);
            }
            let response = request.call().map_err(|error| failed(&url, &error))?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            let to = header(&response, "location").unwrap_or_default();
            url = led_to(&url, to).ok_or_else(|| stranger(&url))?;
        }
        Err(stranger(&url))
    }

    /// Asks until there is an answer, or no hope of one.
    fn patiently<T>(&self, ask: impl Fn() -> Result<T, Trouble>) -> Result<T, Trouble> {
        let mut patience = Patience::new(self.tries);
        loop {
            match ask() {
                Err(Trouble::Passes { why, after_seconds }) => patience.wait(why, after_seconds)?,
                answer => {
                    patience.end();
                    return answer;
                }
            }
        }
    }

    /// For somebody who asks until it helps.
    pub(super) fn patience(&self) -> Patience {
        Patience::new(self.tries)
    }
}

/// Pauses between attempts, longer each time; told once when they begin and once when they end.
pub(super) struct Patience {
    tries: u32,
    most: u32,
    is_told: bool,
}

impl Patience {
    fn new(most: u32) -> Self {
        Self { tries: 0, most, is_told: false }
    }

    /// Waits; `Server` where it was tried often enough.
    pub(super) fn wait(&mut self, why: String, after_seconds: Option<u32>) -> Result<(), Trouble> {
        self.tries += 1;
        if self.tries > self.most {
            return Err(Trouble::Server(format!("{why}. What came is kept: run it again to go on")));
        }
        if !self.is_told {
            self.is_told = true;
            say::notice(&format!("waiting: {why}"));
        }
        say::progress(&format!("waiting: {why}"));
        let asked = after_seconds.map(|seconds| Duration::from_secs(seconds.min(PAUSE_SECONDS_MAX).into()));
        thread::sleep(asked.unwrap_or_else(|| Duration::from_millis(250 << self.tries)));
        Ok(())
    }

    /// Something came: it begins to count anew.
    pub(super) fn end(&mut self) {
        if self.is_told {
            self.is_told = false;
            say::notice("it goes on");
        }
        self.tries = 0;
    }
}

fn failed(url: &str, error: &ureq::Error) -> Trouble {
    let (server, why) = (server_of(url), agent::reason(error));
    let may_pass =
        matches!(error, ureq::Error::Io(_) | ureq::Error::Timeout(_) | ureq::Error::ConnectionFailed);
    if may_pass && !agent::is_of_certificate(error) {
        return Trouble::passes(format!("{server} does not answer: {why}"));
    }
    Trouble::Server(format!("{server} can't be reached: {why}"))
}

/// `Ok` for an answer that has what was asked for.
fn check(response: &Response<Body>, url: &str) -> Result<(), Trouble> {
    let status = response.status().as_u16();
    match status {
        200 | 206 => Ok(()),
        404 | 410 => Err(Trouble::Thing(format!("there is nothing behind this link (status {status})"))),
        412 => Err(Trouble::Changed),
        416 => Err(Trouble::Thing("it is shorter than what lies here".to_owned())),
        429 | 500.. => {
            let why = format!("the server can't give it now (status {status})");
            let after_seconds = header(response, "retry-after").and_then(|seconds| seconds.parse().ok());
            Err(Trouble::Passes { why, after_seconds })
        }
        401 | 403 | 407 => Err(Trouble::Server(format!(
            "{} wants a login first (status {status}): is something in front of the server?",
            server_of(url)
        ))),
        _ => Err(Trouble::Server(format!("{} refuses this (status {status})", server_of(url)))),
    }
}

/// What answers there is not Cairn.
fn stranger(url: &str) -> Trouble {
    Trouble::Server(format!(
        "something else than Cairn answers at {url} (a login page?): open the link in a browser to see what it is"
    ))
}

/// Where a redirect leads, as long as that is the same host.
fn led_to(from: &str, to: &str) -> Option<String> {
    let (scheme, rest) = from.split_once("://")?;
    let host = rest.split(['/', '?']).next()?;
    if to.starts_with('/') && !to.starts_with("//") {
        return Some(format!("{scheme}://{host}{to}"));
    }
    let (new_scheme, new_rest) = to.split_once("://")?;
    let name = |host: &str| host.rsplit_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase();
    let is_same = name(new_rest.split(['/', '?']).next()?) == name(host);
    // Never from https back to http.
    let is_safe = new_scheme == "https" || new_scheme == scheme;
    let is_cairns = new_rest.contains("/d/");
    (is_same && is_safe && is_cairns).then(|| to.to_owned())
}

fn server_of(url: &str) -> &str {
    url.split("/d/").next().unwrap_or(url)
}

/// The value of a header.
pub(super) fn header<'r>(response: &'r Response<Body>, name: &str) -> Option<&'r str> {
    response.headers().get(name).and_then(|value| value.to_str().ok())
}

/// The digest that a tag begins with, whatever was hung on to it.
fn digest_in(tag: &str) -> Option<ManifestDigest> {
    let tag = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
    tag.get(..64)?.parse().ok()
}
