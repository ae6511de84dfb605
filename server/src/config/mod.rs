//! Settings: one table of names, defaults and words, read from `cairn.toml`, the environment and the command line.

mod guests;
mod public_url;
mod read;
mod table;
mod unknown;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use cairn_store::meta::Library;

pub use crate::access::{KnownHost, Networks};
pub use guests::{GuestFacts, GuestRates};
pub use public_url::PublicUrl;
pub use read::{ConfigError, Given};
pub use table::{SETTINGS, Setting, markdown};
pub use unknown::unknown_variables;

/// Whose chunks may spare an upload the sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DedupScope {
    /// Everybody's who uploads from the server's own machine, with proof; guests have their own.
    Members,
    /// The owner's own.
    Owner,
    /// Nobody's.
    Off,
}

impl FromStr for DedupScope {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "members" => Ok(Self::Members),
            "owner" => Ok(Self::Owner),
            "off" => Ok(Self::Off),
            _ => Err(()),
        }
    }
}

impl Config {
    /// Why nobody is local, whatever a request says; `None` where some may be.
    pub fn nobody_local(&self) -> Option<&'static str> {
        crate::access::why_nobody(self)
    }

    /// The path of `public_url`: what stands before every path of this server, as people see it.
    pub fn base(&self) -> &str {
        self.public_url.as_ref().map_or("", PublicUrl::path)
    }
}

/// Whether there are people on the server's own machine who may upload without a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalUpload {
    /// Yes, where nothing tells that others are to reach this server.
    Auto,
    /// Yes.
    On,
    /// No: who has nothing to show is a guest, wherever he is.
    Off,
}

impl FromStr for LocalUpload {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "auto" => Ok(Self::Auto),
            "true" => Ok(Self::On),
            "false" => Ok(Self::Off),
            _ => Err(()),
        }
    }
}

/// Every setting, read and checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The data folder.
    pub data: PathBuf,
    /// Serves the page from here instead of the binary's own.
    pub page: Option<PathBuf>,
    /// The address that people use, `https://files.example.org`.
    pub public_url: Option<PublicUrl>,
    /// Further known host names.
    pub hosts: Vec<KnownHost>,
    /// Whether people without an account may upload from elsewhere.
    pub guests: bool,
    /// Who counts as being on the server's own machine.
    pub local_upload: LocalUpload,
    /// Whose word on the address of a request counts.
    pub trusted_proxies: Networks,
    /// Within which circle of people nothing is sent twice.
    pub dedup: DedupScope,
    /// A session's time, unless chunks arrive.
    pub session_ttl: Duration,
    /// Pause between two sweeps.
    pub sweep_every: Duration,
    /// How long an unheld chunk stays.
    pub delete_after: Duration,
    /// The log may grow to this before a snapshot takes its place, in bytes.
    pub checkpoint_bytes: u64,
    /// How long a connection stays whose client reads nothing.
    pub answer_idle: Duration,
    /// What keeps the index.
    pub index: Library,
    /// Whether chunks that compress well are stored so.
    pub compress: bool,
    /// The longest wait for the next bytes of a body.
    pub body_idle: Duration,
    /// Memory for what all downloads read ahead of their clients, in bytes.
    pub download_ahead_bytes: u64,
    /// How long the head of a request may take to come.
    pub head_time: Duration,
    /// Connections that one address may have.
    pub address_connections: u32,
    /// What guests may ask for in a minute.
    pub rates: GuestRates,
    /// What guests may keep.
    pub guest_facts: GuestFacts,
}
