//! How long the server takes to start over a large index: after a clean end, after a kill, and without the index.

use std::fs::{self, File};
use std::path::Path;
use std::thread;
use std::time::Duration;

use cairn_e2e::{Server, Timer};

use super::{Built, INDEX, process};
use crate::{room, say};

/// Chunks, and the seconds that a start may take.
const LEVELS: [(u64, f64); 3] = [(10_000, 5.0), (1_000_000, 5.0), (10_000_000, 30.0)];
/// For so long facts are written before the kill.
const WRITE_FOR: Duration = Duration::from_secs(10);
/// The sweep that runs at every start looks at each chunk: a server that ends before it is through ends as if it was killed.
const SETTLE: Duration = Duration::from_secs(20);
/// The numbers of their chunks, which no other step uses.
const KILLED_FROM: u64 = 1 << 59;
const KILLED_CHUNKS: u64 = 2_000_000;
const MIB: f64 = 1_048_576.0;

/// One table; with `--full` up to ten million chunks.
pub(crate) fn run(args: &[&str]) -> anyhow::Result<()> {
    let options = super::options(args)?;
    let mut built = Built::open(options.folder)?;
    let data = built.data.clone();
    // No snapshot is written beside what is measured.
    let checkpoint = u64::MAX.to_string();
    let mut server = Server::over(&data, &[("CAIRN_CHECKPOINT_BYTES", &checkpoint)], super::SECONDS_MAX)?;
    let mut lines = Vec::new();
    for (level, goal) in &LEVELS[..if options.full { 3 } else { 2 }] {
        if built.next() > 2 * level {
            continue;
        }
        if !room::is_there(&data, super::room_for(*level))? {
            break;
        }
        built.grow(*level)?;
        server.go_on()?;
        let stop = end(&mut server, &data)?;
        let mut measure = |lines: &mut Vec<String>, what: &str, goal: Option<f64>| {
            let line = start(&mut server, &data, *level, what, goal)?;
            say::tell(&line);
            lines.push(line);
            anyhow::Ok(())
        };
        measure(&mut lines, "a clean end", Some(*goal))?;
        forget_pages(&data)?;
        measure(&mut lines, "a clean end, nothing in the page cache", Some(*goal))?;
        kill_amid_writes(&data, *level)?;
        measure(&mut lines, "kill -9 amid writes", Some(*goal))?;
        kill_amid_writes(&data, *level + KILLED_CHUNKS)?;
        let compared = process::run("compare", &data, &[])?;
        let (seconds, memory) = (&compared["seconds"], &compared["memory_mib"]);
        lines.push(format!(
            "| {level} | (the index is compared, behind such a start) | {seconds:.2} | - | {memory} |"
        ));
        fs::remove_dir_all(data.join(INDEX))?;
        measure(&mut lines, "`index/` removed", None)?;
        lines.push(format!("| {level} | (a clean end takes {stop:.1} s) | | | |"));
    }
    say::tell("| chunks | start after | seconds until it listens | goal | memory at most, MiB |");
    say::tell("| --- | --- | --- | --- | --- |");
    lines.iter().for_each(|line| say::tell(line));
    Ok(())
}

/// Starts, measures, ends cleanly.
fn start(
    server: &mut Server,
    data: &Path,
    level: u64,
    what: &str,
    goal: Option<f64>,
) -> anyhow::Result<String> {
    let timer = Timer::start();
    server.go_on()?;
    let took = timer.elapsed().as_secs_f64();
    let memory = server.memory_max_bytes()? as f64 / MIB;
    end(server, data)?;
    let goal = goal.map_or("-".to_owned(), |goal| format!("{goal}: {}", super::met(took <= goal)));
    Ok(format!("| {level} | {what} | {took:.2} | {goal} | {memory:.0} |"))
}

/// Ends it cleanly, once its first jobs are through; seconds.
fn end(server: &mut Server, data: &Path) -> anyhow::Result<f64> {
    thread::sleep(SETTLE);
    let timer = Timer::start();
    server.stop()?;
    let took = timer.elapsed().as_secs_f64();
    anyhow::ensure!(data.join("index.seal").exists(), "the server ended, and its index is not sealed");
    Ok(took)
}

/// Facts are written as fast as they can be, by a process that is killed.
fn kill_amid_writes(data: &Path, level: u64) -> anyhow::Result<()> {
    let from = KILLED_FROM + level;
    let (from, until) = (from.to_string(), (from + KILLED_CHUNKS).to_string());
    let mut step = process::spawn("fill", data, &[&from, &until])?;
    thread::sleep(WRITE_FOR);
    anyhow::ensure!(step.try_wait()?.is_none(), "the step had nothing more to write when it was killed");
    step.kill()?;
    step.wait()?;
    Ok(())
}

/// Takes the facts out of the page cache, as after a start of the machine.
fn forget_pages(folder: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            forget_pages(&entry.path())?;
        } else {
            let file = File::open(entry.path())?;
            rustix::fs::fdatasync(&file)?;
            rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
        }
    }
    Ok(())
}
