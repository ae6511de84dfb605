//! The real binary, serving from a temporary folder.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;

use crate::clock::Deadline;
use crate::group::Group;

/// What the server prints when it is ready.
const READY: &str = "Cairn is listening on http://";
const SECONDS_MAX: u64 = 20;
/// Lines of its log that are shown when a test fails.
const LOG_LINES: usize = 60;

/// A server, its data, and its log.
#[derive(Debug)]
pub struct Server {
    running: Option<Group>,
    address: SocketAddr,
    settings: Vec<(String, String)>,
    /// For a start or a stop.
    seconds_max: u64,
    data: PathBuf,
    folder: TempDir,
}

impl Server {
    /// Starts a server on a free port, with an empty data folder.
    pub fn start() -> anyhow::Result<Self> {
        Self::start_with(&[])
    }

    /// As `start`, with settings as environment variables.
    pub fn start_with(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let mut server = Self::prepare(settings)?;
        server.go_on()?;
        Ok(server)
    }

    /// One over a data folder of somebody else's, not started yet, that may take so long to start and to stop.
    pub fn over(data: &Path, settings: &[(&str, &str)], seconds_max: u64) -> anyhow::Result<Self> {
        let mut server = Self::prepare(settings)?;
        (server.data, server.seconds_max) = (data.to_owned(), seconds_max);
        Ok(server)
    }

    fn prepare(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("cairn-e2e-").tempdir()?;
        let settings =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let data = folder.path().join("data");
        Ok(Self { running: None, address, settings, seconds_max: SECONDS_MAX, data, folder })
    }

    /// Starts it, again after `kill` or `stop`: same data, same port.
    pub fn go_on(&mut self) -> anyhow::Result<()> {
        anyhow::ensure!(self.running.is_none(), "the server still runs");
        let log = File::options().create(true).append(true).open(self.log_path())?;
        let mut command = Command::new(binary()?);
        command.arg("serve").arg("--listen").arg(self.address.to_string()).arg("--data").arg(&self.data);
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        // Its own working folder: a `cairn.toml` of the developer's must not count.
        command.current_dir(self.folder.path()).stdout(Stdio::piped()).stderr(log);
        let mut group = Group::spawn(&mut command)?;
        let stdout = group.child().stdout.take().context("the server has no standard output")?;
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            // Reads on after the first line, so that the server never writes into a closed pipe.
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        let ready = ready(&told, Duration::from_secs(self.seconds_max));
        self.address = ready.with_context(|| format!("the server did not start:\n{}", self.log()))?;
        self.running = Some(group);
        Ok(())
    }

    /// Kills it, as a power cut would.
    pub fn kill(&mut self) {
        self.running = None;
    }

    /// Asks it to stop, by SIGTERM, and waits until it has.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        let group = self.running.take().context("the server does not run")?;
        let status = group.stop(Deadline::seconds(self.seconds_max))?;
        anyhow::ensure!(status.success(), "the server stopped with {status}");
        Ok(())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A whole address of something on it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.data.clone()
    }

    /// Bytes of all chunks that are in their place on disk.
    pub fn stored_bytes(&self) -> anyhow::Result<u64> {
        let mut sum = 0;
        each_file(&self.data.join("chunks"), &mut |_, length| {
            sum += length;
            Ok(())
        })?;
        Ok(sum)
    }

    /// Takes its chunks out of the page cache: the next who reads them waits for the disk.
    pub fn forget_pages(&self) -> anyhow::Result<()> {
        each_file(&self.data.join("chunks"), &mut |path, _| {
            let file = File::open(path)?;
            Ok(rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?)
        })
    }

    /// Its process id.
    pub fn pid(&self) -> anyhow::Result<u32> {
        Ok(self.running.as_ref().context("the server does not run")?.pid())
    }

    /// The most memory it ever held, in bytes.
    pub fn memory_max_bytes(&self) -> anyhow::Result<u64> {
        self.status_bytes("VmHWM:")
    }

    /// The memory that it holds now, in bytes.
    pub fn memory_bytes(&self) -> anyhow::Result<u64> {
        self.status_bytes("VmRSS:")
    }

    fn status_bytes(&self, name: &str) -> anyhow::Result<u64> {
        let group = self.running.as_ref().context("the server does not run")?;
        let status = fs::read_to_string(format!("/proc/{}/status", group.pid()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|line| line.split_whitespace().next());
        Ok(kib.with_context(|| format!("/proc tells no {name}"))?.parse::<u64>()? * 1024)
    }

    /// Processor time that it has taken so far, in seconds.
    pub fn cpu_seconds(&self) -> anyhow::Result<f64> {
        // Linux tells it in hundredths, whatever its own clock does (proc(5), sysconf(3)).
        const TICKS: f64 = 100.0;
        let group = self.running.as_ref().context("the server does not run")?;
        let stat = fs::read_to_string(format!("/proc/{}/stat", group.pid()))?;
        // Its name may have spaces; the 12th and 13th field behind it are meant.
        let (_, fields) = stat.rsplit_once(')').context("/proc tells no name")?;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
        Ok(ticks.sum::<Result<f64, _>>()? / TICKS)
    }

    /// The end of its log.
    pub fn log(&self) -> String {
        let text = fs::read_to_string(self.log_path()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running = None;
        if std::thread::panicking() {
            let _ = writeln!(std::io::stderr(), "the server's log ends with:\n{}", self.log());
        }
    }
}

/// `CAIRN_BIN`: which binary is tested is never guessed.
pub(crate) fn binary() -> anyhow::Result<PathBuf> {
    let given = std::env::var_os("CAIRN_BIN").map(PathBuf::from);
    given.context("CAIRN_BIN is not set: run these tests with `cargo xtask test e2e`")
}

fn ready(told: &mpsc::Receiver<String>, wait: Duration) -> anyhow::Result<SocketAddr> {
    let line = told.recv_timeout(wait).context("it printed nothing")?;
    let address = line.strip_prefix(READY).with_context(|| format!("it printed {line:?}"))?;
    address.trim_end_matches('/').parse().with_context(|| format!("{address:?} is no address"))
}

fn each_file(folder: &Path, told: &mut dyn FnMut(&Path, u64) -> anyhow::Result<()>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("can't read {}", folder.display()))? {
        let entry = entry?;
        let meta = entry.metadata()?;
        if meta.is_dir() {
            each_file(&entry.path(), told)?;
        } else {
            told(&entry.path(), meta.len())?;
        }
    }
    Ok(())
}
