//! copyparty with the settings that its documentation recommends for speed and deduplication.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use cairn_e2e::{Group, Tab};
use tempfile::TempDir;

use super::super::source::{TREE, each_file};
use super::{Host, Settings, Steps, free_port, listening, on_disk, peer, version_of};

/// From its README, "performance": no log, deduplication without reading what is there again, hashes by WebAssembly in
/// Chromium from 137 on. `-e2dsa` is what deduplication works best with. All else is its default, `-j 1` too ("keeping
/// the default is generally best").
const SERVER: [&str; 7] = ["-q", "-e2dsa", "--dedup", "--safe-dedup", "1", "--nosubtle", "137"];
/// No status panel; its defaults are two connections and two cores for hashing.
const CLIENT: [&str; 1] = ["-ns"];

pub(super) const STEPS: Steps = Steps {
    // No question whether it is meant.
    before: "localStorage.setItem('ask_up', '0'); localStorage.setItem('opmode', 'up2k');",
    ready: "window.up2k?.st && document.querySelector('#op_up2k.act #u2btn')",
    drop: "#u2btn",
    done: |_| {
        "(st => st.files.length > 0 && !st.is_busy && st.files.every(file => file.done))(up2k.st)".to_owned()
    },
    said: |_| "''".to_owned(),
};

pub(super) struct Copyparty {
    group: Group,
    address: SocketAddr,
    folder: TempDir,
}

impl Copyparty {
    pub(super) fn start() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("cairn-bench-copyparty-").tempdir()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let (data, log) = (folder.path().join("data"), folder.path().join("server.log"));
        fs::create_dir(&data)?;
        let mut command = Command::new(python()?);
        command.args(["-m", "copyparty", "-i", "127.0.0.1", "-p", &address.port().to_string()]).args(SERVER);
        command.arg("-v").arg(format!("{}::A", data.display()));
        // Its settings and certificates belong to the run too.
        command.env("HOME", folder.path()).env("XDG_CONFIG_HOME", folder.path()).current_dir(folder.path());
        let output = File::create(&log)?;
        let mut group = Group::spawn(command.stdout(output.try_clone()?).stderr(output))?;
        listening(&mut group, address, &log)?;
        Ok(Self { group, address, folder })
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

impl Host for Copyparty {
    fn pid(&self) -> anyhow::Result<u32> {
        Ok(self.group.pid())
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn put(&self, path: &Path) -> Command {
        let mut command = Command::new(python().unwrap_or_default());
        command.args(["-m", "copyparty.web.a.u2c"]).args(CLIENT).arg(format!("http://{}/", self.address));
        command.arg(path);
        command
    }

    fn url(&self, name: &str, _said: &str) -> anyhow::Result<String> {
        Ok(format!("http://{}/{name}", self.address))
    }

    fn holds(&self, name: &str, _said: &str) -> anyhow::Result<(u64, String)> {
        on_disk(&self.data().join(name))
    }

    fn holds_tree(&self, _tab: Option<&Tab>, _said: &str) -> anyhow::Result<(u64, u64)> {
        let (mut files, mut bytes) = (0, 0);
        each_file(&self.data().join(TREE), &mut |path| {
            files += 1;
            bytes += path.metadata()?.len();
            Ok(())
        })?;
        Ok((files, bytes))
    }
}

pub(super) fn settings() -> anyhow::Result<Settings> {
    let script = "import importlib.metadata as m, platform as p; \
                  print('copyparty', m.version('copyparty'), 'on Python', p.python_version())";
    Ok(Settings {
        what: version_of(&python()?, &["-c", script])?,
        how: format!(
            "server: `copyparty {} -v DATA::A`; client: `u2c.py {}`; page: up2k with its defaults",
            SERVER.join(" "),
            CLIENT.join(" ")
        ),
    })
}

fn python() -> anyhow::Result<PathBuf> {
    let python = peer("copyparty")?.join("bin").join("python");
    python.is_file().then_some(python).context("copyparty has no Python")
}
