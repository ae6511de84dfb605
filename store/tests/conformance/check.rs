//! `declare_rows`.

use cairn_shared::limits::{FASTCDC_BYTES_MAX, SESSION_ROWS_MAX};
use cairn_shared::message::RowState::{Have, Need};
use cairn_shared::{Row, SessionId};
use cairn_store::Conflict;
use cairn_store::model::{Declaration, Reach, SessionState};

use crate::support::{EXPIRY, FULL, Kit, START, closed, conflict, id, publish, row, rows};

pub(crate) async fn declared_rows_are_kept_in_order(kit: Kit) {
    let session = kit.start(1, 1).await;
    let (after, states) = kit.check(session, 0, 0, &rows(1, 3), None).await.unwrap();
    assert_eq!((after.rows, after.revision, states), (3, 0, vec![Need; 3]));
    assert_eq!(after, kit.session(session).await);
    assert_eq!(kit.stored(session).await, rows(1, 3));
}

pub(crate) async fn repeating_and_extending_is_idempotent(kit: Kit) {
    let session = kit.start(1, 1).await;
    let (first, _) = kit.check(session, 0, 0, &rows(1, 3), None).await.unwrap();
    let (again, states) = kit.check(session, 0, 0, &rows(1, 3), None).await.unwrap();
    assert_eq!((again, states), (first, vec![Need; 3]));
    kit.check(session, 0, 2, &rows(3, 3), None).await.unwrap();
    assert_eq!(kit.stored(session).await, rows(1, 5));
    let (repeated, _) = kit.check(session, 0, 1, &rows(2, 1), None).await.unwrap();
    assert_eq!(repeated.rows, 5, "a repetition drops nothing");
}

pub(crate) async fn another_row_in_the_same_revision_is_refused(kit: Kit) {
    let session = kit.start(1, 1).await;
    kit.declare(session, &rows(1, 3)).await;
    let changed = [row(2, FULL), row(9, FULL), row(4, FULL)];
    let refused = kit.check(session, 0, 1, &changed, None).await;
    assert_eq!(conflict(refused), Conflict::RowDiffers { at: 2, revision: 0 });
    let shorter = kit.check(session, 0, 0, &[row(1, 7)], None).await;
    assert_eq!(conflict(shorter), Conflict::RowDiffers { at: 0, revision: 0 });
    let plain = kit.start_plain(2, None).await;
    kit.arrive(plain, 0, row(1, FULL)).await.unwrap();
    let refused = kit.check(plain, 0, 0, &[row(2, FULL)], None).await;
    assert_eq!(conflict(refused), Conflict::RowDiffers { at: 0, revision: 0 });
}

pub(crate) async fn revisions_go_one_by_one(kit: Kit) {
    let session = kit.start(1, 1).await;
    let gap = kit.check(session, 2, 0, &rows(1, 1), None).await;
    assert_eq!(conflict(gap), Conflict::RevisionGap { revision: 0 });
    let (after, _) = kit.check(session, 1, 0, &rows(1, 1), None).await.unwrap();
    assert_eq!(after.revision, 1);
    let old = kit.check(session, 0, 0, &rows(1, 1), None).await;
    assert_eq!(conflict(old), Conflict::RevisionOld { revision: 1 });
    let (again, _) = kit.check(session, 1, 0, &rows(1, 1), None).await.unwrap();
    assert_eq!(again, after, "a lost answer may be asked for again");
}

pub(crate) async fn the_next_revision_replaces_from_at_and_drops_the_rest(kit: Kit) {
    let session = kit.start(1, 1).await;
    kit.declare(session, &rows(1, 10)).await;
    let (after, _) = kit.check(session, 1, 4, &rows(20, 2), None).await.unwrap();
    assert_eq!((after.rows, after.revision), (6, 1));
    assert_eq!(kit.stored(session).await, [rows(1, 4), rows(20, 2)].concat());
    assert_eq!(kit.stored_row(session, 7).await, None);
    let (after, states) = kit.check(session, 2, 1, &[], None).await.unwrap();
    assert_eq!((after.rows, states), (1, vec![]));
    assert_eq!(kit.stored(session).await, rows(1, 1));
}

