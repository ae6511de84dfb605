//! `sweep`, `doom`, `forget_chunk`: what is over ends, and only what nobody holds goes.

use cairn_shared::message::RowState::{Have, Need};
use cairn_store::Conflict;
use cairn_store::model::{ChunkState, Doomed, Given, NewSession, SessionState};

use crate::support::{EXPIRY, FULL, Kit, START, conflict, new_session, publish, record, row, rows, token};

pub(crate) async fn sessions_over_time_end(kit: Kit) {
    let session = kit.start(1, 1).await;
    kit.sweep(EXPIRY - 1).await;
    assert_eq!(kit.session(session).await.state, SessionState::Open);
    kit.sweep(EXPIRY).await;
    assert_eq!(kit.session(session).await.state, SessionState::Ended { at: EXPIRY, expired: true });
    assert!(!kit.meta.sweep(EXPIRY, 0).await.unwrap(), "there is nothing more to do");
}

pub(crate) async fn what_a_clock_filed_that_ran_ahead_ends_in_time(kit: Kit) {
    const AHEAD: u64 = 40 * 365 * 24 * 3_600_000;
    let bring_back = async || {
        let mut steps = 0;
        while kit.meta.bring_back(START, EXPIRY).await.unwrap() {
            steps += 1;
            assert!(steps < 100, "it never ends");
        }
        steps
    };
    let file = kit.file(1, 1, &rows(1, 1)).await;
    kit.meta.remove_file(file.id, START + AHEAD).await.unwrap();
    kit.sweep(START + AHEAD).await;
    assert_eq!(kit.state(row(1, FULL)).await, Some(ChunkState::Condemned(START + AHEAD)));
    let soon = kit.start(3, 3).await;
    let late =
        kit.meta.start(NewSession { expires_at: EXPIRY + AHEAD, ..new_session(2, 2) }).await.unwrap().0.id;
    assert!(bring_back().await > 0);
    assert_eq!(bring_back().await, 0, "nothing is ahead any more");
    assert_eq!(kit.state(row(1, FULL)).await, Some(ChunkState::Condemned(START)));
    assert_eq!(kit.session(late).await.expires_at, EXPIRY);
    for forgotten in [false, true] {
        assert_eq!(kit.meta.gone_file(file.id).await.unwrap().is_none(), forgotten);
        while kit.meta.sweep(START, START + 1).await.unwrap() {}
    }
    assert_eq!(kit.session(late).await.state, SessionState::Open);
    kit.sweep(EXPIRY).await;
    for session in [soon, late] {
        assert!(matches!(kit.session(session).await.state, SessionState::Ended { at: EXPIRY, .. }));
    }
}

pub(crate) async fn an_ended_session_lets_go_of_its_chunks(kit: Kit) {
    let session = kit.start(1, 1).await;
    kit.declare(session, &rows(1, 2)).await;
    kit.arrive(session, 0, row(1, FULL)).await.unwrap();
    kit.meta.end_session(session, false, START).await.unwrap();
    assert_eq!(kit.state(row(1, FULL)).await, Some(ChunkState::Present), "the job has not run yet");
    kit.sweep(START + 7).await;
    assert_eq!(kit.state(row(1, FULL)).await, Some(ChunkState::Condemned(START + 7)));
    assert_eq!(kit.stored(session).await, [], "its rows are gone");
}

pub(crate) async fn a_held_chunk_is_never_doomed(kit: Kit) {
    let open = kit.start(1, 1).await;
    kit.declare(open, &rows(1, 1)).await;
    kit.arrive(open, 0, row(1, FULL)).await.unwrap();
    kit.file(2, 1, &rows(2, 1)).await;
    kit.sweep(START).await;
    assert_eq!(kit.meta.doom(u64::MAX, None, 10).await.unwrap(), []);
    kit.meta.end_session(open, false, START).await.unwrap();
    kit.sweep(START).await;
    assert_eq!(kit.meta.doom(START, None, 10).await.unwrap(), [], "the delay is not over");
    let doomed = kit.meta.doom(START + 1, None, 10).await.unwrap();
    let expected = record(row(1, FULL), 0).locator;
    assert_eq!(doomed.len(), 1);
    let gone = (doomed[0].digest, doomed[0].generation, &doomed[0].locator);
    assert_eq!(gone, (row(1, FULL).digest, 0, &expected));
    assert_eq!(kit.state(row(1, FULL)).await, Some(ChunkState::Deleting));
}

