//! A plain client: what somebody with a link does.

use std::time::Duration;

use anyhow::Context;

use crate::make;

/// What a server answered; the body is not kept, only its digest.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case, with values.
    pub headers: Vec<(String, String)>,
    /// SHA-256 of the body, in hex.
    pub sha256: String,
    /// Bytes of the body.
    pub size: u64,
}

impl Answer {
    /// A header's value, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }
}

/// A body as it comes, for who does something else with it.
pub fn body(url: &str) -> anyhow::Result<impl std::io::Read> {
    let response = ureq::get(url).call().with_context(|| format!("can't get {url}"))?;
    Ok(response.into_body().into_reader())
}

/// Downloads.
pub fn get(url: &str) -> anyhow::Result<Answer> {
    let response = agent().get(url).call().with_context(|| format!("can't get {url}"))?;
    let headers = response.headers().iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    let (status, headers) = (response.status().as_u16(), headers.collect());
    let (sha256, size) = make::sha256(&mut response.into_body().into_reader())?;
    Ok(Answer { status, headers, sha256, size })
}

/// Asks for JSON.
pub fn get_json(url: &str) -> anyhow::Result<serde_json::Value> {
    let mut response = agent().get(url).call().with_context(|| format!("can't get {url}"))?;
    Ok(serde_json::from_slice(&response.body_mut().read_to_vec()?)?)
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    config.timeout_global(Some(Duration::from_secs(60))).build().into()
}
