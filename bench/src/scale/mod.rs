//! Figures over large indexes: what a chunk costs, and how long the server takes to start.
//!
//! The facts are simulated: written by the store's own verbs, in the same order as the server calls them, about chunks whose bytes
//! never were in `chunks/`.

mod facts;
mod growth;
mod measure;
mod process;
mod start_up;

use std::path::{Path, PathBuf};

use anyhow::Context;
use cairn_e2e::Timer;
use serde_json::{Value, json};

use self::facts::Facts;

pub(crate) use self::growth::run as growth;
pub(crate) use self::start_up::run as start_up;

/// Where the index lies in a data folder.
const INDEX: &str = "index";
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
            _ => anyhow::bail!("a step is `fill DATA FROM UNTIL` or `measure DATA COUNT NEXT`"),
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

/// A data folder that is filled step by step.
struct Built {
    data: PathBuf,
    next: u64,
}

impl Built {
    fn new(data: &Path) -> Self {
        Self { data: data.to_owned(), next: 0 }
    }

    /// The number of the first chunk that is not there.
    fn next(&self) -> u64 {
        self.next
    }

    /// Fills it up to so many chunks; chunks a second.
    fn grow(&mut self, until: u64) -> anyhow::Result<f64> {
        let (from, to) = (self.next.to_string(), until.to_string());
        let told = process::run("fill", &self.data, &[&from, &to])?;
        let grew = until - self.next;
        self.next = until;
        Ok(grew as f64 / told["seconds"].as_f64().unwrap_or(f64::INFINITY))
    }

    /// Chunks that a measurement stored.
    fn went_on(&mut self, told: &Value) -> anyhow::Result<()> {
        self.next = told["next"].as_u64().context("the step told no next chunk")?;
        Ok(())
    }
}

/// Bytes of disk that the facts of so many chunks take, with some of the machine's own.
fn room_for(chunks: u64) -> u64 {
    chunks * CHUNK_DISK_BYTES + (2 << 30)
}

fn met(is_met: bool) -> &'static str {
    if is_met { "met" } else { "MISSED" }
}