pub(crate) async fn deleting_a_file_leaves_others_alone(kit: Kit) {
    let first = kit.file(1, 1, &rows(1, 3)).await;
    let second = kit.file(2, 1, &rows(2, 3)).await;
    let foreign = kit.file(3, 2, &rows(3, 1)).await;
    kit.meta.remove_file(first.id, START).await.unwrap();
    kit.sweep(START).await;
    assert_eq!(kit.state(row(1, FULL)).await, Some(ChunkState::Condemned(START)));
    for n in 2..5 {
        assert_eq!(kit.state(row(n, FULL)).await, Some(ChunkState::Present), "chunk {n}");
    }
    assert_eq!(kit.stored(first.session).await, []);
    assert_eq!(kit.stored(second.session).await, rows(2, 3));
    kit.meta.remove_file(second.id, START).await.unwrap();
    kit.sweep(START).await;
    assert_eq!(kit.state(row(3, FULL)).await, Some(ChunkState::Present), "another owner holds it");
    kit.meta.remove_file(foreign.id, START).await.unwrap();
    kit.sweep(START).await;
    assert_eq!(kit.meta.doom(START + 1, None, 10).await.unwrap().len(), 4);
}

pub(crate) async fn holds_outside_the_manifest_end_after_finish(kit: Kit) {
    let session = kit.start(1, 1).await;
    kit.declare(session, &rows(1, 4)).await;
    for index in 0..4 {
        kit.arrive(session, index, row(u64::from(index) + 1, FULL)).await.unwrap();
    }
    kit.check(session, 1, 2, &rows(20, 1), None).await.unwrap();
    kit.arrive(session, 2, row(20, FULL)).await.unwrap();
    kit.sweep(START).await;
    assert_eq!(kit.state(row(3, FULL)).await, Some(ChunkState::Present), "holds stay until finish");
    let kept = [rows(1, 2), rows(20, 1)].concat();
    let mut asked = publish(1, &kept);
    asked.revision = Some(1);
    kit.meta.publish(asked).await.unwrap();
    kit.sweep(START + 3).await;
    for n in [3, 4] {
        assert_eq!(kit.state(row(n, FULL)).await, Some(ChunkState::Condemned(START + 3)), "chunk {n}");
    }
    for row in kept {
        assert_eq!(kit.state(row).await, Some(ChunkState::Present));
    }
    assert_eq!(kit.status(session).await, (vec![(0, 3)], vec![]));
}

/// Chunk 1, condemned at `START`.
async fn condemn(kit: &Kit) {
    let file = kit.file(1, 1, &rows(1, 1)).await;
    kit.meta.remove_file(file.id, START).await.unwrap();
    kit.sweep(START).await;
    assert_eq!(kit.state(row(1, FULL)).await, Some(ChunkState::Condemned(START)));
}

pub(crate) async fn a_check_saves_a_condemned_chunk_of_the_same_owner(kit: Kit) {
    // Before the job has run the old hold still counts; afterwards nobody is known to have had the chunk.
    let file = kit.file(1, 1, &rows(1, 1)).await;
    kit.meta.remove_file(file.id, START).await.unwrap();
    let session = kit.start(2, 1).await;
    assert_eq!(kit.declare(session, &rows(1, 1)).await, [Have]);
    kit.sweep(START).await;
    assert_eq!(kit.state(row(1, FULL)).await, Some(ChunkState::Present));
    kit.meta.end_session(session, false, START).await.unwrap();
    kit.sweep(START).await;
    let third = kit.start(3, 1).await;
    assert_eq!(kit.declare(third, &rows(1, 1)).await, [Need]);
}

