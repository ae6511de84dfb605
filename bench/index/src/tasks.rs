//! What is measured, each in a process of its own.

use std::fs;
use std::mem;
use std::time::Duration;

use anyhow::Context;

use crate::clock::now;
use crate::damage;
use crate::job::{Job, tell};
use crate::rows::{self, Entry, ROWS_PER_CHUNK, Writes};
use crate::stores::Store;

/// An index with few chunks is built in smaller batches, so that it is made of no fewer than one with a million.
const BATCHES: usize = 20;

/// Under this key lies the last applied batch, as in `store/src/meta/sled`.
pub(crate) const APPLIED_KEY: &[u8] = &[0];

/// Chunks that come again in the tail of the log.
const TAIL_CHUNKS: u64 = 50_000;

/// Chunks of the batch that is not flushed when the process ends as if it were killed.
const UNFLUSHED_CHUNKS: u64 = 1_000;

/// Keys that are looked up, of those that are there and of those that are not.
const LOOKUPS: u64 = 100_000;

/// Chunks whose rows are removed, and how many at once: the sweep takes 1,000 rows in a step.
const REMOVED_CHUNKS: u64 = 100_000;
const REMOVED_AT_ONCE: usize = 1_000 / ROWS_PER_CHUNK;

/// Rows that a scan asks for at once, as in `store/src/meta/read.rs`.
const PAGE_ROWS: usize = 1_000;

/// The tasks of a round, in their order, each with its name.
pub(crate) const ROUND: &[&str] = &["build", "lookup", "replay", "reopen", "scan", "remove"];

/// Does the job that this process was started for.
pub(crate) fn run(job: &Job) -> anyhow::Result<()> {
    match job.task.as_str() {
        "build" => build(job),
        "lookup" => lookup(job),
        "replay" => replay(job),
        "reopen" => reopen(job),
        "scan" => scan(job),
        "remove" => remove(job),
        damage::CHECK => damage::check(job),
        other => anyhow::bail!("there is no task {other}"),
    }
}

/// Fills the index from sorted rows, as Cairn does from a snapshot.
fn build(job: &Job) -> anyhow::Result<()> {
    let start = now();
    let store = job.open()?;
    let mut writes = Writes::new();
    let (mut count, mut batch) = (0_u32, 0_u64);
    let batch_rows = batch_rows(job)?;
    let mut entries = rows::read_sorted(&job.sorted())?.peekable();
    while let Some(entry) = entries.next() {
        let (key, value) = entry?;
        writes.insert(key, Some(value));
        count += 1;
        if writes.len() == batch_rows || entries.peek().is_none() {
            batch += 1;
            writes.insert(APPLIED_KEY.to_vec(), Some(batch.to_be_bytes().to_vec()));
            store.apply(&mem::take(&mut writes))?;
        }
    }
    store.flush()?;
    tell("build_rows_per_s", f64::from(count) / start.elapsed().as_secs_f64());
    drop(store);
    tell("build_peak_mib", peak_mib()?);
    Ok(())
}

/// Rows that are applied at once while the index of this job is built.
pub(crate) fn batch_rows(job: &Job) -> anyhow::Result<usize> {
    let rows = usize::try_from(job.chunks)? * ROWS_PER_CHUNK;
    Ok(rows.div_ceil(BATCHES).min(job.kind.build_rows))
}

/// Looks up records of chunks that are there, then some that are not, in an index that was just opened.
fn lookup(job: &Job) -> anyhow::Result<()> {
    let start = now();
    let store = job.open()?;
    tell("open_ms", start.elapsed().as_secs_f64() * 1e3);
    let lookups = LOOKUPS.min(job.chunks);
    // Digests follow no order, so the keys of every n-th chunk are spread at random.
    let stride = job.chunks / lookups;
    let hits = (0..lookups).map(|n| rows::record(n * stride)).map(|(key, value)| (key, Some(value)));
    time_lookups(store.as_ref(), "hit", hits)?;
    let misses = (0..lookups).map(|n| (rows::record(job.chunks + n).0, None));
    time_lookups(store.as_ref(), "miss", misses)?;
    drop(store);
    tell("lookup_peak_mib", peak_mib()?);
    Ok(())
}

