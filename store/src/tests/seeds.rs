//! Runs a test for many seeds, and says how to run the one again that failed.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Runs `run` for `CAIRN_SEED`, or for so many seeds as `CAIRN_SEEDS` says, `count` where it says nothing.
pub(super) fn each_seed<F: Future<Output = ()>>(name: &str, count: u64, run: impl Fn(u64) -> F + Sync) {
    let number = |name| std::env::var(name).ok().map(|text: String| text.parse::<u64>().unwrap());
    let seeds = match number("CAIRN_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("CAIRN_SEEDS").unwrap_or(count),
    };
    let next = AtomicU64::new(seeds.start);
    let lane = || loop {
        let seed = next.fetch_add(1, Ordering::SeqCst);
        if seed >= seeds.end {
            return;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| runtime.block_on(run(seed)))) {
            eprintln!("again: CAIRN_SEED={seed} cargo test -p cairn-store {name}");
            resume_unwind(panic);
        }
    };
    thread::scope(|scope| {
        let lanes: Vec<_> = (0..2).map(|_| scope.spawn(lane)).collect();
        for lane in lanes {
            lane.join().unwrap();
        }
    });
}
