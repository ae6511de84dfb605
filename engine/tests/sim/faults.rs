//! Bad lines and dying servers.

use cairn_engine::{Input, State};

use crate::world::{ONE, Weather, World, noise};

#[test]
fn storms_delay_and_never_spoil() {
    for seed in 0..60 {
        let mut world = World::new(seed);
        world.weather =
            Weather { lost_requests: 8, lost_replies: 8, doubled_replies: 15, busy: 8, delay_ms_max: 400 };
        let bytes = noise(seed, 1_500_000);
        world.add_file(ONE, bytes.clone());
        world.run();
        assert!(world.server.files == [bytes], "seed {seed}");
        world.weather = Weather::default();
        world.settle();
    }
}

#[test]
fn a_dead_server_is_waited_for() {
    let mut world = World::new(1);
    let bytes = noise(1, 3_000_000);
    world.add_file(ONE, bytes.clone());
    while world.server.bytes_taken < 1_000_000 {
        world.step();
    }
    world.weather.lost_requests = 100;
    world.run_until(&[State::Offline]);
    let since = world.now;
    while world.now < since + 3 * 24 * 3_600_000 {
        world.step();
    }
    assert_eq!(world.view(ONE).state, State::Offline);
    let tries = world.server.requests;
    world.weather.lost_requests = 0;
    world.run();
    assert!(world.server.files == [bytes]);
    assert!(world.server.requests > tries);
}

#[test]
fn offline_sends_nothing_and_online_goes_on_at_once() {
    let mut world = World::new(2);
    let bytes = noise(2, 3_000_000);
    world.add_file(ONE, bytes.clone());
    while world.server.bytes_taken < 1_000_000 {
        world.step();
    }
    world.handle(Input::Online(false));
    assert_eq!(world.view(ONE).state, State::Offline);
    let since = world.now;
    while world.now < since + 10_000 && world.engine.poll_timeout().is_some_and(|at| at < since + 10_000) {
        world.step();
    }
    let requests = world.server.requests;
    while world.engine.poll_timeout().is_some_and(|at| at < since + 29_000) {
        world.step();
    }
    assert_eq!(world.server.requests, requests);
    world.handle(Input::Online(true));
    world.run();
    assert!(world.server.files == [bytes]);
}

#[test]
fn a_wrong_word_of_no_network_is_believed_for_a_while_only() {
    let mut world = World::new(3);
    world.add_file(ONE, noise(3, 300_000));
    world.handle(Input::Online(false));
    world.run();
    assert!(world.now >= 30_000 && world.now < 40_000, "{}", world.now);
}

#[test]
fn every_visit_may_be_in_a_storm() {
    for seed in 100..130 {
        let mut world = World::new(seed);
        world.weather =
            Weather { lost_requests: 5, lost_replies: 5, doubled_replies: 5, busy: 5, delay_ms_max: 200 };
        world.add_file(ONE, noise(seed, 1_000_000));
        for visit in 0..4 {
            for _ in 0..world.dice.below(120) {
                world.step();
            }
            if world.view(ONE).state == State::Done {
                break;
            }
            world.come_back();
            if world.dice.chance(40) {
                world.edit(ONE, |bytes| bytes[(visit * 100_000) as usize] ^= 1);
            }
            world.add(ONE);
        }
        world.run();
        let expected = &world.files[&ONE].bytes;
        assert!(world.server.files.last() == Some(expected), "seed {seed}");
    }
}