pub(crate) async fn rows_that_came_back_are_rows_again(kit: Kit) {
    let session = kit.start(1, 1).await;
    kit.declare(session, &rows(1, 10)).await;
    kit.arrive(session, 8, row(9, FULL)).await.unwrap();
    kit.check(session, 1, 2, &rows(20, 2), None).await.unwrap();
    let (after, states) = kit.check(session, 1, 4, &rows(9, 2), None).await.unwrap();
    assert_eq!((after.rows, states), (6, vec![Have, Need]), "what arrived stays arrived");
    assert_eq!(kit.stored(session).await, [rows(1, 2), rows(20, 2), rows(9, 2)].concat());
    assert_eq!(kit.stored_row(session, 6).await, None);
}

pub(crate) async fn dropping_twice_with_a_later_start_keeps_what_lies_between(kit: Kit) {
    let session = kit.start(1, 1).await;
    kit.declare(session, &rows(1, 10)).await;
    kit.check(session, 1, 2, &rows(20, 4), None).await.unwrap();
    kit.check(session, 2, 4, &rows(30, 1), None).await.unwrap();
    assert_eq!(kit.stored(session).await, [rows(1, 2), rows(20, 2), rows(30, 1)].concat());
    for index in 5..10 {
        assert_eq!(kit.stored_row(session, index).await, None, "row {index}");
    }
}

pub(crate) async fn a_gap_never_shows_a_row_of_an_older_revision(kit: Kit) {
    let plain = kit.start_plain(1, None).await;
    for index in 0..10 {
        kit.arrive(plain, index, row(u64::from(index), FULL)).await.unwrap();
    }
    kit.check(plain, 1, 2, &[], None).await.unwrap();
    kit.arrive(plain, 8, row(20, FULL)).await.unwrap();
    assert_eq!(kit.status(plain).await, (vec![(0, 2), (8, 9)], vec![(2, 8)]));
    kit.check(plain, 2, 6, &[], None).await.unwrap();
    assert_eq!(kit.status(plain).await, (vec![(0, 2)], vec![(2, 6)]));
    kit.sweep(START).await;
    assert_eq!(kit.status(plain).await, (vec![(0, 2)], vec![(2, 6)]));
}

pub(crate) async fn rows_begin_nowhere_behind_the_last(kit: Kit) {
    let session = kit.start(1, 1).await;
    kit.declare(session, &rows(1, 2)).await;
    for revision in [0, 1] {
        let behind = kit.check(session, revision, 3, &rows(9, 1), None).await;
        assert_eq!(conflict(behind), Conflict::IndexOutOfRange { rows: 2 });
    }
    let plain = kit.start_plain(2, Some(u64::from(FULL) * 4)).await;
    let (after, _) = kit.check(plain, 0, 3, &rows(9, 1), None).await.unwrap();
    assert_eq!(after.rows, 4, "promised rows count as there");
    let behind = kit.check(plain, 0, 4, &rows(9, 1), None).await;
    assert_eq!(conflict(behind), Conflict::IndexOutOfRange { rows: 4 });
}

pub(crate) async fn too_many_rows_are_refused(kit: Kit) {
    let plain = kit.start_plain(1, None).await;
    kit.arrive(plain, SESSION_ROWS_MAX - 1, row(1, FULL)).await.unwrap();
    let over = kit.check(plain, 0, SESSION_ROWS_MAX, &rows(2, 1), None).await;
    assert_eq!(conflict(over), Conflict::RowsTooMany);
    let over = kit.arrive(plain, SESSION_ROWS_MAX, row(2, FULL)).await;
    assert_eq!(conflict(over), Conflict::RowsTooMany);
    let size = Some(u64::from(FULL) * u64::from(SESSION_ROWS_MAX) + 1);
    assert_eq!(conflict(kit.check(plain, 1, 0, &[], size).await), Conflict::RowsTooMany);
}

