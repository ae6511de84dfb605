//! nginx: what it costs at least to receive a file and make it durable, and to serve one.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use cairn_e2e::{Group, Tab};
use tempfile::TempDir;

use super::super::source::TREE;
use super::{Host, Settings, free_port, listening, on_disk, peer, version_of};

const CONFIG: &str = include_str!("../../../peers/nginx.conf");
/// Sends, then makes durable what has come: the file and its folder.
const PUT: &str = "curl --silent --show-error --fail --upload-file \"$1\" \"$2\" && sync -d \"$3\" \"$4\"";

pub(super) struct Nginx {
    group: Group,
    address: SocketAddr,
    folder: TempDir,
}

impl Nginx {
    pub(super) fn start() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("cairn-bench-nginx-").tempdir()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let (config, log) = (folder.path().join("nginx.conf"), folder.path().join("server.log"));
        fs::create_dir(folder.path().join("data"))?;
        let text = CONFIG.replace("FOLDER", &folder.path().display().to_string());
        fs::write(&config, text.replace("PORT", &address.port().to_string()))?;
        let mut command = Command::new(program()?);
        command.arg("-e").arg("stderr").arg("-p").arg(folder.path()).arg("-c").arg(&config);
        let output = File::create(&log)?;
        let mut group = Group::spawn(command.stdout(output.try_clone()?).stderr(output))?;
        listening(&mut group, address, &log)?;
        Ok(Self { group, address, folder })
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

impl Host for Nginx {
    fn pid(&self) -> anyhow::Result<u32> {
        Ok(self.group.pid())
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn put(&self, path: &Path) -> Command {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut command = Command::new("sh");
        command.args(["-c", PUT, "put"]).arg(path).arg(format!("http://{}/{name}", self.address));
        command.arg(self.data().join(name)).arg(self.data());
        command
    }

    fn url(&self, name: &str, _said: &str) -> anyhow::Result<String> {
        Ok(format!("http://{}/{name}", self.address))
    }

    fn holds(&self, name: &str, _said: &str) -> anyhow::Result<(u64, String)> {
        on_disk(&self.data().join(name))
    }

    fn holds_tree(&self, _tab: Option<&Tab>, _said: &str) -> anyhow::Result<(u64, u64)> {
        anyhow::bail!("{TREE} is not sent to nginx")
    }
}

pub(super) fn settings() -> anyhow::Result<Settings> {
    Ok(Settings {
        what: version_of(&program()?, &["-v"])?,
        how: "server: `sendfile on`, `tcp_nopush on`, `dav_methods PUT`, bodies on the same file system, no access log; \
              client: `curl --upload-file`, then `sync -d FILE FOLDER`"
            .to_owned(),
    })
}

fn program() -> anyhow::Result<PathBuf> {
    Ok(peer("nginx")?.join("usr").join("sbin").join("nginx"))
}
