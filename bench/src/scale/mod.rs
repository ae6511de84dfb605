//! Figures over large indexes: what a chunk costs, and how long the server takes to start.
//!
//! The facts are simulated: written by the store's own verbs, in the same order as the server calls them, about chunks whose bytes
//! never were in `chunks/`.

mod facts;
mod growth;
mod measure;
mod process;
mod start_up;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use cairn_e2e::{Server, Timer};
use serde_json::{Value, json};
use tempfile::TempDir;

use self::facts::Facts;

pub(crate) use self::growth::run as growth;
pub(crate) use self::start_up::run as start_up;

/// Where the index lies in a data folder.
const INDEX: &str = "index";
/// For a start or a stop of the server.
const SECONDS_MAX: u64 = 3_600;
/// As the server's own setting.
const CHECKPOINT_BYTES: u64 = 64 << 20;
/// From here on no further snapshot is written while the facts are made: the log takes less room than two snapshots.
const SNAPSHOT_CHUNKS_MAX: u64 = 2_000_000;
const CHUNK_DISK_BYTES: u64 = 1_500;

/// One step, in a process of its own.
pub(crate) fn step(args: &[&str]) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let told = runtime.block_on(async {
        match *args {
            ["fill", data, from, until] => fill(Path::new(data), from.parse()?, until.parse()?).await,
            ["measure", data, count, next] => {
                measure::run(Path::new(data), count.parse()?, next.parse()?).await
            }
            ["compare", data] => compare(Path::new(data)).await,
            _ => {
                anyhow::bail!("a step is `fill DATA FROM UNTIL`, `measure DATA COUNT NEXT` or `compare DATA`")
            }
        }
    })?;
    crate::say::tell(&told.to_string());
    Ok(())
}

async fn fill(data: &Path, from: u64, until: u64) -> anyhow::Result<Value> {
    let facts = Facts::open(data).await?;
    let timer = Timer::start();
    let snapshots = until.min(SNAPSHOT_CHUNKS_MAX);
    if from < snapshots {
        facts.fill(from, snapshots, Some(CHECKPOINT_BYTES)).await?;
    }
    facts.fill(from.max(snapshots), until, None).await?;
    let seconds = timer.elapsed().as_secs_f64();
    Ok(json!({ "seconds": seconds, "memory_mib": process::memory_max_bytes()? >> 20 }))
}

/// Compares an index that a kill left with log and snapshot, as the first sweep does.
async fn compare(data: &Path) -> anyhow::Result<Value> {
    let facts = Facts::open(data).await?;
    let timer = Timer::start();
    facts.meta.check_index().await?;
    let seconds = timer.elapsed().as_secs_f64();
    Ok(json!({ "seconds": seconds, "memory_mib": process::memory_max_bytes()? >> 20 }))
}

/// A data folder that is filled step by step. Where a folder was given it stays, for the next bench.
struct Built {
    data: PathBuf,
    count: PathBuf,
    next: u64,
    _temporary: Option<TempDir>,
}

impl Built {
    /// In the folder that was given, as far as it was filled before.
    fn open(folder: Option<&str>) -> anyhow::Result<Self> {
        let temporary = if folder.is_none() { Some(tempfile::tempdir()?) } else { None };
        let given = folder.map(PathBuf::from);
        let folder = given.or_else(|| temporary.as_ref().map(|folder| folder.path().to_owned()));
        let folder = folder.context("no folder")?;
        let (data, count) = (folder.join("data"), folder.join("count"));
        let next = if count.exists() { fs::read_to_string(&count)?.parse()? } else { 0 };
        if next == 0 {
            // The secret is made where there is no log yet.
            let mut server = Server::over(&data, &[], SECONDS_MAX)?;
            server.go_on()?;
            server.stop()?;
        }
        Ok(Self { data, count, next, _temporary: temporary })
    }

    /// The number of the first chunk that is not there.
    fn next(&self) -> u64 {
        self.next
    }

    /// Fills it up to so many chunks; chunks a second.
    fn grow(&mut self, until: u64) -> anyhow::Result<f64> {
        let (from, to) = (self.next.to_string(), until.to_string());
        let told = process::run("fill", &self.data, &[&from, &to])?;
        let grew = until.saturating_sub(self.next);
        self.note(until.max(self.next))?;
        Ok(grew as f64 / told["seconds"].as_f64().unwrap_or(f64::INFINITY))
    }

    /// Chunks that a measurement stored.
    fn went_on(&mut self, told: &Value) -> anyhow::Result<()> {
        self.note(told["next"].as_u64().context("the step told no next chunk")?)
    }

    fn note(&mut self, next: u64) -> anyhow::Result<()> {
        self.next = next;
        Ok(fs::write(&self.count, next.to_string())?)
    }
}

/// What follows the name of a bench.
#[derive(Default)]
struct Options<'a> {
    full: bool,
    folder: Option<&'a str>,
}

fn options<'a>(args: &[&'a str]) -> anyhow::Result<Options<'a>> {
    match *args {
        [] => Ok(Options::default()),
        ["--full"] => Ok(Options { full: true, folder: None }),
        ["--folder", folder] => Ok(Options { full: false, folder: Some(folder) }),
        ["--full", "--folder", folder] => Ok(Options { full: true, folder: Some(folder) }),
        _ => anyhow::bail!(
            "there is `--full`, for ten million chunks, and then `--folder DIR`, which is kept and used again"
        ),
    }
}

/// Bytes of disk that the facts of so many chunks take, with some of the machine's own.
fn room_for(chunks: u64) -> u64 {
    chunks * CHUNK_DISK_BYTES + (2 << 30)
}

fn met(is_met: bool) -> &'static str {
    if is_met { "met" } else { "MISSED" }
}