pub(crate) async fn lengths_fit_the_rule(kit: Kit) {
    let cdc = kit.start(1, 1).await;
    for length in [0, FASTCDC_BYTES_MAX + 1] {
        let refused = kit.check(cdc, 0, 0, &[row(1, length)], None).await;
        assert_eq!(conflict(refused), Conflict::ChunkLength { expected: FASTCDC_BYTES_MAX });
    }
    let known = kit.start_plain(2, Some(u64::from(FULL) + 10)).await;
    let refused = kit.check(known, 0, 0, &[row(1, FULL - 1)], None).await;
    assert_eq!(conflict(refused), Conflict::ChunkLength { expected: FULL });
    let refused = kit.check(known, 0, 1, &[row(1, FULL)], None).await;
    assert_eq!(conflict(refused), Conflict::ChunkLength { expected: 10 });
    kit.check(known, 0, 0, &[row(1, FULL), row(2, 10)], None).await.unwrap();
    let unknown = kit.start_plain(3, None).await;
    let refused = kit.check(unknown, 0, 0, &[row(1, 10), row(2, FULL)], None).await;
    assert_eq!(conflict(refused), Conflict::ChunkLength { expected: FULL });
    kit.check(unknown, 0, 0, &[row(1, FULL), row(2, 10)], None).await.unwrap();
    let behind = kit.check(unknown, 0, 2, &rows(3, 1), None).await;
    assert_eq!(conflict(behind), Conflict::IndexOutOfRange { rows: 2 });
}

pub(crate) async fn the_size_is_told_only_with_a_new_revision(kit: Kit) {
    let plain = kit.start_plain(1, Some(100)).await;
    let (after, _) = kit.check(plain, 0, 0, &[], Some(100)).await.unwrap();
    assert_eq!(after.size, Some(100));
    let refused = kit.check(plain, 0, 0, &[], Some(101)).await;
    assert_eq!(conflict(refused), Conflict::SizeDiffers { sum: 100 });
    let (after, _) = kit.check(plain, 1, 0, &[], Some(101)).await.unwrap();
    assert_eq!((after.size, after.fields.size), (Some(101), Some(100)), "the start said what it said");
    let (after, _) = kit.check(plain, 2, 0, &[], None).await.unwrap();
    assert_eq!(after.size, Some(101), "without a size it stays");
    let unknown = kit.start_plain(2, None).await;
    assert!(matches!(conflict(kit.check(unknown, 0, 0, &[], Some(1)).await), Conflict::SizeDiffers { .. }));
}

pub(crate) async fn a_plain_file_that_grew_keeps_its_full_rows(kit: Kit) {
    let full = u64::from(FULL);
    let plain = kit.start_plain(1, Some(2 * full + 10)).await;
    for (index, row) in [(0, row(1, FULL)), (1, row(2, FULL)), (2, row(3, 10))] {
        kit.arrive(plain, index, row).await.unwrap();
    }
    // `at` is the old size by the rule, rounded down; one too many must not leave a short row in the middle.
    for (revision, at) in [(1, 2), (2, 3)] {
        let size = Some((3 + u64::from(revision)) * full + 5);
        let (after, _) = kit.check(plain, revision, at, &[], size).await.unwrap();
        assert_eq!(after.size, size);
        let promised = 4 + revision;
        assert_eq!(kit.status(plain).await, (vec![(0, 2)], vec![(2, promised)]));
    }
}

pub(crate) async fn a_plain_file_that_shrank_drops_what_no_longer_fits(kit: Kit) {
    let full = u64::from(FULL);
    let plain = kit.start_plain(1, Some(4 * full)).await;
    for index in 0..4 {
        kit.arrive(plain, index, row(u64::from(index) + 1, FULL)).await.unwrap();
    }
    let (after, _) = kit.check(plain, 1, 4, &[], Some(2 * full + 9)).await.unwrap();
    assert_eq!(after.rows, 2);
    assert_eq!(kit.status(plain).await, (vec![(0, 2)], vec![(2, 3)]));
    kit.arrive(plain, 2, row(9, 9)).await.unwrap();
    let (_, file) = kit.meta.publish(crate::support::publish_plain(1)).await.unwrap();
    assert_eq!((file.size, file.rows), (2 * full + 9, 3));
}

