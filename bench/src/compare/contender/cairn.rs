//! Cairn itself: the release binary as it comes.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use cairn_e2e::{Page, Server, Tab, get, listed_sizes};
use tempfile::TempDir;

use super::{Host, Settings, Steps, version_of};

pub(super) const STEPS: Steps = Steps {
    before: "",
    ready: "document.querySelector('[data-testid=drop-zone]')",
    drop: "[data-testid=drop-zone]",
    done: |name| format!("document.querySelector({:?})?.dataset.state === 'done'", Page::row(name)),
    said: |name| format!("document.querySelector({:?})?.href ?? ''", Page::in_row(name, "row-link")),
};

pub(super) struct Cairn {
    server: Server,
    binary: PathBuf,
    /// Journal of the command-line client.
    state: TempDir,
}

impl Cairn {
    pub(super) fn start() -> anyhow::Result<Self> {
        Ok(Self { server: Server::start()?, binary: binary()?, state: tempfile::tempdir()? })
    }
}

impl Host for Cairn {
    fn pid(&self) -> anyhow::Result<u32> {
        self.server.pid()
    }

    fn address(&self) -> SocketAddr {
        self.server.address()
    }

    fn put(&self, path: &Path) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(["put", "--server", &self.server.url("")]).arg("--state").arg(self.state.path());
        if path.is_dir() {
            // Its receipt tells the server's totals.
            command.arg("--json");
        }
        command.arg(path);
        command
    }

    fn url(&self, _name: &str, said: &str) -> anyhow::Result<String> {
        Ok(format!("{}/raw", said.trim()))
    }

    fn holds(&self, name: &str, said: &str) -> anyhow::Result<(u64, String)> {
        let answer = get(&self.url(name, said)?)?;
        anyhow::ensure!(answer.status == 200, "the download's status is {}", answer.status);
        Ok((answer.size, answer.sha256))
    }

    fn holds_tree(&self, tab: Option<&Tab>, said: &str) -> anyhow::Result<(u64, u64)> {
        if let Some(tab) = tab {
            let sizes = listed_sizes(tab, 0)?;
            return Ok((sizes.len() as u64, sizes.values().sum()));
        }
        // The server's own totals.
        let receipt = last_event(said)?;
        let figure =
            |name: &str| receipt[name].as_u64().with_context(|| format!("the receipt has no {name}"));
        Ok((figure("files")?, figure("bytes")?))
    }
}

pub(super) fn settings() -> anyhow::Result<Settings> {
    Ok(Settings {
        what: version_of(&binary()?, &["--version"])?,
        how: "server: `cairn serve`; client: `cairn put`, with `--json` for folders; page: its own; nothing is set".to_owned(),
    })
}

fn binary() -> anyhow::Result<PathBuf> {
    std::env::var_os("CAIRN_BIN").map(PathBuf::from).context("CAIRN_BIN is not set")
}

fn last_event(said: &str) -> anyhow::Result<serde_json::Value> {
    Ok(serde_json::from_str(said.lines().last().context("cairn put told nothing")?)?)
}
