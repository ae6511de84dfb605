//! `arrived`, `rows`.

use cairn_shared::{Ranges, SessionId};
use cairn_store::Conflict;

use crate::support::{FULL, Kit, conflict, id, row, rows};

pub(crate) async fn promised_rows_are_missing_until_they_arrive(kit: Kit) {
    let plain = kit.start_plain(1, Some(u64::from(FULL) * 10 - 1)).await;
    assert_eq!(kit.status(plain).await, (vec![], vec![(0, 10)]));
    kit.arrive(plain, 4, row(1, FULL)).await.unwrap();
    assert_eq!(kit.status(plain).await, (vec![(4, 5)], vec![(0, 4), (5, 10)]));
    let session = kit.start(2, 1).await;
    assert_eq!(kit.status(session).await, (vec![], vec![]));
    kit.declare(session, &rows(5, 2)).await;
    assert_eq!(kit.status(session).await, (vec![], vec![(0, 2)]));
}

pub(crate) async fn gaps_below_the_highest_are_missing(kit: Kit) {
    let plain = kit.start_plain(1, None).await;
    assert_eq!(kit.status(plain).await, (vec![], vec![]));
    kit.arrive(plain, 2, row(1, FULL)).await.unwrap();
    kit.arrive(plain, 5, row(2, FULL)).await.unwrap();
    assert_eq!(kit.status(plain).await, (vec![(2, 3), (5, 6)], vec![(0, 2), (3, 5)]));
}

pub(crate) async fn arrival_belongs_to_the_digest_not_the_index(kit: Kit) {
    let session = kit.start(1, 1).await;
    kit.declare(session, &[row(1, FULL), row(2, FULL), row(1, FULL)]).await;
    kit.arrive(session, 2, row(1, FULL)).await.unwrap();
    assert_eq!(kit.status(session).await, (vec![(0, 1), (2, 3)], vec![(1, 2)]));
}

pub(crate) async fn pages_go_on_where_they_ended(kit: Kit) {
    let plain = kit.start_plain(1, Some(u64::from(FULL) * 40)).await;
    for index in (0..30).step_by(3) {
        kit.arrive(plain, index, row(u64::from(index), FULL)).await.unwrap();
    }
    let whole = kit.status(plain).await;
    for pairs_max in 1..25 {
        let (mut received, mut missing) = (Ranges::default(), Ranges::default());
        let mut from = Some(0);
        while let Some(at) = from {
            let (here, gone, next) = kit.meta.arrived(plain, at, u32::MAX, pairs_max).await.unwrap();
            assert!(here.pairs().len() + gone.pairs().len() <= pairs_max);
            here.pairs().iter().for_each(|&(first, end)| received.push_range(first, end));
            gone.pairs().iter().for_each(|&(first, end)| missing.push_range(first, end));
            assert!(next.is_none_or(|next| next > at));
            from = next;
        }
        assert_eq!((received.pairs().to_vec(), missing.pairs().to_vec()), whole);
    }
    let (received, missing, next) = kit.meta.arrived(plain, 39, u32::MAX, 10).await.unwrap();
    assert_eq!((received.pairs(), missing.pairs(), next), (&[][..], &[(39, 40)][..], None));
    let (received, missing, next) = kit.meta.arrived(plain, 50, u32::MAX, 10).await.unwrap();
    assert_eq!((received.count(), missing.count(), next), (0, 0, None));
}

pub(crate) async fn a_call_looks_at_no_more_rows_than_it_is_told(kit: Kit) {
    let session = kit.start(1, 1).await;
    kit.declare(session, &rows(1, 10)).await;
    for index in [0, 1, 2, 7, 8] {
        kit.arrive(session, index, row(u64::from(index) + 1, FULL)).await.unwrap();
    }
    let pages = [(0, 3, Some(4)), (4, 1, Some(8)), (6, 2, None)];
    for (from, received, next) in pages {
        let (here, gone, then) = kit.meta.arrived(session, from, 4, 1_000).await.unwrap();
        assert_eq!(
            (here.count() + gone.count(), then),
            (u64::from(next.unwrap_or(10) - from), next),
            "from {from}"
        );
        assert_eq!(here.count(), received, "from {from}");
    }
}

pub(crate) async fn rows_end_at_the_first_gap(kit: Kit) {
    let plain = kit.start_plain(1, None).await;
    for index in [0, 1, 2, 4] {
        kit.arrive(plain, index, row(u64::from(index), FULL)).await.unwrap();
    }
    assert_eq!(kit.stored(plain).await, rows(0, 3));
    assert_eq!(kit.meta.rows(plain, 1, 1).await.unwrap(), rows(1, 1));
    assert_eq!(kit.meta.rows(plain, 3, 9).await.unwrap(), []);
    assert_eq!(kit.meta.rows(plain, 4, 9).await.unwrap(), rows(4, 1));
    assert_eq!(kit.meta.rows(plain, 0, 0).await.unwrap(), []);
}

pub(crate) async fn an_unknown_session_has_no_status(kit: Kit) {
    let unknown = SessionId::new(id(9));
    assert_eq!(conflict(kit.meta.arrived(unknown, 0, u32::MAX, 10).await), Conflict::NotFound);
}