pub(crate) async fn a_row_defined_by_a_put_becomes_declared(kit: Kit) {
    let plain = kit.start_plain(1, None).await;
    kit.arrive(plain, 0, row(1, FULL)).await.unwrap();
    assert!(!kit.stored_row(plain, 0).await.unwrap().declared);
    let (_, states) = kit.check(plain, 0, 0, &rows(1, 2), None).await.unwrap();
    assert_eq!(states, [Have, Need]);
    assert!(kit.stored_row(plain, 0).await.unwrap().declared);
    let refused = kit.arrive(plain, 0, row(9, FULL)).await;
    assert_eq!(conflict(refused), Conflict::DigestMismatch { at: 0 });
}

pub(crate) async fn have_means_a_hold_of_this_owner(kit: Kit) {
    let first = kit.start(1, 1).await;
    kit.declare(first, &rows(1, 2)).await;
    kit.arrive(first, 0, row(1, FULL)).await.unwrap();
    assert_eq!(kit.declare(first, &rows(1, 2)).await, [Have, Need], "an arrived row is had");
    let second = kit.start(2, 1).await;
    assert_eq!(kit.declare(second, &rows(1, 2)).await, [Have, Need]);
    assert_eq!(kit.status(second).await, (vec![(0, 1)], vec![(1, 2)]), "a hold was taken with it");
    kit.meta.end_session(first, false, START).await.unwrap();
    kit.sweep(START).await;
    assert_eq!(kit.declare(second, &rows(1, 2)).await, [Have, Need], "it is the second session's own");
}

pub(crate) async fn nothing_is_deduplicated_across_owners(kit: Kit) {
    kit.file(1, 1, &rows(1, 2)).await;
    let other = kit.start(2, 2).await;
    assert_eq!(kit.declare(other, &rows(1, 2)).await, [Need, Need]);
    assert_eq!(kit.status(other).await, (vec![], vec![(0, 2)]));
}

pub(crate) async fn the_same_digest_with_another_length_is_needed(kit: Kit) {
    kit.file(1, 1, &rows(1, 1)).await;
    let second = kit.start(2, 1).await;
    assert_eq!(kit.declare(second, &[row(1, FULL + 1)]).await, [Need]);
    kit.check(second, 0, 1, &rows(1, 1), None).await.unwrap();
    assert_eq!(kit.status(second).await, (vec![(1, 2)], vec![(0, 1)]));
}

pub(crate) async fn a_session_over_takes_no_rows(kit: Kit) {
    let session = kit.start(1, 1).await;
    let late = kit
        .meta
        .declare_rows(Declaration {
            session,
            revision: 0,
            at: 0,
            rows: rows(1, 1),
            size: None,
            reach: Reach::Owner,
            now: EXPIRY,
        })
        .await;
    assert_eq!(closed(late).state, SessionState::Ended { at: EXPIRY, expired: true });
    kit.meta
        .declare_rows(Declaration {
            session,
            revision: 0,
            at: 0,
            rows: rows(1, 1),
            size: None,
            reach: Reach::Owner,
            now: EXPIRY - 1,
        })
        .await
        .unwrap();
    kit.meta.end_session(session, false, START).await.unwrap();
    let ended = kit.check(session, 0, 0, &rows(1, 1), None).await;
    assert_eq!(closed(ended).state, SessionState::Ended { at: START, expired: false });
    let file = kit.file(2, 1, &rows(1, 1)).await;
    let finished = kit.check(file.session, 1, 0, &rows(1, 1), None).await;
    assert!(matches!(closed(finished).state, SessionState::Finished { .. }));
}

pub(crate) async fn a_refused_declaration_changes_nothing(kit: Kit) {
    let session = kit.start(1, 1).await;
    kit.declare(session, &rows(1, 3)).await;
    let before = kit.session(session).await;
    let bad: Vec<Row> = [rows(20, 2), vec![row(22, 0)]].concat();
    conflict(kit.check(session, 1, 1, &bad, Some(5)).await);
    assert_eq!(kit.session(session).await, before);
    assert_eq!(kit.stored(session).await, rows(1, 3));
}

pub(crate) async fn unknown_sessions_are_not_found(kit: Kit) {
    let unknown = SessionId::new(id(9));
    assert_eq!(conflict(kit.check(unknown, 0, 0, &[], None).await), Conflict::NotFound);
    assert_eq!(conflict(kit.arrive(unknown, 0, row(1, FULL)).await), Conflict::NotFound);
    assert_eq!(conflict(kit.meta.end_session(unknown, false, START).await), Conflict::NotFound);
    assert_eq!(conflict(kit.meta.publish(crate::support::publish_plain(9)).await), Conflict::NotFound);
    assert_eq!(kit.stored_row(unknown, 0).await, None);
    assert_eq!(kit.stored(unknown).await, []);
}

