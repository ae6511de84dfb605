//! Random verbs: the adapter on disk, killed and reopened in between, answers as the one in memory does.

use std::fmt::Debug;
use std::sync::Arc;

use cairn_shared::{BlobDigest, ChunkRule, UnixMs};
use cairn_store::model::{ChunkState, Declaration, Follow, Reach};
use cairn_store::{MetaStore, StoreError, meta};
use proptest::prelude::*;

use crate::folder::Folder;
use crate::world::{
    FULL, NUMBERS, START, arrive, file, folder, link, look, look_at_folders, publish, row, rows, session,
    start_in, try_add_folder, wait,
};

#[derive(Debug, Clone)]
enum Step {
    Start { n: u8, rule: ChunkRule, size: Option<u64>, into: Option<u8> },
    Declare { n: u8, revision: u32, at: u32, from: u8, count: u8, size: Option<u64> },
    Arrive { n: u8, index: u32, chunk: u8 },
    Fill { n: u8 },
    Publish { n: u8 },
    End { n: u8 },
    RemoveFile { n: u8 },
    AddFolder { n: u8, paths: u8 },
    RemoveFolder { n: u8 },
    AddLink { n: u8, of: u8 },
    RemoveLink { n: u8 },
    SaveFollow { n: u8, next: u32, revision: u32 },
    SetBlob { n: u8 },
    Sweep { now: UnixMs, archive_before: UnixMs },
    Doom { forget: bool },
    Reopen,
    Kill,
}

fn number() -> impl Strategy<Value = u8> {
    0..4u8
}

fn size() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![Just(None), (0..6u64).prop_map(|rows| Some(rows * u64::from(FULL)))]
}

fn rule() -> impl Strategy<Value = ChunkRule> {
    prop_oneof![Just(ChunkRule::FastCdc), Just(ChunkRule::Fixed(FULL))]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (number(), rule(), size(), proptest::option::of(number()))
            .prop_map(|(n, rule, size, into)| Step::Start { n, rule, size, into }),
        6 => (number(), 0..3u32, 0..6u32, 0..NUMBERS, 0..5u8, size()).prop_map(
            |(n, revision, at, from, count, size)| Step::Declare { n, revision, at, from, count, size }
        ),
        6 => (number(), 0..6u32, 0..NUMBERS).prop_map(|(n, index, chunk)| Step::Arrive { n, index, chunk }),
        4 => number().prop_map(|n| Step::Fill { n }),
        4 => number().prop_map(|n| Step::Publish { n }),
        1 => number().prop_map(|n| Step::End { n }),
        2 => number().prop_map(|n| Step::RemoveFile { n }),
        3 => (number(), any::<u8>()).prop_map(|(n, paths)| Step::AddFolder { n, paths }),
        1 => number().prop_map(|n| Step::RemoveFolder { n }),
        1 => (number(), number()).prop_map(|(n, of)| Step::AddLink { n, of }),
        1 => number().prop_map(|n| Step::RemoveLink { n }),
        2 => (number(), 0..6u32, 0..3u32).prop_map(|(n, next, revision)| Step::SaveFollow { n, next, revision }),
        1 => number().prop_map(|n| Step::SetBlob { n }),
        4 => (0..150u64, 0..150u64).prop_map(|(now, before)| Step::Sweep {
            now: START + now,
            archive_before: START + before.saturating_sub(100),
        }),
        3 => any::<bool>().prop_map(|forget| Step::Doom { forget }),
        1 => Just(Step::Reopen),
        1 => Just(Step::Kill),
    ]
}

/// The answer as text; errors that only one adapter can have would show.
fn said<T: Debug>(outcome: Result<T, StoreError>) -> String {
    format!("{outcome:?}")
}

