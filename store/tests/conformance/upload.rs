//! `row`, `chunk`, `placement`, `arrive`.

use cairn_store::Conflict;
use cairn_store::model::{ChunkState, SessionState, StoredRow};

use crate::support::{EXPIRY, FULL, Kit, START, closed, conflict, record, row, rows};

pub(crate) async fn an_arrived_chunk_is_recorded_and_held(kit: Kit) {
    let session = kit.start(1, 1).await;
    kit.declare(session, &rows(1, 2)).await;
    assert_eq!(kit.meta.chunk(row(1, FULL).digest).await.unwrap(), None);
    kit.arrive(session, 0, row(1, FULL)).await.unwrap();
    let found = kit.meta.chunk(row(1, FULL).digest).await.unwrap();
    assert_eq!(found, Some(record(row(1, FULL), 0)));
    assert_eq!(kit.status(session).await, (vec![(0, 1)], vec![(1, 2)]));
}

pub(crate) async fn arriving_again_is_idempotent(kit: Kit) {
    for session in [kit.start(1, 1).await, kit.start_plain(2, None).await] {
        kit.check(session, 0, 0, &rows(1, 1), None).await.unwrap();
        kit.arrive(session, 0, row(1, FULL)).await.unwrap();
        let before = kit.session(session).await;
        kit.arrive(session, 0, row(1, FULL)).await.unwrap();
        assert_eq!(kit.session(session).await, before);
        assert_eq!(kit.status(session).await, (vec![(0, 1)], vec![]));
    }
}

pub(crate) async fn a_declared_row_must_be_equal(kit: Kit) {
    let session = kit.start(1, 1).await;
    kit.declare(session, &[row(1, FULL), row(2, 5)]).await;
    let refused = kit.arrive(session, 0, row(9, FULL)).await;
    assert_eq!(conflict(refused), Conflict::DigestMismatch { at: 0 });
    let refused = kit.arrive(session, 1, row(2, 6)).await;
    assert_eq!(conflict(refused), Conflict::ChunkLength { expected: 5 });
    assert_eq!(kit.state(row(9, FULL)).await, None, "nothing changed");
    assert_eq!(kit.state(row(2, 6)).await, None);
}

pub(crate) async fn fastcdc_refuses_undeclared_rows(kit: Kit) {
    let session = kit.start(1, 1).await;
    let refused = kit.arrive(session, 0, row(1, FULL)).await;
    assert_eq!(conflict(refused), Conflict::RowUndeclared { at: 0 });
    kit.declare(session, &rows(1, 3)).await;
    kit.check(session, 1, 1, &[], None).await.unwrap();
    let refused = kit.arrive(session, 2, row(3, FULL)).await;
    assert_eq!(conflict(refused), Conflict::RowUndeclared { at: 2 }, "a dropped row is none");
}

pub(crate) async fn a_known_size_gives_every_row_its_length(kit: Kit) {
    let plain = kit.start_plain(1, Some(u64::from(FULL) + 10)).await;
    let refused = kit.arrive(plain, 2, row(1, FULL)).await;
    assert_eq!(conflict(refused), Conflict::IndexOutOfRange { rows: 2 });
    let refused = kit.arrive(plain, 1, row(1, FULL)).await;
    assert_eq!(conflict(refused), Conflict::ChunkLength { expected: 10 });
    let refused = kit.arrive(plain, 0, row(1, 10)).await;
    assert_eq!(conflict(refused), Conflict::ChunkLength { expected: FULL });
    kit.arrive(plain, 1, row(2, 10)).await.unwrap();
    kit.arrive(plain, 0, row(1, FULL)).await.unwrap();
    assert_eq!(kit.stored(plain).await, [row(1, FULL), row(2, 10)]);
    let empty = kit.start_plain(2, Some(0)).await;
    let refused = kit.arrive(empty, 0, row(1, 1)).await;
    assert_eq!(conflict(refused), Conflict::IndexOutOfRange { rows: 0 });
}