pub(crate) async fn within_a_session_only_its_own_holds_count(kit: Kit) {
    kit.file(1, 1, &rows(1, 2)).await;
    let second = kit.start(2, 1).await;
    let look = async |reach| kit.meta.row_states(second, rows(1, 3), reach).await.unwrap();
    assert_eq!(look(Reach::Owner).await, [Have, Have, Need]);
    assert_eq!(look(Reach::Session).await, [Need, Need, Need]);
    let declared = kit
        .meta
        .declare_rows(Declaration {
            session: second,
            revision: 0,
            at: 0,
            rows: rows(1, 2),
            size: None,
            reach: Reach::Session,
            now: START,
        })
        .await;
    assert_eq!(declared.unwrap().1, [Need, Need]);
    kit.arrive(second, 1, row(2, FULL)).await.unwrap();
    assert_eq!(look(Reach::Session).await, [Need, Have, Need]);
}

pub(crate) async fn present_tells_of_what_anybody_holds(kit: Kit) {
    let file = kit.file(1, 1, &rows(1, 2)).await;
    let asked = [row(1, FULL), row(2, FULL - 1), row(2, FULL), row(3, FULL)];
    assert_eq!(kit.meta.present(asked.to_vec()).await.unwrap(), [true, false, true, false]);
    kit.meta.remove_file(file.id, START).await.unwrap();
    while kit.meta.sweep(START, 0).await.unwrap() {}
    assert_eq!(kit.meta.present(asked.to_vec()).await.unwrap(), [false; 4], "nobody holds them");
}

pub(crate) async fn an_adopted_chunk_is_held_like_any_other(kit: Kit) {
    let file = kit.file(1, 1, &rows(1, 2)).await;
    let second = kit.start(2, 2).await;
    assert_eq!(kit.declare(second, &rows(1, 3)).await, [Need; 3]);
    let asked = vec![row(1, FULL), row(2, FULL - 1), row(3, FULL)];
    for _ in 0..2 {
        assert_eq!(kit.meta.adopt(second, asked.clone(), START).await.unwrap(), [true, false, false]);
    }
    assert_eq!(kit.declare(second, &rows(1, 3)).await, [Have, Need, Need]);
    // The first owner's go; the second one's chunk stays, and another one is condemned, then adopted as well.
    kit.meta.remove_file(file.id, START).await.unwrap();
    while kit.meta.sweep(START, 0).await.unwrap() {}
    assert_eq!(kit.meta.present(rows(1, 2)).await.unwrap(), [true, false]);
    assert_eq!(kit.meta.adopt(second, vec![row(2, FULL)], START).await.unwrap(), [true]);
    kit.arrive(second, 2, row(3, FULL)).await.unwrap();
    kit.meta.publish(publish(2, &rows(1, 3))).await.unwrap();
    assert!(kit.meta.doom(u64::MAX, None, 10).await.unwrap().is_empty(), "all of them are held");
    assert_eq!(closed(kit.meta.adopt(second, asked, START).await).id, second);
}

pub(crate) async fn what_is_damaged_or_being_deleted_is_not_adopted(kit: Kit) {
    let file = kit.file(1, 1, &rows(1, 2)).await;
    let second = kit.start(2, 2).await;
    assert!(kit.meta.quarantine(row(1, FULL).digest, 0).await.unwrap());
    assert_eq!(kit.meta.present(rows(1, 2)).await.unwrap(), [false, true]);
    assert_eq!(kit.meta.adopt(second, rows(1, 1), START).await.unwrap(), [false]);
    kit.meta.remove_file(file.id, START).await.unwrap();
    while kit.meta.sweep(START, 0).await.unwrap() {}
    assert_eq!(kit.meta.doom(u64::MAX, None, 10).await.unwrap().len(), 2);
    assert_eq!(kit.meta.adopt(second, rows(1, 2), START).await.unwrap(), [false, false]);
}
