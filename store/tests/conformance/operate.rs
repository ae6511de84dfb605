//! `clock_mark`, `scrub_place`, `owners`, `sessions`, `lock_owner`, `forget_owner`, `holders`.

use cairn_store::model::{ClockMark, Owner, ScrubPlace};

use crate::support::{Kit, START, owner, rows};

fn person(n: u8) -> Owner {
    Owner { id: owner(n.into()), key_hash: [n; 32], created_at: START }
}

pub(crate) async fn notes_are_found_again(kit: Kit) {
    assert_eq!((kit.meta.clock_mark().await.unwrap(), kit.meta.scrub_place().await.unwrap()), (None, None));
    for waited in [None, Some(7)] {
        let mark = ClockMark { sure: 1, wall: 2, waited };
        kit.meta.mark_clock(mark).await.unwrap();
        assert_eq!(kit.meta.clock_mark().await.unwrap(), Some(mark));
    }
    let place = ScrubPlace {
        began_at: 1,
        after: Some(rows(1, 1)[0].digest),
        chunks: 2,
        bytes: 3,
        damaged: 4,
        away: 5,
    };
    for place in [Some(place), None] {
        kit.meta.keep_scrub_place(place.clone()).await.unwrap();
        assert_eq!(kit.meta.scrub_place().await.unwrap(), place);
    }
}

pub(crate) async fn owners_and_sessions_come_in_pages(kit: Kit) {
    for n in 1..=5 {
        kit.meta.add_owner(person(n)).await.unwrap();
        kit.start(n.into(), n.into()).await;
    }
    let owners = kit.meta.owners(Some(owner(2)), 2).await.unwrap();
    assert_eq!(owners, [person(3), person(4)]);
    assert_eq!(kit.meta.owners(Some(owner(5)), 2).await.unwrap(), []);
    let sessions = kit.meta.sessions(None, 9).await.unwrap();
    assert_eq!(sessions.len(), 5);
    assert_eq!(kit.meta.sessions(Some(sessions[2].id), 9).await.unwrap(), sessions[3..]);
}

pub(crate) async fn a_locked_owner_has_no_key(kit: Kit) {
    kit.meta.add_owner(person(1)).await.unwrap();
    kit.meta.add_owner(person(2)).await.unwrap();
    for _ in 0..2 {
        kit.meta.lock_owner(owner(1)).await.unwrap();
        assert_eq!(kit.meta.owner_by_key([1; 32]).await.unwrap(), None);
        assert_eq!(kit.meta.owner(owner(1)).await.unwrap(), Some(person(1)));
    }
    for _ in 0..2 {
        kit.meta.forget_owner(owner(1)).await.unwrap();
        assert_eq!(kit.meta.owner(owner(1)).await.unwrap(), None);
    }
    assert_eq!(kit.meta.owners(None, 9).await.unwrap(), [person(2)]);
    assert_eq!(kit.meta.owner_by_key([2; 32]).await.unwrap(), Some(person(2)));
}

pub(crate) async fn holders_of_a_chunk_are_named(kit: Kit) {
    let file = kit.file(1, 1, &rows(1, 2)).await;
    let other = kit.file(2, 2, &rows(1, 1)).await;
    let mut expected = [file.session, other.session];
    expected.sort_unstable_by_key(|session| *session.as_bytes());
    let mut holders = kit.meta.holders(rows(1, 1)[0].digest, 9).await.unwrap();
    holders.sort_unstable_by_key(|session| *session.as_bytes());
    assert_eq!(holders, expected);
    assert_eq!(kit.meta.holders(rows(1, 1)[0].digest, 1).await.unwrap().len(), 1);
    assert_eq!(kit.meta.holders(rows(1, 2)[1].digest, 9).await.unwrap(), [file.session]);
}