pub(crate) async fn an_arrival_saves_a_condemned_chunk(kit: Kit) {
    condemn(&kit).await;
    let session = kit.start(2, 2).await;
    kit.declare(session, &rows(1, 1)).await;
    kit.arrive(session, 0, row(1, FULL)).await.unwrap();
    assert_eq!(kit.state(row(1, FULL)).await, Some(ChunkState::Present));
    assert_eq!(kit.meta.doom(u64::MAX, None, 10).await.unwrap(), []);
}

pub(crate) async fn a_chunk_that_is_being_deleted_comes_back_under_the_next_generation(kit: Kit) {
    condemn(&kit).await;
    let came = row(1, FULL);
    let session = kit.start(2, 1).await;
    kit.declare(session, &[came]).await;
    let doomed = kit.meta.doom(START + 1, None, 10).await.unwrap();
    let late = kit.meta.arrive(session, 0, came, record(came, 0), 0, START).await;
    assert_eq!(conflict(late), Conflict::GenerationOver { generation: 1 });
    assert_eq!(kit.status(session).await, (vec![], vec![(0, 1)]), "nothing changed");
    kit.meta.arrive(session, 0, came, record(came, 1), 0, START).await.unwrap();
    assert_eq!(kit.meta.chunk(came.digest).await.unwrap(), Some(record(came, 1)));
    assert_eq!(kit.meta.doom(START + 1, None, 10).await.unwrap(), doomed, "the old copy still has to go");
    kit.meta.forget_chunk(came.digest, 0).await.unwrap();
    assert_eq!(kit.meta.chunk(came.digest).await.unwrap(), Some(record(came, 1)), "the new one stays");
    assert_eq!(kit.meta.doom(START + 1, None, 10).await.unwrap(), []);
}

pub(crate) async fn a_forgotten_generation_never_comes_back(kit: Kit) {
    condemn(&kit).await;
    let came = row(1, FULL);
    let session = kit.start(2, 1).await;
    kit.declare(session, &[came]).await;
    // The upload asked for its placement, then the chunk was removed and forgotten.
    assert_eq!(kit.meta.placement(came.digest).await.unwrap(), (0, true));
    kit.meta.doom(START + 1, None, 10).await.unwrap();
    for _ in 0..2 {
        kit.meta.forget_chunk(came.digest, 0).await.unwrap();
        assert_eq!(kit.meta.chunk(came.digest).await.unwrap(), None);
    }
    let late = kit.meta.arrive(session, 0, came, record(came, 0), 0, START).await;
    assert_eq!(conflict(late), Conflict::GenerationOver { generation: 1 });
    assert_eq!(kit.meta.placement(came.digest).await.unwrap(), (1, false));
    kit.arrive(session, 0, came).await.unwrap();
    kit.meta.forget_chunk(came.digest, 0).await.unwrap();
    kit.meta.forget_chunk(came.digest, 1).await.unwrap();
    assert_eq!(kit.state(came).await, Some(ChunkState::Present), "only what was doomed is forgotten");
}

pub(crate) async fn doomed_chunks_of_an_earlier_run_are_given_again(kit: Kit) {
    let file = kit.file(1, 1, &rows(1, 5)).await;
    kit.meta.remove_file(file.id, START).await.unwrap();
    kit.sweep(START).await;
    let first = kit.meta.doom(START + 1, None, 2).await.unwrap();
    assert_eq!(first.len(), 2);
    let more = kit.meta.doom(START + 1, None, 4).await.unwrap();
    assert_eq!((more.len(), &more[..2]), (4, &first[..]));
    for chunk in &more {
        kit.meta.forget_chunk(chunk.digest, chunk.generation).await.unwrap();
    }
    assert_eq!(kit.meta.doom(START + 1, None, 4).await.unwrap().len(), 1);
}