fn time_lookups(
    store: &dyn Store,
    name: &str,
    keys: impl Iterator<Item = (Vec<u8>, Option<Vec<u8>>)>,
) -> anyhow::Result<()> {
    let mut times = Vec::new();
    for (key, expected) in keys {
        let start = now();
        let value = store.get(&key)?;
        times.push(start.elapsed());
        anyhow::ensure!(value == expected, "a row is not as it was written");
    }
    let total: Duration = times.iter().sum();
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)].as_secs_f64() * 1e6;
    tell(&format!("{name}_per_s"), f64::from(u32::try_from(times.len())?) / total.as_secs_f64());
    tell(&format!("{name}_p50_us"), at(50));
    tell(&format!("{name}_p99_us"), at(99));
    Ok(())
}

/// Applies the tail of the log, whose rows have other values now, and ends with a batch that is not flushed.
fn replay(job: &Job) -> anyhow::Result<()> {
    let first = job.chunks.saturating_sub(TAIL_CHUNKS);
    let start = now();
    let store = job.open()?;
    let mut writes = Writes::new();
    for number in first..job.chunks {
        writes.extend(puts(number, 1));
        if writes.len() >= job.kind.build_rows {
            store.apply(&mem::take(&mut writes))?;
        }
    }
    store.apply(&writes)?;
    store.flush()?;
    tell("replay_s", start.elapsed().as_secs_f64());
    let last = (0..UNFLUSHED_CHUNKS.min(job.chunks)).flat_map(|number| puts(number, 2)).collect();
    store.apply(&last)?;
    // As if the process were killed: nothing is closed.
    mem::forget(store);
    Ok(())
}

fn puts(number: u64, generation: u32) -> impl Iterator<Item = (Vec<u8>, Option<Vec<u8>>)> {
    rows::of_chunk(number, generation).into_iter().map(|(key, value)| (key, Some(value)))
}

/// Opens what `replay` left.
fn reopen(job: &Job) -> anyhow::Result<()> {
    let start = now();
    let store = job.open()?;
    tell("reopen_ms", start.elapsed().as_secs_f64() * 1e3);
    drop(store);
    Ok(())
}

/// Reads the records of all chunks, page by page.
fn scan(job: &Job) -> anyhow::Result<()> {
    let store = job.open()?;
    let start = now();
    let [from, end] = rows::records();
    let mut count = 0_u32;
    each(store.as_ref(), from, &end, &mut |_| count += 1)?;
    tell("scan_rows_per_s", f64::from(count) / start.elapsed().as_secs_f64());
    anyhow::ensure!(u64::from(count) == job.chunks, "{count} records, and there were {}", job.chunks);
    Ok(())
}

/// Hands on every row with its key in `from..end`, read page by page as Cairn does it.
pub(crate) fn each(
    store: &dyn Store,
    mut from: Vec<u8>,
    end: &[u8],
    take: &mut dyn FnMut(&Entry),
) -> anyhow::Result<()> {
    loop {
        let page = store.page(&from, end, PAGE_ROWS)?;
        page.iter().for_each(&mut *take);
        match page.into_iter().nth(PAGE_ROWS - 1) {
            Some((key, _)) => from = [key.as_slice(), &[0]].concat(),
            None => return Ok(()),
        }
    }
}

/// Removes the rows of every n-th chunk.
fn remove(job: &Job) -> anyhow::Result<()> {
    let store = job.open()?;
    let removed = REMOVED_CHUNKS.min(job.chunks);
    let stride = job.chunks / removed;
    let numbers: Vec<u64> = (0..removed).map(|n| n * stride).collect();
    let start = now();
    let mut count = 0_u32;
    for numbers in numbers.chunks(REMOVED_AT_ONCE) {
        let rows = numbers.iter().flat_map(|number| rows::of_chunk(*number, 0));
        let writes: Writes = rows.map(|(key, _)| (key, None)).collect();
        store.apply(&writes)?;
        count += u32::try_from(writes.len())?;
    }
    store.flush()?;
    tell("remove_rows_per_s", f64::from(count) / start.elapsed().as_secs_f64());
    drop(store);
    tell("remove_peak_mib", peak_mib()?);
    Ok(())
}

/// The most memory that this process ever had resident.
fn peak_mib() -> anyhow::Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("there is no VmHWM")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1_024.0)
}
