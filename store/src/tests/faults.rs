//! One operation fails, at every place of a random run: no space, an error of the disk, too many open files. Nothing
//! is acknowledged that is not so, and the store goes on, or is opened again.
//!
//! `CAIRN_SEEDS` says how many runs (300), `CAIRN_SEED` names one.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::random::Random;
use super::seeds::each_seed;
use super::world::{Facts, Flushed, World, sim_disk};
use crate::disk::fault::{Faulty, Plan, When};
use crate::error::StoreError;

const EIO: i32 = 5;
const EMFILE: i32 = 24;
const ENOSPC: i32 = 28;

/// The n-th operation fails, before it is begun or after it was done.
struct Once {
    is_armed: AtomicBool,
    left: AtomicU64,
    when: When,
    code: i32,
}

impl Plan for Once {
    fn at(&self, _point: &str, when: When) -> io::Result<()> {
        if self.is_armed.load(Ordering::SeqCst)
            && when == self.when
            && self.left.fetch_sub(1, Ordering::SeqCst) == 1
        {
            return Err(io::Error::from_raw_os_error(self.code));
        }
        Ok(())
    }
}

/// Runs in which the operation that failed was noticed.
static NOTICED: AtomicU64 = AtomicU64::new(0);

async fn run(seed: u64) {
    let mut random = Random::new(seed);
    let (disk, indexes) = (sim_disk(), Flushed::default());
    let mut facts = Facts::default();
    let code = [EIO, EMFILE, ENOSPC][random.below(3) as usize];
    let when = if random.chance(2) { When::Before } else { When::After };
    let left = AtomicU64::new(1 + random.below(500));
    let plan = Arc::new(Once { is_armed: AtomicBool::new(true), left, when, code });
    let faulty = Arc::new(Faulty::new(Arc::new(disk.clone()), plan.clone()));
    let mut world = match World::open(faulty.clone(), &indexes, 1_000, 100) {
        Ok(world) => world,
        // It failed while it was opened: the next try opens it.
        Err(_) => World::open(faulty.clone(), &indexes, 1_000, 100).unwrap(),
    };
    let mut failures = 0;
    for _ in 0..120 {
        let Err(error) = world.step(&mut random, &mut facts).await else { continue };
        failures += 1;
        NOTICED.fetch_add(1, Ordering::Relaxed);
        assert!(failures <= 2, "seed {seed}: one fault made the third failure: {error}");
        assert!(
            matches!(error, StoreError::Io(_) | StoreError::Full | StoreError::Closed(_)),
            "seed {seed}: {error}"
        );
        if world.meta.closed().is_some() {
            let (now, next_id) = (world.now, world.next_id);
            drop(world);
            world = World::open(faulty.clone(), &indexes, now, next_id).unwrap();
        }
        // What is looked at must not fail while it is looked at.
        plan.is_armed.store(false, Ordering::SeqCst);
        world.settle(&mut facts).await;
        world.check(&facts).await;
        plan.is_armed.store(true, Ordering::SeqCst);
    }
    plan.is_armed.store(false, Ordering::SeqCst);
    world.check(&facts).await;
    let (now, next_id) = (world.now, world.next_id);
    drop(world);
    let world = World::open(Arc::new(disk), &Flushed::default(), now, next_id).unwrap();
    world.check(&facts).await;
}

#[test]
fn a_failed_operation_is_never_acknowledged() {
    each_seed("faults", 300, run);
    assert!(NOTICED.load(Ordering::Relaxed) > 0, "nothing failed in any run");
}