pub(crate) async fn doomed_chunks_that_stay_are_walked_past(kit: Kit) {
    let file = kit.file(1, 1, &rows(1, 5)).await;
    kit.meta.remove_file(file.id, START).await.unwrap();
    kit.sweep(START).await;
    let copy = |doomed: &Doomed| (doomed.digest, doomed.generation);
    let mut after = None;
    let mut seen = std::collections::BTreeSet::new();
    for expected in [2, 2, 1, 0] {
        let doomed = kit.meta.doom(START + 1, after, 2).await.unwrap();
        assert_eq!(doomed.len(), expected);
        seen.extend(doomed.iter().map(copy));
        after = seen.last().copied();
    }
    assert_eq!(seen.len(), 5);
    let again = kit.meta.doom(START + 1, None, 9).await.unwrap();
    assert!(again.iter().map(copy).eq(seen), "all, in their order");
}

pub(crate) async fn archive_records_are_forgotten_and_files_stay(kit: Kit) {
    let ended = kit.start(1, 1).await;
    kit.meta.end_session(ended, false, START).await.unwrap();
    let file = kit.file(2, 1, &rows(1, 1)).await;
    kit.sweep(START).await;
    while kit.meta.sweep(START, START).await.unwrap() {}
    assert!(kit.meta.session(ended).await.unwrap().is_some(), "it was over at that time, not before");
    while kit.meta.sweep(START, START + 1).await.unwrap() {}
    assert_eq!(kit.meta.session(ended).await.unwrap(), None);
    assert_eq!(kit.meta.session(file.session).await.unwrap(), None);
    assert_eq!(kit.meta.linked(token(2)).await.unwrap().unwrap().given, Given::File(file.clone()));
    assert_eq!(kit.stored(file.session).await, rows(1, 1));
    assert_eq!(kit.state(row(1, FULL)).await, Some(ChunkState::Present));
    assert!(!kit.meta.start(new_session(1, 1)).await.unwrap().1, "its key is free again");
    kit.meta.set_blob(file.session, cairn_shared::BlobDigest::new([5; 32])).await.unwrap();
    assert!(kit.meta.file(file.id).await.unwrap().unwrap().blob.is_some());
    kit.meta.remove_file(file.id, START).await.unwrap();
    kit.sweep(START).await;
    assert_eq!(kit.state(row(1, FULL)).await, Some(ChunkState::Condemned(START)));
}

pub(crate) async fn many_rows_take_several_steps(kit: Kit) {
    let session = kit.start(1, 1).await;
    kit.declare(session, &rows(0, 2_500)).await;
    for index in 0..40 {
        kit.arrive(session, index, row(u64::from(index), FULL)).await.unwrap();
    }
    kit.meta.end_session(session, false, START).await.unwrap();
    assert!(kit.sweep(START).await >= 3, "each step is bounded");
    assert_eq!(kit.stored(session).await, []);
    assert_eq!(kit.meta.doom(START + 1, None, 100).await.unwrap().len(), 40);
}

pub(crate) async fn dropped_rows_are_removed_by_the_sweep(kit: Kit) {
    let session = kit.start(1, 1).await;
    kit.declare(session, &rows(0, 2_500)).await;
    kit.check(session, 1, 10, &rows(9_000, 5), None).await.unwrap();
    assert!(kit.sweep(START).await >= 3);
    assert_eq!(kit.stored(session).await, [rows(0, 10), rows(9_000, 5)].concat());
    let (after, _) = kit.check(session, 1, 15, &rows(9_100, 2), None).await.unwrap();
    assert_eq!(after.rows, 17);
    assert_eq!(kit.stored(session).await, [rows(0, 10), rows(9_000, 5), rows(9_100, 2)].concat());
}
