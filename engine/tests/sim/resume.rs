//! Another visit goes on where the last one ended, and only what changed is sent.

use cairn_engine::State;

use crate::world::{HELD_MAX, ONE, World, noise};

/// Uploads until the server has taken so many bytes, then everything on this side is gone.
fn broken_off(seed: u64, bytes: &[u8], taken: u64) -> World {
    let mut world = World::new(seed);
    world.add_file(ONE, bytes.to_vec());
    while world.server.bytes_taken < taken {
        world.step();
    }
    world.come_back();
    world
}

#[test]
fn an_upload_cut_at_every_step_goes_on() {
    let bytes = noise(1, 3_000_000);
    let mut whole = World::new(1);
    whole.add_file(ONE, bytes.clone());
    let mut steps = 0;
    while whole.view(ONE).state != State::Done {
        whole.step();
        steps += 1;
    }
    assert!(steps > 40, "{steps}");
    let manifest = whole.view(ONE).finished.unwrap().manifest_digest;
    for cut in 0..steps {
        let mut world = World::new(1);
        world.add_file(ONE, bytes.clone());
        (0..cut).for_each(|_| {
            world.step();
        });
        world.come_back();
        let missing = bytes.len() as u64 - world.server.bytes_taken;
        let before = world.server.bytes_taken;
        world.add(ONE);
        world.run();
        assert_eq!(world.view(ONE).finished.unwrap().manifest_digest, manifest, "cut at {cut}");
        assert!(world.server.files == std::slice::from_ref(&bytes), "cut at {cut}");
        assert!(world.server.bytes_taken - before <= missing, "cut at {cut}");
        world.settle();
    }
}

#[test]
fn only_what_is_missing_is_sent() {
    let bytes = noise(2, 10_000_000);
    let mut world = broken_off(2, &bytes, 4_000_000);
    let before = world.server.bytes_taken;
    world.add(ONE);
    world.run();
    assert!(world.server.files == [bytes]);
    assert_eq!(world.server.bytes_taken, 10_000_000);
    let view = world.view(ONE);
    assert_eq!((view.reused, view.sent, view.changed), (before, 10_000_000 - before, false));
}

#[test]
fn a_file_that_changed_since_is_revised() {
    let bytes = noise(3, 8_000_000);
    type Edit = fn(&mut Vec<u8>);
    let edits: [(&str, Edit); 6] = [
        ("overwritten", |bytes| bytes[1_000_000..1_000_100].fill(1)),
        ("appended", |bytes| bytes.extend_from_slice(&[9; 300_000])),
        ("truncated", |bytes| bytes.truncate(2_000_000)),
        ("truncated to a cut", |bytes| bytes.truncate(65_536 * 20)),
        ("emptied", Vec::clear),
        ("replaced", |bytes| *bytes = noise(77, 3_000_000)),
    ];
    for (name, edit) in edits {
        let mut world = broken_off(3, &bytes, 5_000_000);
        let before = world.server.bytes_taken;
        world.edit(ONE, edit);
        world.add(ONE);
        world.run();
        let expected = &world.files[&ONE].bytes;
        assert!(world.server.files == std::slice::from_ref(expected), "{name}");
        assert!(world.view(ONE).changed, "{name}");
        let sent = world.server.bytes_taken - before;
        match name {
            "overwritten" => assert!(sent <= 8_000_000 - before + 2 * 65_536 + HELD_MAX, "{name}: {sent}"),
            "truncated" => assert!(sent <= 65_536, "{name}: {sent}"),
            "truncated to a cut" | "emptied" => assert_eq!(sent, 0, "{name}"),
            _ => {}
        }
        world.settle();
    }
}

#[test]
fn a_file_that_changes_while_it_is_read_is_never_mixed() {
    for at in [0, 500_000, 2_000_000, 6_000_000, 11_900_000] {
        let mut world = World::new(4);
        world.add_file(ONE, noise(4, 12_000_000));
        while world.server.bytes_taken < at {
            world.step();
        }
        world.edit(ONE, |bytes| {
            let last = bytes.len() - 10;
            bytes[last] ^= 1;
            bytes[100] ^= 1;
        });
        world.run();
        // Read to its end before the change, it is rightly the old version; else the new one.
        let file = &world.files[&ONE];
        let expected = if world.view(ONE).changed { &file.bytes } else { &file.past[0] };
        assert!(world.server.files == std::slice::from_ref(expected), "changed after {at}");
        assert!(world.view(ONE).changed || at == 11_900_000);
    }
}

#[test]
fn a_file_that_never_rests_fails_and_says_so() {
    let mut world = World::new(5);
    world.add_file(ONE, noise(5, 500_000));
    for _ in 0..200_000 {
        if world.view(ONE).state == State::Failed {
            break;
        }
        world.edit(ONE, |bytes| bytes[7] ^= 1);
        world.step();
    }
    assert_eq!(world.view(ONE).trouble, Some(cairn_engine::Trouble::KeepsChanging));
    world.handle(cairn_engine::Input::Resume(ONE));
    world.run();
    assert!(world.server.files == [world.files[&ONE].bytes.clone()]);
}

#[test]
fn a_session_that_is_over_is_replaced() {
    let bytes = noise(6, 3_000_000);
    let mut world = broken_off(6, &bytes, 1_000_000);
    world.server.end_all();
    world.add(ONE);
    world.run();
    assert!(world.server.files == [bytes]);
}

#[test]
fn a_session_that_nobody_knows_any_more_is_begun_anew() {
    for broken_at in [0, 1, 1_000_000] {
        let bytes = noise(8, 3_000_000);
        let mut world = broken_off(8, &bytes, broken_at);
        world.server.forget_all();
        world.add(ONE);
        world.run();
        assert!(world.server.files == [bytes], "broken off at {broken_at}");
    }
}

#[test]
fn a_session_that_was_published_unheard_is_not_published_twice() {
    let bytes = noise(7, 300_000);
    let mut world = World::new(7);
    world.add_file(ONE, bytes.clone());
    while world.server.files.is_empty() {
        world.step();
    }
    world.come_back();
    world.add(ONE);
    world.run();
    assert!(world.server.files == [bytes], "one file");
    assert!(world.view(ONE).finished.is_some());
}

#[test]
fn chunks_that_a_server_lost_are_sent_again() {
    let bytes = noise(8, 2_000_000);
    let mut world = World::new(8);
    world.add_file(ONE, bytes.clone());
    while world.server.bytes_taken < 1_900_000 {
        world.step();
    }
    world.server.lose(5);
    world.run();
    assert!(world.server.files == [bytes]);
}
