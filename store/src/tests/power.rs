//! Power cuts in simulation: at a random operation of a random run, whatever the disk keeps of what was not synced,
//! every acknowledged fact is there afterwards.
//!
//! `CAIRN_SEEDS` says how many seeds (500), `CAIRN_SEED` names one. A failure prints the command that runs it again.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::random::Random;
use super::seeds::each_seed;
use super::world::{Facts, Flushed, World, sim_disk};
use crate::disk::fault::{Faulty, Plan, When};

/// Lets so many operations pass, then the power is out for all others.
#[derive(Default)]
struct Power {
    left: AtomicU64,
    is_out: AtomicBool,
}

impl Plan for Power {
    fn at(&self, _point: &str, when: When) -> io::Result<()> {
        let is_last = when == When::Before && self.left.fetch_sub(1, Ordering::SeqCst) == 1;
        if is_last {
            self.is_out.store(true, Ordering::SeqCst);
        }
        if self.is_out.load(Ordering::SeqCst) { Err(io::Error::other("the power is out")) } else { Ok(()) }
    }
}

/// A run with several power cuts, and a look at every acknowledged fact after each.
async fn run(seed: u64) {
    let mut random = Random::new(seed);
    let mut disk = sim_disk();
    let mut indexes = Flushed::default();
    let mut facts = Facts::default();
    let (mut now, mut next_id) = (1_000, 100);
    for _ in 0..4 {
        let power = Arc::new(Power::default());
        power.left.store(1 + random.below(400), Ordering::SeqCst);
        let faulty = Arc::new(Faulty::new(Arc::new(disk.clone()), power.clone()));
        if let Ok(mut world) = World::open(faulty, &indexes, now, next_id) {
            while !power.is_out.load(Ordering::SeqCst) {
                if let Err(error) = world.step(&mut random, &mut facts).await {
                    assert!(power.is_out.load(Ordering::SeqCst), "seed {seed}: {error}");
                    break;
                }
            }
            (now, next_id) = (world.now, world.next_id);
        }
        assert!(power.is_out.load(Ordering::SeqCst), "seed {seed}: the store did not open");
        // Now and then only the process dies: what was never synced is still to be seen, and what comes builds on it.
        let is_kill = random.chance(3);
        if !is_kill {
            disk = disk.after_power_cut(&mut random);
        }
        let kept = if random.chance(2) { indexes.0.lock().unwrap().clone() } else { None };
        indexes = Flushed(Arc::new(Mutex::new(kept)));
        // After a cut a look at a copy is enough, so that the next run opens what the cut left.
        let (seen, flushed) =
            if is_kill { (disk.clone(), indexes.clone()) } else { (disk.copy(), indexes.copy()) };
        let world = World::open(Arc::new(seen), &flushed, now, next_id).unwrap();
        world.settle(&mut facts).await;
        world.check(&facts).await;
    }
}

#[test]
fn nothing_acknowledged_is_lost_in_a_power_cut() {
    each_seed("power", 500, run);
}
