//! `start`, `session`.

use cairn_shared::limits::SESSION_ROWS_MAX;
use cairn_shared::{ChunkRule, SessionId};
use cairn_store::Conflict;
use cairn_store::model::SessionState;

use crate::support::{EXPIRY, FULL, Kit, START, conflict, fields, id, new_session, owner};

pub(crate) async fn a_session_begins_open_and_empty(kit: Kit) {
    let new = new_session(1, 1);
    let (session, repeated) = kit.meta.start(new.clone()).await.unwrap();
    assert!(!repeated);
    assert_eq!((session.id, session.owner, session.key), (new.id, new.owner, new.key));
    assert_eq!((session.revision, session.rows, session.size), (0, 0, None));
    assert_eq!((session.created_at, session.expires_at), (START, EXPIRY));
    assert_eq!((&session.fields, &session.state), (&new.fields, &SessionState::Open));
    assert_eq!(kit.session(new.id).await, session);
    assert_eq!(kit.meta.session(SessionId::new(id(9))).await.unwrap(), None);
}

pub(crate) async fn the_same_key_and_fields_find_the_same_session(kit: Kit) {
    let (first, _) = kit.meta.start(new_session(1, 1)).await.unwrap();
    let mut again = new_session(1, 1);
    (again.id, again.now, again.expires_at) = (SessionId::new(id(2)), START + 5, EXPIRY + 5);
    assert_eq!(kit.meta.start(again).await.unwrap(), (first, true));
    assert_eq!(kit.meta.session(SessionId::new(id(2))).await.unwrap(), None);
}

pub(crate) async fn other_fields_under_the_same_key_are_refused(kit: Kit) {
    kit.start(1, 1).await;
    let mut other = new_session(1, 1);
    (other.id, other.fields.mtime) = (SessionId::new(id(2)), None);
    assert_eq!(conflict(kit.meta.start(other).await), Conflict::KeyReused);
    assert_eq!(kit.meta.session(SessionId::new(id(2))).await.unwrap(), None);
}

pub(crate) async fn a_key_belongs_to_its_owner(kit: Kit) {
    kit.start(1, 1).await;
    let mut other = new_session(1, 2);
    (other.id, other.fields) = (SessionId::new(id(2)), fields("other.txt"));
    let (session, repeated) = kit.meta.start(other).await.unwrap();
    assert_eq!((session.owner, repeated), (owner(2), false));
}

pub(crate) async fn an_ownerless_key_stands_on_its_own(kit: Kit) {
    let mut first = new_session(1, 1);
    first.ownerless = true;
    let (session, _) = kit.meta.start(first.clone()).await.unwrap();
    let mut again = first.clone();
    (again.id, again.owner) = (SessionId::new(id(2)), owner(2));
    assert_eq!(kit.meta.start(again).await.unwrap(), (session, true));
    let mut owned = new_session(1, 1);
    owned.id = SessionId::new(id(3));
    assert!(!kit.meta.start(owned).await.unwrap().1, "an owner's key is another key");
    let mut other = first;
    (other.id, other.fields) = (SessionId::new(id(4)), fields("other.txt"));
    assert_eq!(conflict(kit.meta.start(other).await), Conflict::KeyReused);
}

pub(crate) async fn without_a_key_every_start_is_a_new_session(kit: Kit) {
    for n in 1..3 {
        let mut new = new_session(n, 1);
        new.key = None;
        assert!(!kit.meta.start(new).await.unwrap().1);
    }
}

pub(crate) async fn a_repeated_start_finds_a_session_in_any_state(kit: Kit) {
    let session = kit.start(1, 1).await;
    kit.meta.end_session(session, false, START).await.unwrap();
    let (found, repeated) = kit.meta.start(new_session(1, 1)).await.unwrap();
    assert_eq!((found.state, repeated), (SessionState::Ended { at: START, expired: false }, true));
}

pub(crate) async fn a_size_of_too_many_rows_is_refused(kit: Kit) {
    let mut new = new_session(1, 1);
    new.fields.rule = ChunkRule::Fixed(FULL);
    new.fields.size = Some(u64::from(SESSION_ROWS_MAX) * u64::from(FULL) + 1);
    assert_eq!(conflict(kit.meta.start(new.clone()).await), Conflict::RowsTooMany);
    assert_eq!(kit.meta.session(new.id).await.unwrap(), None);
    new.fields.size = Some(u64::from(SESSION_ROWS_MAX) * u64::from(FULL));
    kit.meta.start(new).await.unwrap();
}
