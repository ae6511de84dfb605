//! What a run takes beside time: processor, memory, wire. Client is everything that this program started and that is
//! not of the server.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use cairn_e2e::Timer;

/// Reading a browser's memory takes time of the machine that is measured.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);
/// Linux tells processor time in hundredths, whatever its own clock does (proc(5), sysconf(3)).
const TICKS: f64 = 100.0;

/// What one run took.
#[derive(Debug, Clone, Default)]
pub(crate) struct Run {
    /// From first to last.
    pub(crate) seconds: f64,
    /// It was broken off then.
    pub(crate) cut_off: bool,
    /// Processor seconds of all the server's processes.
    pub(crate) server_cpu: f64,
    /// Processor seconds of the client's, those that have ended too.
    pub(crate) client_cpu: f64,
    /// The most that the server's processes ever held, in bytes: the sum of their `VmHWM`.
    pub(crate) server_memory: u64,
    /// The largest sum of the client's `Pss` that was seen, in bytes.
    pub(crate) client_memory: u64,
    /// Bytes through the loopback device, both ways and with their headers.
    pub(crate) wire: u64,
}

/// Does it and measures; `server` is the server's first process.
pub(crate) fn measure<T>(server: u32, act: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(Run, T)> {
    let before = Totals::read(server)?;
    let sampler = Sampler::start(server);
    let timer = Timer::start();
    let outcome = act();
    let seconds = timer.elapsed().as_secs_f64();
    let client_memory = sampler.end();
    let outcome = outcome?;
    let after = Totals::read(server)?;
    let run = Run {
        seconds,
        cut_off: false,
        server_cpu: after.server_cpu - before.server_cpu,
        client_cpu: after.client_cpu - before.client_cpu,
        server_memory: after.server_memory,
        client_memory,
        wire: after.wire - before.wire,
    };
    Ok((run, outcome))
}

struct Totals {
    server_cpu: f64,
    client_cpu: f64,
    server_memory: u64,
    wire: u64,
}

impl Totals {
    fn read(server: u32) -> anyhow::Result<Self> {
        let table = Table::read()?;
        let server = table.tree(server);
        let own = std::process::id();
        // What has ended and was waited for counts with this program, whose own work does not.
        let ended = table.0.get(&own).map_or(0.0, |own| own.cpu_ended);
        let server_memory = server.iter().filter_map(|pid| peak(*pid)).sum();
        let client_cpu = ended + table.cpu(&table.clients(own, &server));
        Ok(Self { server_cpu: table.cpu(&server), client_cpu, server_memory, wire: wire()? })
    }
}

/// All processes of a tree, for who has to name them.
pub(crate) fn tree(root: u32) -> anyhow::Result<BTreeSet<u32>> {
    Ok(Table::read()?.tree(root))
}

/// Processor seconds of this program so far.
pub(crate) fn own_cpu() -> anyhow::Result<f64> {
    Ok(process(std::process::id()).context("/proc does not tell of this program")?.cpu)
}

struct Process {
    parent: u32,
    /// Its own, in seconds.
    cpu: f64,
    /// Of its children that have ended, in seconds.
    cpu_ended: f64,
}

/// All processes as they are now.
struct Table(BTreeMap<u32, Process>);

impl Table {
    fn read() -> anyhow::Result<Self> {
        let pids = fs::read_dir("/proc").context("there is no /proc")?.flatten();
        let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        Ok(Self(pids.filter_map(|pid| Some((pid, process(pid)?))).collect()))
    }

    fn tree(&self, root: u32) -> BTreeSet<u32> {
        let mut tree = BTreeSet::from([root]);
        loop {
            let inside = self.0.iter().filter(|(_, process)| tree.contains(&process.parent));
            let more: BTreeSet<u32> = inside.map(|(pid, _)| *pid).filter(|pid| !tree.contains(pid)).collect();
            if more.is_empty() {
                return tree;
            }
            tree.extend(more);
        }
    }

    fn clients(&self, own: u32, server: &BTreeSet<u32>) -> BTreeSet<u32> {
        let mut all = self.tree(own);
        all.retain(|pid| *pid != own && !server.contains(pid));
        all
    }

    fn cpu(&self, pids: &BTreeSet<u32>) -> f64 {
        pids.iter().filter_map(|pid| self.0.get(pid)).map(|process| process.cpu + process.cpu_ended).sum()
    }
}

/// Nothing where it has ended meanwhile.
fn process(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may have spaces; fields are counted behind it.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some(Process {
        parent: fields.get(1)?.parse().ok()?,
        cpu: (ticks(11)? + ticks(12)?) / TICKS,
        cpu_ended: (ticks(13)? + ticks(14)?) / TICKS,
    })
}

/// `VmHWM`, in bytes.
fn peak(pid: u32) -> Option<u64> {
    kib(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?, "VmHWM:")
}

/// `Pss`, in bytes: what processes share counts once.
fn share(pid: u32) -> Option<u64> {
    kib(&fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?, "Pss:")
}

fn kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1_024)
}

/// Memory that nobody needs now, in bytes.
pub(crate) fn available_bytes() -> anyhow::Result<u64> {
    kib(&fs::read_to_string("/proc/meminfo")?, "MemAvailable:").context("/proc/meminfo tells no MemAvailable")
}

/// Bytes that the loopback device has received, which is what it has sent.
fn wire() -> anyhow::Result<u64> {
    let text = fs::read_to_string("/proc/net/dev")?;
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix("lo:"));
    let first = line.and_then(|line| line.split_whitespace().next());
    Ok(first.context("there is no loopback device")?.parse()?)
}

/// Looks at the client's memory until it is ended.
struct Sampler {
    stop: Arc<AtomicBool>,
    looking: thread::JoinHandle<u64>,
}

impl Sampler {
    fn start(server: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let looking = thread::spawn({
            let stop = stop.clone();
            move || {
                let mut most = 0;
                while !stop.load(Ordering::SeqCst) {
                    if let Ok(table) = Table::read() {
                        let clients = table.clients(std::process::id(), &table.tree(server));
                        most = most.max(clients.iter().filter_map(|pid| share(*pid)).sum());
                    }
                    thread::park_timeout(SAMPLE_EVERY);
                }
                most
            }
        });
        Self { stop, looking }
    }

    fn end(self) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        self.looking.thread().unpark();
        self.looking.join().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn what_children_took_is_counted_when_they_have_ended() {
        let mut server = Command::new("sleep").arg("60").spawn().unwrap();
        let work = || {
            Ok(Command::new("sh")
                .args(["-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"])
                .status()?)
        };
        let measured = measure(server.id(), work);
        server.kill().unwrap();
        server.wait().unwrap();
        let (run, status) = measured.unwrap();
        assert!(status.success());
        assert!(run.client_cpu > 0.0 && run.server_cpu < run.client_cpu, "{run:?}");
        assert!(run.server_memory > 0);
    }
}
