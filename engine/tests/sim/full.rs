//! A server whose disk is full: what needs no room is taken, what fits is sent, and the rest waits and says why.

use cairn_engine::{Config, Input, State, Trouble, UploadId};

use crate::world::{ONE, World, config, noise};

const CHUNK: u64 = 65_536;
const MINUTE: u64 = 60_000;

fn live(world: &mut World, time: u64) {
    let until = world.now + time;
    while world.engine.poll_timeout().is_some_and(|at| at < until) {
        world.step();
    }
}

#[test]
fn what_fits_is_sent_and_the_chunk_that_does_not_waits() {
    let mut world = World::new(1);
    world.server.room = Some(1_000_000);
    let bytes = noise(1, 2_500_000);
    world.add_file(ONE, bytes.clone());
    world.run_until(&[State::Offline]);
    live(&mut world, MINUTE);
    let view = world.view(ONE);
    assert!(view.stored + CHUNK > 1_000_000, "{} bytes are stored", view.stored);
    let free = 1_000_000 - view.stored;
    let full = Trouble::Full { needed: Some(2_500_000 - view.stored), free: Some(free) };
    assert_eq!((view.state, view.trouble), (State::Offline, Some(full)));
    // It asks now and then, and sends nothing that was not asked for.
    let (requests, taken) = (world.server.requests, world.server.bytes_taken);
    live(&mut world, 10 * MINUTE);
    let asked = world.server.requests - requests;
    assert!((20..=120).contains(&asked), "{asked} requests in ten minutes");
    assert_eq!(world.server.bytes_taken, taken);
    world.server.room = None;
    let since = world.now;
    world.run();
    assert!(world.now < since + MINUTE && world.server.files == [bytes]);
    assert_eq!(world.view(ONE).trouble, None);
    world.settle();
}

#[test]
fn a_write_that_finds_no_room_is_told_the_same_way() {
    let mut world = World::new(2);
    let bytes = noise(2, 1_500_000);
    world.add_file(ONE, bytes.clone());
    while world.server.bytes_taken < 300_000 {
        world.step();
    }
    // What was asked for already has lost its room.
    world.server.room = Some(0);
    world.run_until(&[State::Offline]);
    assert!(matches!(world.view(ONE).trouble, Some(Trouble::Full { free: Some(0), .. })));
    live(&mut world, MINUTE);
    world.server.room = None;
    world.run();
    assert!(world.server.files == [bytes]);
}

#[test]
fn others_go_on_beside_those_that_wait_for_room() {
    let mut world = World::new(3);
    let known = noise(3, 1_500_000);
    world.add_file(ONE, known.clone());
    world.run();
    world.server.room = Some(1_500_000);
    // Two are worked on at once, and these would hold both places.
    for number in 2..7 {
        world.add_file(UploadId(number), noise(u64::from(number), 1_000_000));
    }
    let last = UploadId(9);
    world.add_file(last, known);
    while world.view(last).state != State::Done {
        assert!(world.now < 10 * MINUTE && world.step(), "{:#?}", world.view(last));
    }
    live(&mut world, 10 * MINUTE);
    for number in 2..7 {
        let view = world.view(UploadId(number));
        assert!(matches!(view.trouble, Some(Trouble::Full { .. })), "{view:#?}");
    }
    // They ask without being read.
    let passes = world.passes;
    live(&mut world, 10 * MINUTE);
    assert_eq!(world.passes, passes, "files are read though there is no room");
    world.server.room = None;
    world.run();
    assert_eq!(world.server.files.len(), 7);
    world.settle();
}

#[test]
fn small_files_that_wait_for_room_take_no_memory_from_others() {
    let mut world = World::with(Config { small_max: 100, uploads_max: 2, ..config() }, 4);
    let known = noise(4, 200_000);
    world.add_file(ONE, known.clone());
    world.run();
    world.server.room = Some(200_000);
    // More than may be held.
    for number in 10..50 {
        world.add_file(UploadId(number), noise(u64::from(number), 200_000));
    }
    let last = UploadId(99);
    world.add_file(last, known);
    while world.view(last).state != State::Done {
        assert!(world.now < 10 * MINUTE && world.step(), "{:#?}", world.view(last));
    }
    world.server.room = None;
    world.run();
    assert_eq!(world.server.files.len(), 42);
    world.settle();
}

#[test]
fn who_insists_is_told_again() {
    let mut world = World::new(5);
    world.server.room = Some(0);
    world.add_file(ONE, noise(5, 100_000));
    world.run_until(&[State::Offline]);
    let requests = world.server.requests;
    world.handle(Input::Resume(ONE));
    for _ in 0..20 {
        world.step();
    }
    assert!(world.server.requests > requests);
    assert!(matches!(world.view(ONE).trouble, Some(Trouble::Full { .. })));
}
