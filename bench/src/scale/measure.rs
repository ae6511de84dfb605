//! What each verb of an upload costs over the index that is there.

use std::future::Future;
use std::path::Path;

use cairn_e2e::Timer;
use serde_json::{Value, json};

use super::facts::{FILE_CHUNKS, Facts, NEVER, row};
use super::process;

/// Rows that one check has: as many as a client asks for together.
const CHECK_ROWS: u64 = 256;
const CHECKS: u64 = 60;
/// Checks before anything is measured.
const WARM_CHECKS: u64 = 1_000;
/// Chunks that come one after another, and by four requests at a time, as `cairn put` sends them.
const SINGLE_CHUNKS: u64 = 100;
const FOUR_CHUNKS: u64 = 1_000;
/// Files that come in batches of a thousand, as small ones do.
const BATCHES: u64 = 3;

/// Opens the store in `data`, which has the chunks `..count`, and measures; stores a few thousand more.
pub(crate) async fn run(data: &Path, count: u64, next: u64) -> anyhow::Result<Value> {
    let timer = Timer::start();
    let facts = Facts::open(data).await?;
    let open_seconds = timer.elapsed().as_secs_f64();
    let opened_bytes = process::memory_max_bytes()?;
    // A server that has run for a while has the upper parts of its index in memory.
    for at in 0..WARM_CHECKS {
        let first = NEVER / 2 + at * CHECK_ROWS;
        facts.meta.present((first..first + CHECK_ROWS).map(row).collect()).await?;
    }
    let absent = per_item(CHECKS, CHECK_ROWS, async |at| {
        let rows = (at * CHECK_ROWS..(at + 1) * CHECK_ROWS).map(|number| row(NEVER + number)).collect();
        let present = facts.meta.present(rows).await?;
        anyhow::ensure!(present.into_iter().all(|it| !it), "a chunk is here that never came");
        Ok(())
    })
    .await?;
    let present = per_item(CHECKS, CHECK_ROWS, async |at| {
        let rows = (0..CHECK_ROWS).map(|n| row(scattered(at * CHECK_ROWS + n, count))).collect();
        let present = facts.meta.present(rows).await?;
        anyhow::ensure!(present.into_iter().all(|it| it), "a chunk that was stored is not here");
        Ok(())
    })
    .await?;
    let (mut next, before, cpu) = (next, next, process::cpu_seconds()?);
    let mut upload = async |chunks: u64, at_once: usize, times: u64| {
        let (mut checks, mut looked, mut stored) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..times {
            let first = next;
            next += chunks;
            let session = facts.start(first).await?;
            let rows: Vec<_> = (first..next).map(row).collect();
            checks.push(once(chunks, facts.check(session, rows.clone())).await?);
            // Whatever the owner does not hold may be somebody else's.
            looked.push(once(chunks, async { Ok(facts.meta.present(rows).await.map(drop)?) }).await?);
            let upload = facts.declared(session, first, chunks);
            stored.push(once(chunks, facts.arrive(&upload, at_once)).await?);
            facts.finish(&upload).await?;
        }
        anyhow::Ok((median(checks), median(looked), median(stored)))
    };
    let (_, _, single) = upload(SINGLE_CHUNKS, 1, 3).await?;
    let (declared, looked, four) = upload(FOUR_CHUNKS, 4, 3).await?;
    let log = process::bytes_of(&data.join("log"))?;
    let (_, _, batch) = upload(FILE_CHUNKS, FILE_CHUNKS as usize, BATCHES).await?;
    let log_grew = process::bytes_of(&data.join("log"))?.saturating_sub(log);
    let cpu = (process::cpu_seconds()? - cpu) * 1e6 / (next - before) as f64;
    let adopting = facts.start(NEVER + next).await?;
    let adopted = per_item(8, CHECK_ROWS, async |at| {
        let rows = (0..CHECK_ROWS).map(|n| row(scattered(NEVER + at * CHECK_ROWS + n, count))).collect();
        facts.adopt(adopting, rows).await
    })
    .await?;
    Ok(json!({
        "open_s": open_seconds,
        "opened_mib": mib(opened_bytes),
        "memory_mib": mib(process::memory_max_bytes()?),
        "absent": absent, "present": present, "declared": declared, "looked": looked, "adopted": adopted,
        "single": single, "four": four, "batch": batch,
        "cpu": cpu,
        "log_bytes": log_grew as f64 / (BATCHES * FILE_CHUNKS) as f64,
        "next": next,
    }))
}

/// Median time of one item of `calls` calls with `items` each, and reads of files for one, over all: `[µs, reads]`.
async fn per_item(
    calls: u64,
    items: u64,
    mut call: impl AsyncFnMut(u64) -> anyhow::Result<()>,
) -> anyhow::Result<[f64; 2]> {
    let mut all = Vec::new();
    for at in 0..calls {
        all.push(once(items, call(at)).await?);
    }
    Ok(median(all))
}

/// The same of one call.
async fn once(items: u64, call: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<[f64; 2]> {
    let (timer, before) = (Timer::start(), process::reads()?);
    call.await?;
    let took = timer.elapsed().as_secs_f64() * 1e6;
    // The look at the count is no read of the store's: twice `read`, until its end.
    let reads = (process::reads()? - before).saturating_sub(2);
    Ok([took / items as f64, reads as f64 / items as f64])
}

/// Median of the times; mean of the reads, which come in lumps.
fn median(all: Vec<[f64; 2]>) -> [f64; 2] {
    let mut times: Vec<f64> = all.iter().map(|one| one[0]).collect();
    times.sort_by(f64::total_cmp);
    let reads = all.iter().map(|one| one[1]).sum::<f64>() / all.len().max(1) as f64;
    [times.get(times.len() / 2).copied().unwrap_or_default(), reads]
}

/// One of `count` numbers, like chance (SplitMix64).
fn scattered(seed: u64, count: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) % count
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
