//! tus: @tus/server with its file store, by tus-js-client and by the dashboard of Uppy.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;
use cairn_e2e::{Group, Tab};
use tempfile::TempDir;

use super::{Host, Settings, Steps, listening, on_disk, peer, version_of};

const READY: &str = "listening on ";

pub(super) const STEPS: Steps = Steps {
    before: "",
    ready: "document.querySelector('.uppy-Dashboard-AddFiles')",
    drop: ".uppy-Dashboard-AddFiles",
    done: |_| {
        "(() => { if (window.troubles.length) throw new Error(window.troubles[0]); return window.finished > 0; })()"
            .to_owned()
    },
    said: |_| "''".to_owned(),
};

pub(super) struct Tus {
    group: Group,
    address: SocketAddr,
    folder: TempDir,
}

impl Tus {
    pub(super) fn start() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("cairn-bench-tus-").tempdir()?;
        let log = folder.path().join("server.log");
        let mut command = Command::new("node");
        command.arg(peer("tus")?.join("tus-server.mjs")).arg(folder.path().join("data"));
        let mut group = Group::spawn(command.stdout(Stdio::piped()).stderr(File::create(&log)?))?;
        let mut line = String::new();
        let stdout = group.child().stdout.take().context("the server has no standard output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let port = line.trim().strip_prefix(READY).and_then(|port| port.parse::<u16>().ok());
        let log_text =
            || format!("the tus server did not start:\n{}", fs::read_to_string(&log).unwrap_or_default());
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.with_context(log_text)?));
        listening(&mut group, address, &log)?;
        Ok(Self { group, address, folder })
    }

    /// Uploads lie beside what is noted of them, by random names.
    fn uploads(&self) -> anyhow::Result<Vec<PathBuf>> {
        let entries = fs::read_dir(self.folder.path().join("data"))?.flatten().map(|entry| entry.path());
        Ok(entries.filter(|path| path.extension().is_none()).collect())
    }
}

impl Host for Tus {
    fn pid(&self) -> anyhow::Result<u32> {
        Ok(self.group.pid())
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn put(&self, path: &Path) -> Command {
        let mut command = Command::new("node");
        command.arg(peer("tus").unwrap_or_default().join("tus-put.mjs"));
        command.arg(format!("http://{}/files/", self.address)).arg(path);
        command
    }

    fn url(&self, _name: &str, _said: &str) -> anyhow::Result<String> {
        anyhow::bail!("downloads by tus are not measured")
    }

    fn holds(&self, _name: &str, _said: &str) -> anyhow::Result<(u64, String)> {
        // The one that was changed last is meant.
        let mut uploads = self.uploads()?;
        uploads.sort_by_key(|path| path.metadata().and_then(|meta| meta.modified()).ok());
        on_disk(uploads.last().context("the server has no upload")?)
    }

    fn holds_tree(&self, _tab: Option<&Tab>, _said: &str) -> anyhow::Result<(u64, u64)> {
        let uploads = self.uploads()?;
        let bytes = uploads.iter().map(|path| Ok(path.metadata()?.len())).sum::<anyhow::Result<u64>>()?;
        Ok((uploads.len() as u64, bytes))
    }
}

pub(super) fn settings() -> anyhow::Result<Settings> {
    let packages: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(peer("tus")?.join("package.json"))?)?;
    let packages = packages["dependencies"].as_object().context("package.json has no dependencies")?;
    let packages: Vec<String> = packages
        .iter()
        .map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or_default()))
        .collect();
    Ok(Settings {
        what: format!("{} on Node.js {}", packages.join(", "), version_of(Path::new("node"), &["--version"])?),
        how: "server: `FileStore`, which does not sync; client and page: no `chunkSize`, so one request for each file; \
              `parallelUploads` can't be set, because `FileStore` has no concatenation; small files: \
              `uploadDataDuringCreation`, six at once; page: Uppy's dashboard, `autoProceed`"
            .to_owned(),
    })
}
