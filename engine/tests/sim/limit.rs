//! A bandwidth limit holds for everything together, and can change on the way.

use std::num::NonZeroU64;

use cairn_engine::{Input, State, UploadId};

use crate::world::{ONE, World, noise};

/// Bytes a second.
const LIMIT: u64 = 1_000_000;
/// The rule's chunks: one may leave before the line rests for the first time.
const CHUNK: u64 = 65_536;

fn limit(world: &mut World, limit: u64) {
    world.handle(Input::Limit(NonZeroU64::new(limit)));
}

/// Steps until all is done, and looks at every step whether too much was taken since `began`.
fn run_held_to(world: &mut World, limit: u64, burst: u64) {
    let (began, before) = (world.now, world.server.bytes_taken);
    while world.engine.uploads().any(|upload| world.view(upload).state != State::Done) {
        assert!(world.step(), "stuck");
        let (passed, taken) = (world.now - began, world.server.bytes_taken - before);
        assert!(taken <= limit * passed / 1_000 + burst, "{taken} bytes in {passed} ms");
    }
}

#[test]
fn large_files_keep_to_the_limit_together() {
    let mut world = World::new(1);
    limit(&mut world, LIMIT);
    for number in 1..=3 {
        world.add_file(UploadId(number), noise(u64::from(number), 3_000_000));
    }
    run_held_to(&mut world, LIMIT, CHUNK);
    // And they use what they may use.
    assert!((8_900..9_500).contains(&world.now), "9 MB took {} ms", world.now);
    assert_eq!(world.server.files.len(), 3);
}

#[test]
fn small_files_keep_to_the_limit() {
    let mut world = World::together(2);
    limit(&mut world, LIMIT / 10);
    for number in 1..=100 {
        world.add_file(UploadId(number), noise(u64::from(number), 5_000));
    }
    run_held_to(&mut world, LIMIT / 10, LIMIT / 10 + CHUNK);
    assert!((3_500..6_000).contains(&world.now), "500 kB took {} ms", world.now);
    assert_eq!(world.server.files.len(), 100);
}

#[test]
fn a_limit_that_is_lifted_holds_nothing_back() {
    let mut world = World::new(3);
    limit(&mut world, 1_000);
    world.add_file(ONE, noise(3, 2_000_000));
    while world.view(ONE).sent == 0 {
        world.step();
    }
    assert_eq!((world.view(ONE).state, world.view(ONE).limit), (State::Sending, Some(1_000)));
    limit(&mut world, 0);
    assert_eq!(world.view(ONE).limit, None);
    world.run();
    assert!(world.now < 70_000, "it took {} ms", world.now);
}

#[test]
fn the_speed_told_under_a_limit_is_steady() {
    let mut world = World::new(4);
    limit(&mut world, 20_000);
    world.add_file(ONE, noise(4, 4_000_000));
    let mut told = Vec::new();
    while world.view(ONE).state != State::Done {
        world.step();
        told.extend(world.view(ONE).speed.filter(|_| world.now > 60_000));
    }
    let (least, most) = (told.iter().min().copied(), told.iter().max().copied());
    assert!(least >= Some(12_000) && most <= Some(30_000), "from {least:?} to {most:?} bytes a second");
}

#[test]
fn what_was_stored_is_in_the_journal_soon() {
    let mut world = World::new(5);
    limit(&mut world, 100_000);
    world.add_file(ONE, noise(5, 2_000_000));
    while world.view(ONE).stored < 1_500_000 {
        world.step();
        let (stored, kept) = (world.view(ONE).stored, world.journal[&ONE].stored);
        assert!(stored <= kept + 600_000, "{stored} bytes are stored, the journal says {kept}");
    }
    // Whoever pauses may close the tab right after.
    world.handle(Input::Pause(ONE));
    assert_eq!(world.journal[&ONE].stored, world.view(ONE).stored);
}
