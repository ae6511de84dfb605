//! The binary as a server of a test's own, and a few helpers.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use sha2::{Digest, Sha256};

pub(crate) const CAIRN: &str = env!("CARGO_BIN_EXE_cairn");

/// A server in a process of its own; killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    port: u16,
    data: PathBuf,
    settings: Vec<(String, String)>,
}

impl Server {
    pub(crate) fn start(data: &Path) -> Self {
        Self::with(data, 0, &[])
    }

    /// On a port of one's choice, with environment variables.
    pub(crate) fn with(data: &Path, port: u16, settings: &[(String, String)]) -> Self {
        Self::spawn(data, port, settings).unwrap_or_else(|line| panic!("{line:?}"))
    }

    /// On a free port; `None` where it ends before it listens.
    pub(crate) fn try_with(data: &Path, settings: &[(String, String)]) -> Option<Self> {
        Self::spawn(data, 0, settings).ok()
    }

    fn spawn(data: &Path, port: u16, settings: &[(String, String)]) -> Result<Self, String> {
        let mut child = Command::new(CAIRN)
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data"])
            .arg(data)
            .envs(settings.iter().cloned())
            .current_dir(std::env::temp_dir())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some(url) = line.trim().strip_prefix("Cairn is listening on ") else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(line);
        };
        let (url, data) = (url.to_owned(), data.to_owned());
        let port = url.rsplit(':').next().unwrap().parse().unwrap();
        Ok(Self { child, url, port, data, settings: settings.to_vec() })
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether the process is gone by itself.
    pub(crate) fn has_ended_now(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Whether the process is gone by itself, within a second.
    pub(crate) fn has_ended(&mut self) -> bool {
        (0..100).any(|_| {
            let has_ended = self.child.try_wait().unwrap().is_some();
            if !has_ended {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            has_ended
        })
    }

    /// SIGKILL: no chance to write anything.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGSTOP: it does nothing more until it is killed.
    pub(crate) fn pause(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    }

    /// Starts again on the same port and data; how long that took.
    pub(crate) fn restart(&mut self) -> std::time::Duration {
        #[expect(clippy::disallowed_methods, reason = "how long a start takes is a promise")]
        let begun = std::time::Instant::now();
        let again = Self::with(&self.data, self.port, &self.settings);
        *self = again;
        begun.elapsed()
    }

    /// SIGTERM, and waits until it has stopped, 30 s at most.
    pub(crate) fn terminate(&mut self) -> std::process::ExitStatus {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        (0..3_000)
            .find_map(|_| {
                std::thread::sleep(std::time::Duration::from_millis(10));
                self.child.try_wait().unwrap()
            })
            .unwrap_or_else(|| panic!("SIGTERM does not end the server"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `cairn put --json`, not started yet.
pub(crate) fn put(server: &str, state: &Path, path: &Path) -> Command {
    let mut command = Command::new(CAIRN);
    command.args(["put", "--json", "--server", server, "--state"]).arg(state).arg(path).stdin(Stdio::null());
    command
}

/// The lines of `put --json`.
pub(crate) fn events(output: &Output) -> Vec<serde_json::Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// The last line of a `put --json` that must have succeeded.
#[track_caller]
pub(crate) fn done(output: &Output) -> serde_json::Value {
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let last = events(output).pop().unwrap();
    assert_eq!((last["event"].as_str(), last["state"].as_str()), (Some("ended"), Some("done")), "{last}");
    last
}

/// The bytes behind a link.
pub(crate) fn download(url: &str) -> Vec<u8> {
    let mut response = ureq::get(format!("{url}/raw")).call().unwrap();
    response.body_mut().with_config().limit(1 << 32).read_to_vec().unwrap()
}

/// SHA-256 in hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

/// A file of `length` bytes that look random and are always the same for a seed.
pub(crate) fn file(folder: &Path, name: &str, seed: u64, length: usize) -> (PathBuf, Vec<u8>) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    let path = folder.join(name);
    fs::write(&path, &bytes).unwrap();
    (path, bytes)
}
