//! Who is measured, and what all of them can be asked for.

mod cairn;
mod copyparty;
mod nginx;
mod tus;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use cairn_e2e::{Deadline, Group, Tab, sha256_file};

use crate::say;

const START_SECONDS: u64 = 30;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Cairn.
    Cairn,
    /// copyparty, by up2k in the browser and by u2c.
    Copyparty,
    /// @tus/server, by Uppy in the browser and by tus-js-client.
    Tus,
    /// nginx: PUT and sync, and sendfile.
    Nginx,
}

/// Name, version and settings, for the report.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Name and version.
    pub(crate) what: String,
    /// How it is started and spoken to.
    pub(crate) how: String,
}

/// A running server with an empty data folder; both go with the value.
pub(crate) trait Host {
    /// The first of its processes.
    fn pid(&self) -> anyhow::Result<u32>;

    /// Where it listens.
    fn address(&self) -> SocketAddr;

    /// Its command-line client, sending a file or a folder.
    fn put(&self, path: &Path) -> Command;

    /// What a file can be downloaded from, by what its client said.
    fn url(&self, name: &str, said: &str) -> anyhow::Result<String>;

    /// Size and SHA-256 of what it has of a file.
    fn holds(&self, name: &str, said: &str) -> anyhow::Result<(u64, String)>;

    /// Number and bytes of the files that it has of a folder; `tab` where it came through a page.
    fn holds_tree(&self, tab: Option<&Tab>, said: &str) -> anyhow::Result<(u64, u64)>;
}

/// How files are given to a page, and how it says that they are through. All of it is JavaScript or a CSS selector.
#[derive(Debug)]
pub(crate) struct Steps {
    /// Runs before anything of the page's own.
    pub(crate) before: &'static str,
    /// Holds once the page takes files.
    pub(crate) ready: &'static str,
    /// Where files are dropped.
    pub(crate) drop: &'static str,
    /// Holds once the file or folder of that name is through.
    pub(crate) done: fn(name: &str) -> String,
    /// What the page then says of it.
    pub(crate) said: fn(name: &str) -> String,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Cairn, Self::Copyparty, Self::Tus, Self::Nginx];

    /// Its name where its page is used.
    pub(crate) fn in_browser(self) -> &'static str {
        match self {
            Self::Cairn => "Cairn",
            Self::Copyparty => "copyparty (up2k)",
            Self::Tus => "Uppy (tus)",
            Self::Nginx => "nginx",
        }
    }

    /// Its name where its command-line client is used.
    pub(crate) fn by_client(self) -> &'static str {
        match self {
            Self::Cairn => "cairn put",
            Self::Copyparty => "copyparty u2c",
            Self::Tus => "tus-js-client",
            Self::Nginx => "nginx PUT + sync",
        }
    }

    /// Its name where it serves.
    pub(crate) fn as_server(self) -> &'static str {
        match self {
            Self::Cairn => "Cairn",
            Self::Copyparty => "copyparty",
            Self::Tus => "tus",
            Self::Nginx => "nginx sendfile",
        }
    }

    /// Starts it.
    pub(crate) fn start(self) -> anyhow::Result<Box<dyn Host>> {
        Ok(match self {
            Self::Cairn => Box::new(cairn::Cairn::start()?),
            Self::Copyparty => Box::new(copyparty::Copyparty::start()?),
            Self::Tus => Box::new(tus::Tus::start()?),
            Self::Nginx => Box::new(nginx::Nginx::start()?),
        })
    }

    /// Its page; nginx has none.
    pub(crate) fn steps(self) -> anyhow::Result<&'static Steps> {
        match self {
            Self::Cairn => Ok(&cairn::STEPS),
            Self::Copyparty => Ok(&copyparty::STEPS),
            Self::Tus => Ok(&tus::STEPS),
            Self::Nginx => anyhow::bail!("nginx has no page"),
        }
    }

    /// What the report says of it.
    pub(crate) fn settings(self) -> anyhow::Result<Settings> {
        match self {
            Self::Cairn => cairn::settings(),
            Self::Copyparty => copyparty::settings(),
            Self::Tus => tus::settings(),
            Self::Nginx => nginx::settings(),
        }
    }

    fn is_there(self) -> anyhow::Result<bool> {
        let folder = match self {
            Self::Cairn => return Ok(true),
            Self::Copyparty => peer("copyparty")?,
            Self::Tus => peer("tus")?,
            Self::Nginx => peer("nginx")?,
        };
        Ok(folder.join("installed").is_file())
    }
}

/// Those that set-up has installed; says loudly who is missing.
pub(crate) fn available() -> anyhow::Result<Vec<Kind>> {
    let mut there = Vec::new();
    for kind in Kind::ALL {
        if kind.is_there()? {
            there.push(kind);
        } else {
            say::complain(&format!("NOT MEASURED: {} is not installed", kind.as_server()));
        }
    }
    Ok(there)
}

/// Folder of a peer, made by set-up.
fn peer(name: &str) -> anyhow::Result<PathBuf> {
    let peers = std::env::var_os("CAIRN_BENCH_PEERS").context("CAIRN_BENCH_PEERS is not set")?;
    Ok(Path::new(&peers).join(name))
}

/// A port that was free a moment ago, for servers that can't choose one themselves.
fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Waits until it takes connections.
fn listening(group: &mut Group, address: SocketAddr, log: &Path) -> anyhow::Result<()> {
    let started = Deadline::seconds(START_SECONDS).until(
        || format!("something listens on {address}"),
        || {
            if let Some(status) = group.ended()? {
                anyhow::bail!("it ended: {status}");
            }
            Ok(TcpStream::connect(address).ok())
        },
    );
    let log = || format!("the server did not start:\n{}", fs::read_to_string(log).unwrap_or_default());
    started.map(drop).with_context(log)
}

/// Size and SHA-256 of a file on the disk.
fn on_disk(path: &Path) -> anyhow::Result<(u64, String)> {
    let size = fs::metadata(path).with_context(|| format!("the server has no {}", path.display()))?.len();
    Ok((size, sha256_file(path)?))
}

/// What a program says of its version.
fn version_of(program: &Path, args: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(program).args(args).output();
    let output = output.with_context(|| format!("can't start {}", program.display()))?;
    let said = [output.stdout, output.stderr].concat();
    Ok(String::from_utf8_lossy(&said).lines().next().unwrap_or_default().trim().to_owned())
}
