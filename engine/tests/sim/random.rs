//! Whatever people do in whatever order: what is published is the file.

use cairn_engine::{Input, State, UploadId};
use proptest::prelude::*;

use crate::world::{Weather, World, noise};

#[derive(Debug, Clone)]
enum Deed {
    Step(u16),
    Pause(u8),
    Resume(u8),
    Cancel(u8),
    ComeBack,
    Edit(u8, u32),
    Shrink(u8),
    Online(bool),
    Storm(bool),
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        8 => (1u16..80).prop_map(Deed::Step),
        1 => (0u8..3).prop_map(Deed::Pause),
        2 => (0u8..3).prop_map(Deed::Resume),
        1 => (0u8..3).prop_map(Deed::Cancel),
        1 => Just(Deed::ComeBack),
        1 => (0u8..3, 0u32..400_000).prop_map(|(upload, at)| Deed::Edit(upload, at)),
        1 => (0u8..3).prop_map(Deed::Shrink),
        1 => any::<bool>().prop_map(Deed::Online),
        1 => any::<bool>().prop_map(Deed::Storm),
    ];
    proptest::collection::vec(deed, 1..40)
}

fn act(world: &mut World, deed: &Deed) {
    let known = |world: &World, number: u8| {
        let id = UploadId(u32::from(number));
        world.engine.view(id).map(|view| (id, view))
    };
    match deed {
        Deed::Step(count) => (0..*count).for_each(|_| {
            world.step();
        }),
        Deed::Pause(number) => world.handle(Input::Pause(UploadId(u32::from(*number)))),
        Deed::Resume(number) => world.handle(Input::Resume(UploadId(u32::from(*number)))),
        Deed::Cancel(number) => world.handle(Input::Cancel(UploadId(u32::from(*number)))),
        Deed::ComeBack => {
            world.come_back();
            let unfinished: Vec<_> = world.journal.keys().copied().collect();
            unfinished.into_iter().for_each(|id| world.add(id));
        }
        Deed::Edit(number, at) => {
            if let Some((id, view)) = known(world, *number)
                && view.state != State::Done
            {
                world.edit(id, |bytes| {
                    let at = *at as usize % (bytes.len() + 1);
                    bytes.insert(at, 3);
                });
            }
        }
        Deed::Shrink(number) => {
            if let Some((id, view)) = known(world, *number)
                && view.state != State::Done
            {
                world.edit(id, |bytes| bytes.truncate(bytes.len() / 2));
            }
        }
        Deed::Online(online) => world.handle(Input::Online(*online)),
        Deed::Storm(on) => {
            world.weather = if *on {
                Weather {
                    lost_requests: 10,
                    lost_replies: 10,
                    doubled_replies: 20,
                    busy: 10,
                    delay_ms_max: 100,
                }
            } else {
                Weather::default()
            };
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn what_is_published_is_the_file(seed in any::<u64>(), deeds in deeds()) {
        let mut world = if seed.is_multiple_of(2) { World::new(seed) } else { World::together(seed) };
        for number in 0..3u32 {
            // Some are small, some are not.
            let length = 400_000 >> (seed % 7);
            world.add_file(UploadId(number), noise(seed ^ u64::from(number), length));
        }
        for deed in &deeds {
            act(&mut world, deed);
        }
        world.weather = Weather::default();
        world.handle(Input::Online(true));
        let left: Vec<_> = world.engine.uploads().collect();
        for id in &left {
            world.handle(Input::Resume(*id));
        }
        for _ in 0..100_000 {
            let waiting: Vec<_> = left.iter().filter(|id| world.view(**id).state != State::Done).copied().collect();
            if waiting.is_empty() {
                break;
            }
            // A file that was edited too often fails rightly; a person tries again.
            for id in waiting {
                if world.view(id).state == State::Failed {
                    world.handle(Input::Resume(id));
                }
            }
            prop_assert!(world.step(), "stuck");
        }
        for published in &world.server.files {
            let was = |file: &crate::world::File| *published == file.bytes || file.past.contains(published);
            prop_assert!(world.files.values().any(was), "something was published that no file ever was");
        }
        for id in left {
            prop_assert_eq!(world.view(id).state, State::Done);
            let file = &world.files[&id];
            let was = |published: &Vec<u8>| *published == file.bytes || file.past.contains(published);
            prop_assert!(world.server.files.iter().any(was), "upload {:?} was published otherwise than it ever was", id);
        }
    }
}
