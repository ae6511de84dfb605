//! Many small files, whose requests go together.

use cairn_engine::{Input, State, UploadId};

use crate::world::{ONE, Weather, World, noise};

fn content(number: u32) -> Vec<u8> {
    noise(u64::from(number), 1 + (number as usize * 4_001) % 90_000)
}

fn with_files(seed: u64, count: u32) -> World {
    let mut world = World::together(seed);
    for number in 0..count {
        world.add_file(UploadId(number), content(number));
    }
    world
}

/// Every file was published, and nothing else.
fn check(world: &World, count: u32) {
    let mut published = world.server.files.clone();
    let mut expected: Vec<_> = (0..count).map(content).collect();
    published.sort();
    expected.sort();
    assert!(published == expected, "{} files", published.len());
}

#[test]
fn many_small_files_take_few_requests() {
    let mut world = with_files(1, 200);
    world.run();
    check(&world, 200);
    assert!(world.server.requests < 40, "{} requests", world.server.requests);
    assert!((0..200).all(|number| world.view(UploadId(number)).sent > 0));
    world.settle();
}

#[test]
fn a_large_file_goes_on_beside_them() {
    let mut world = with_files(2, 100);
    let large = noise(99, 8_000_000);
    world.add_file(UploadId(500), large.clone());
    world.run();
    assert!(world.server.files.contains(&large) && world.server.files.len() == 101);
    world.settle();
}

#[test]
fn a_storm_loses_batches_and_nothing_else() {
    for seed in 10..30 {
        let mut world = World::together(seed);
        world.weather =
            Weather { lost_requests: 15, lost_replies: 15, doubled_replies: 20, busy: 10, delay_ms_max: 300 };
        for number in 0..80 {
            world.add_file(UploadId(number), content(number));
        }
        world.run();
        check(&world, 80);
        world.weather = Weather::default();
        world.settle();
    }
}

#[test]
fn who_came_too_often_waits_for_his_turn_and_has_no_trouble() {
    let mut world = with_files(7, 200);
    world.a_minute = Some(60);
    while world.step() {
        for number in 0..200 {
            let view = world.view(UploadId(number));
            assert!(view.state != State::Offline && view.trouble.is_none(), "{view:?}");
        }
    }
    check(&world, 200);
    assert!(world.too_often > 0, "nothing was refused");
    // Once refused, it does not come again before its time.
    assert!(world.too_often < 30, "{} were refused", world.too_often);
    world.settle();
}

#[test]
fn a_proxy_that_takes_no_large_body_is_learned() {
    let mut world = World::together(3);
    world.batch_bytes_max = Some(200_000);
    for number in 0..100 {
        world.add_file(UploadId(number), content(number));
    }
    world.run();
    check(&world, 100);
    world.settle();
}

#[test]
fn a_small_file_that_grows_is_read_to_its_end() {
    let mut world = World::together(4);
    world.add_file(ONE, noise(4, 1_000));
    world.edit(ONE, |bytes| bytes.extend(noise(5, 3_000_000)));
    world.run();
    let file = world.files[&ONE].bytes.clone();
    assert!(world.server.files == [file]);
    world.settle();
}

#[test]
fn pause_cancel_and_a_new_visit_leave_the_others_alone() {
    let mut world = with_files(5, 60);
    for _ in 0..30 {
        world.step();
    }
    world.handle(Input::Pause(UploadId(7)));
    world.handle(Input::Cancel(UploadId(8)));
    for _ in 0..100_000 {
        let done = world.engine.uploads().filter(|id| world.view(*id).state == State::Done);
        if done.count() == 58 {
            break;
        }
        world.step();
    }
    assert_eq!(world.view(UploadId(7)).state, State::Paused);
    world.come_back();
    let unfinished: Vec<_> = world.journal.keys().copied().collect();
    assert_eq!(unfinished, [UploadId(7)]);
    world.add(UploadId(7));
    world.run();
    assert_eq!(world.server.files.len(), 59);
    assert!(!world.server.files.contains(&content(8)));
    world.settle();
}