async fn take(store: &dyn MetaStore, step: &Step) -> String {
    let now = START + 1;
    match *step {
        Step::Start { n, rule, size, into } => said(start_in(store, n, rule, size, into.map(folder)).await),
        Step::Declare { n, revision, at, from, count, size } => said(
            store
                .declare_rows(Declaration {
                    session: session(n),
                    revision,
                    at,
                    rows: rows(from, count),
                    size,
                    reach: Reach::Owner,
                    now,
                })
                .await,
        ),
        Step::Arrive { n, index, chunk } => said(arrive(store, n, index, row(chunk), now).await),
        Step::Fill { n } => {
            let mut all = String::new();
            for (row, index) in store.rows(session(n), 0, 10).await.unwrap().into_iter().zip(0..) {
                all += &said(arrive(store, n, index, row, now).await);
            }
            all
        }
        Step::Publish { n } => said(store.publish(publish(n, now)).await),
        Step::End { n } => said(store.end_session(session(n), false, now).await),
        Step::RemoveFile { n } => said(store.remove_file(file(n), now).await),
        Step::AddFolder { n, paths } => {
            // Files go to a/b: some of these are in the way.
            let all = ["a", "a/b/c", "empty", "empty/deep/er"];
            let some = all.iter().enumerate().filter(|(bit, _)| paths >> bit & 1 == 1);
            said(try_add_folder(store, n, &some.map(|(_, path)| *path).collect::<Vec<_>>()).await)
        }
        Step::RemoveFolder { n } => said(store.remove_folder(folder(n), now).await),
        Step::AddLink { n, of } => said(store.add_link(link(n, of)).await),
        Step::RemoveLink { n } => said(store.remove_link(link(n, 0).id, 5).await),
        Step::SaveFollow { n, next, revision } => {
            said(store.save_follow(Follow { session: session(n), next, revision, state: vec![n] }).await)
        }
        Step::SetBlob { n } => said(store.set_blob(session(n), BlobDigest::new([n; 32])).await),
        Step::Sweep { now, archive_before } => said(store.sweep(now, archive_before).await),
        Step::Doom { forget } => {
            let doomed = store.doom(START + 50, None, 3).await.unwrap();
            for chunk in doomed.iter().filter(|_| forget) {
                store.forget_chunk(chunk.digest, chunk.generation).await.unwrap();
            }
            format!("{doomed:?}")
        }
        Step::Reopen | Step::Kill => String::new(),
    }
}

/// No crash, clean-up or late answer may take a chunk away from a file.
async fn check_files(store: &dyn MetaStore) {
    for n in 0..4 {
        let Some(file) = store.file(file(n)).await.unwrap() else { continue };
        let rows = store.rows(file.session, 0, 100).await.unwrap();
        assert_eq!(rows.len(), file.rows as usize);
        for row in rows {
            let record = store.chunk(row.digest).await.unwrap().unwrap();
            assert_eq!((record.state, record.length), (ChunkState::Present, row.length), "file {n}");
        }
    }
}

async fn look_at_all(store: &dyn MetaStore) -> String {
    look(store).await + &look_at_folders(store).await
}

fn compare(steps: &[Step]) {
    let memory = meta::memory();
    let mut data = Folder::new();
    let mut disk: Option<Arc<dyn MetaStore>> = Some(data.open());
    for step in steps {
        if let Step::Kill = step {
            let killed = data.copy();
            drop(disk.take());
            data = killed;
        } else if let Step::Reopen = step {
            drop(disk.take());
        }
        let disk = disk.get_or_insert_with(|| data.open());
        let expected = wait(take(&*memory, step));
        assert_eq!(wait(take(&**disk, step)), expected, "{step:?}");
    }
    let expected = wait(look_at_all(&*memory));
    wait(check_files(&*memory));
    assert_eq!(wait(look_at_all(&**disk.as_ref().unwrap())), expected);
    drop(disk);
    assert_eq!(wait(look_at_all(&*data.open())), expected, "after the last reopening");
    std::fs::remove_dir_all(data.index()).unwrap();
    assert_eq!(wait(look_at_all(&*data.open())), expected, "from the log alone");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_disk_answers_as_memory_does(steps in proptest::collection::vec(step(), 1..80)) {
        compare(&steps);
    }
}