pub(crate) async fn an_unknown_size_lets_only_the_highest_row_be_short(kit: Kit) {
    let plain = kit.start_plain(1, None).await;
    let refused = kit.arrive(plain, 3, row(1, FULL + 1)).await;
    assert_eq!(conflict(refused), Conflict::ChunkLength { expected: FULL });
    kit.arrive(plain, 3, row(1, 10)).await.unwrap();
    let refused = kit.arrive(plain, 1, row(2, 10)).await;
    assert_eq!(conflict(refused), Conflict::ChunkLength { expected: FULL });
    let refused = kit.arrive(plain, 4, row(2, FULL)).await;
    assert_eq!(conflict(refused), Conflict::IndexOutOfRange { rows: 4 });
    kit.arrive(plain, 3, row(3, FULL)).await.unwrap();
    kit.arrive(plain, 4, row(2, FULL)).await.unwrap();
    assert_eq!(kit.session(plain).await.rows, 5);
}

pub(crate) async fn a_later_put_replaces_an_undeclared_row(kit: Kit) {
    let plain = kit.start_plain(1, Some(u64::from(FULL))).await;
    kit.arrive(plain, 0, row(1, FULL)).await.unwrap();
    kit.arrive(plain, 0, row(2, FULL)).await.unwrap();
    let expected = StoredRow { row: row(2, FULL), declared: false };
    assert_eq!(kit.stored_row(plain, 0).await, Some(expected));
    assert_eq!(kit.state(row(1, FULL)).await, Some(ChunkState::Present), "its hold stays until finish");
}

pub(crate) async fn the_expiry_only_ever_grows(kit: Kit) {
    let session = kit.start(1, 1).await;
    kit.declare(session, &rows(1, 1)).await;
    let came = row(1, FULL);
    for (given, expected) in [(0, EXPIRY), (EXPIRY + 9, EXPIRY + 9), (EXPIRY + 3, EXPIRY + 9)] {
        kit.meta.arrive(session, 0, came, record(came, 0), given, START).await.unwrap();
        assert_eq!(kit.session(session).await.expires_at, expected);
    }
    kit.sweep(EXPIRY + 8).await;
    assert_eq!(kit.session(session).await.state, SessionState::Open);
    kit.sweep(EXPIRY + 9).await;
    assert_ne!(kit.session(session).await.state, SessionState::Open);
}

pub(crate) async fn a_session_over_takes_no_chunks(kit: Kit) {
    let session = kit.start(1, 1).await;
    kit.declare(session, &rows(1, 1)).await;
    let came = row(1, FULL);
    let late = kit.meta.arrive(session, 0, came, record(came, 0), EXPIRY + 9, EXPIRY).await;
    assert_eq!(closed(late).state, SessionState::Ended { at: EXPIRY, expired: true });
    kit.meta.end_session(session, true, START).await.unwrap();
    let ended = kit.arrive(session, 0, came).await;
    assert_eq!(closed(ended).state, SessionState::Ended { at: START, expired: true });
    assert_eq!(kit.state(came).await, None);
}

pub(crate) async fn rows_are_found_one_by_one(kit: Kit) {
    let session = kit.start(1, 1).await;
    kit.declare(session, &rows(1, 2)).await;
    let expected = StoredRow { row: row(2, FULL), declared: true };
    assert_eq!(kit.stored_row(session, 1).await, Some(expected));
    assert_eq!(kit.stored_row(session, 2).await, None);
}

pub(crate) async fn placement_follows_the_record(kit: Kit) {
    let came = row(1, FULL);
    assert_eq!(kit.meta.placement(came.digest).await.unwrap(), (0, false));
    let file = kit.file(1, 1, &[came]).await;
    assert_eq!(kit.meta.placement(came.digest).await.unwrap(), (0, true));
    kit.meta.remove_file(file.id, START).await.unwrap();
    kit.sweep(START).await;
    assert_eq!(kit.meta.placement(came.digest).await.unwrap(), (0, true), "condemned bytes are there");
    kit.meta.doom(START + 1, None, 10).await.unwrap();
    assert_eq!(kit.meta.placement(came.digest).await.unwrap(), (1, false));
}
