//! How often the disk is asked to make things durable: counted by strace in a run of its own, so that no time is
//! disturbed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cairn_e2e::{Deadline, Group};

use super::sample;

const CALLS: [&str; 5] = ["fsync", "fdatasync", "sync_file_range", "syncfs", "sync"];
const ATTACH_SECONDS: u64 = 10;
const DETACH_SECONDS: u64 = 30;

/// Watches a server's processes and those that they start.
pub(crate) struct Watch {
    strace: Group,
    log: PathBuf,
}

impl Watch {
    /// Begins, once all are watched; fails where strace is missing or may not.
    pub(crate) fn server(pid: u32, folder: &Path) -> anyhow::Result<Self> {
        let log = folder.join("strace-server.log");
        let mut command = Command::new("strace");
        command.arg("-f").arg("-o").arg(&log).arg(selection());
        let pids = sample::tree(pid)?;
        for pid in &pids {
            command.arg("-p").arg(pid.to_string());
        }
        let strace = Group::spawn(command.stdout(Stdio::null()).stderr(Stdio::null()))?;
        let watched = |pid: &u32| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            status
                .lines()
                .any(|line| line.strip_prefix("TracerPid:").is_some_and(|tracer| tracer.trim() != "0"))
        };
        Deadline::seconds(ATTACH_SECONDS).until(
            || "strace watches the server".to_owned(),
            || Ok(pids.iter().all(watched).then_some(())),
        )?;
        Ok(Self { strace, log })
    }

    /// Ends and tells what was seen.
    pub(crate) fn end(self) -> anyhow::Result<Counts> {
        // It gives back the signal that ended it.
        self.strace.stop(Deadline::seconds(DETACH_SECONDS))?;
        Counts::read(&self.log)
    }
}

/// The same command, watched from its start.
pub(crate) fn watched(command: &Command, log: &Path) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-f", "--seccomp-bpf"]).arg("-o").arg(log).arg(selection());
    strace.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            strace.env(name, value);
        }
    }
    strace
}

fn selection() -> String {
    format!("--trace={}", CALLS.join(","))
}

/// Calls by name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts(BTreeMap<&'static str, u64>);

impl Counts {
    /// Reads a log of strace's.
    pub(crate) fn read(log: &Path) -> anyhow::Result<Self> {
        Ok(Self::parse(&fs::read_to_string(log)?))
    }

    fn parse(log: &str) -> Self {
        let mut counts = BTreeMap::new();
        for line in log.lines() {
            // `PID call(...) = 0`; a call that another one interrupts has a second line, which does not begin so.
            let call = line.split_once(' ').and_then(|(_, call)| call.trim_start().split_once('('));
            if let Some(name) = call.and_then(|(name, _)| CALLS.into_iter().find(|known| *known == name)) {
                *counts.entry(name).or_default() += 1;
            }
        }
        Self(counts)
    }

    /// In words.
    pub(crate) fn text(&self) -> String {
        if self.0.is_empty() {
            return "none".to_owned();
        }
        self.0.iter().map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(" + ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_once() {
        let log = "7 fsync(3) = 0\n7 fdatasync(4 <unfinished ...>\n8 fsync(5) = 0\n\
                   7 <... fdatasync resumed>) = 0\n8 +++ exited with 0 +++\n9   sync_file_range(1) = 0\n";
        assert_eq!(Counts::parse(log).text(), "1 fdatasync + 2 fsync + 1 sync_file_range");
        assert_eq!(Counts::parse("").text(), "none");
    }
}
