//! Guests: what they keep is counted, bounded and given back; what never was more than words ends early.

use cairn_shared::{ClientKey, FolderId, LinkId, OwnerId};
use cairn_store::Conflict;
use cairn_store::model::{GuestLimits, Link, NewFolder, NewSession, Owner, SessionState, Target};

use crate::support::{
    EXPIRY, FULL, Kit, START, closed, conflict, id, new_session, owner, publish, row, rows, token,
};

/// What a client sends for a start.
const SAID: u64 = 200;
/// A session of which nothing came, and an owner who never held anything, end after so long.
const UNUSED: u64 = 100;

fn limits() -> GuestLimits {
    GuestLimits { unused_ms: UNUSED, ..GuestLimits::default() }
}

impl Kit {
    async fn guest(&self, n: u64) -> OwnerId {
        let owner = Owner { id: owner(n), key_hash: token(n), created_at: START };
        self.meta.add_guest(owner.clone()).await.unwrap();
        owner.id
    }

    async fn kept(&self, owner: OwnerId) -> u64 {
        self.meta.guest_facts(Some(owner)).await.unwrap()
    }

    async fn all_kept(&self) -> u64 {
        self.meta.guest_facts(None).await.unwrap()
    }

    /// Everything that can be swept, archive and all.
    async fn sweep_all(&self, now: u64) {
        while self.meta.sweep(now, now).await.unwrap() {}
    }

    async fn folder_of(&self, n: u64, owner: OwnerId, folders: &[&str]) -> FolderId {
        let new = NewFolder {
            id: FolderId::new(id(n)),
            owner,
            key: Some(ClientKey::new(id(n))),
            name: "f".parse().unwrap(),
            folders: folders.iter().map(|path| path.parse().unwrap()).collect(),
            link: Some((LinkId::new(id(n + 500)), token(n + 500))),
            now: START,
        };
        self.meta.add_folder(new).await.unwrap().0.id
    }
}

pub(crate) async fn what_a_guest_keeps_is_counted_and_given_back(kit: Kit) {
    kit.meta.limit_guests(limits());
    let guest = kit.guest(1).await;
    let base = kit.kept(guest).await;
    assert!((100..1_000).contains(&base), "{base}");
    assert_eq!(kit.all_kept().await, base);
    // Nothing is counted of others.
    kit.meta.add_owner(Owner { id: owner(2), key_hash: [2; 32], created_at: START }).await.unwrap();
    kit.file(1, 2, &rows(1, 3)).await;
    assert_eq!((kit.kept(owner(2)).await, kit.all_kept().await), (0, base));

    let folder = kit.folder_of(1, guest, &["a/b", "c"]).await;
    for (n, path) in [(10, Some("a/x/y")), (11, Some("a/x/z")), (12, None)] {
        let mut new = new_session(n, 1);
        if let Some(path) = path {
            new.fields.folder = Some(folder);
            new.fields.path = Some(path.parse().unwrap());
            new.fields.name = path.rsplit('/').next().unwrap().parse().unwrap();
        }
        let session = kit.meta.start_guest(new, SAID).await.unwrap().0.id;
        kit.declare(session, &rows(n, 2)).await;
        for (row, at) in rows(n, 2).into_iter().zip(0..) {
            kit.arrive(session, at, row).await.unwrap();
        }
        let before = kit.kept(guest).await;
        kit.meta.publish(publish(n, &rows(n, 2))).await.unwrap();
        assert!(kit.kept(guest).await > before + 100);
    }
    // A revision that drops rows; a session that is given up.
    let session = kit.meta.start_guest(new_session(20, 1), SAID).await.unwrap().0.id;
    kit.declare(session, &rows(30, 5)).await;
    kit.arrive(session, 0, row(30, FULL)).await.unwrap();
    kit.check(session, 1, 2, &rows(50, 1), None).await.unwrap();
    kit.meta.end_session(session, false, START).await.unwrap();
    let file = cairn_shared::FileId::new(id(12));
    let (target, owner) = (Target::File(file), guest);
    kit.add_links((600..605).map(|n| Link {
        id: LinkId::new(id(n)),
        target,
        owner,
        token_hash: token(n),
        created_at: START,
        expires_at: None,
    }))
    .await;
    let blob = cairn_shared::BlobDigest::new([9; 32]);
    kit.meta.set_blob(cairn_shared::SessionId::new(id(12)), blob).await.unwrap();
    assert!(kit.kept(guest).await > base + 3_000);
    assert_eq!(kit.all_kept().await, kit.kept(guest).await);

    kit.meta.remove_file(file, START).await.unwrap();
    kit.meta.remove_folder(folder, START).await.unwrap();
    kit.sweep_all(START + 1_000_000).await;
    // What that remembers of the folder's files.
    kit.sweep_all(START + 2_000_000).await;
    let left = kit.kept(guest).await;
    assert!(left <= base, "{left} of {base} bytes are left of nothing");
    assert!(left > base / 2, "{left} of {base}: more was given back than was taken");
    assert_eq!(kit.all_kept().await, left);
    assert!(kit.meta.owner_by_key(token(1)).await.unwrap().is_some(), "who held something stays");
}

pub(crate) async fn a_guest_who_never_held_anything_is_forgotten(kit: Kit) {
    kit.meta.limit_guests(limits());
    for n in 1..=3 {
        kit.guest(n).await;
    }
    // One has a folder and words alone, one a chunk.
    let folder = kit.folder_of(1, owner(2), &["a/b"]).await;
    let words = kit.meta.start_guest(new_session(1, 2), SAID).await.unwrap().0.id;
    kit.declare(words, &rows(1, 3)).await;
    let real = kit.meta.start_guest(new_session(2, 3), SAID).await.unwrap().0.id;
    kit.declare(real, &rows(4, 1)).await;
    kit.arrive(real, 0, row(4, FULL)).await.unwrap();
    let known = async |n| kit.meta.owner_by_key(token(n)).await.unwrap().is_some();
    kit.sweep(START + UNUSED - 1).await;
    assert!(known(1).await && known(2).await && known(3).await);
    kit.sweep(START + UNUSED).await;
    assert!(!known(1).await && known(3).await);
    assert_eq!(kit.kept(owner(1)).await, 0);
    for later in 2..5 {
        kit.sweep(START + later * UNUSED).await;
    }
    assert!(!known(2).await && known(3).await);
    assert_eq!(kit.meta.folder(folder).await.unwrap(), None);
    assert_eq!(kit.meta.gone_folder(folder).await.unwrap(), None);
    assert_eq!((kit.kept(owner(2)).await, kit.all_kept().await), (0, kit.kept(owner(3)).await));
    // Somebody else may have that id and key again.
    kit.guest(1).await;
}

pub(crate) async fn a_guest_s_session_of_which_nothing_came_ends_early(kit: Kit) {
    kit.meta.limit_guests(limits());
    kit.guest(1).await;
    let (empty, _) = kit.meta.start_guest(new_session(1, 1), SAID).await.unwrap();
    let (backed, _) = kit.meta.start_guest(new_session(2, 1), SAID).await.unwrap();
    let ownerless = NewSession { ownerless: true, ..new_session(3, 77) };
    let (ownerless, _) = kit.meta.start_guest(ownerless, SAID).await.unwrap();
    assert_eq!((empty.expires_at, ownerless.expires_at), (START + UNUSED, START + UNUSED));
    assert!(kit.kept(owner(77)).await > 0);
    for session in [empty.id, backed.id] {
        kit.declare(session, &rows(1, 3)).await;
    }
    kit.arrive(backed.id, 0, row(1, FULL)).await.unwrap();
    assert_eq!(kit.session(backed.id).await.expires_at, EXPIRY);
    kit.sweep(START + UNUSED).await;
    // As if it never was: the same key begins another.
    assert_eq!(kit.meta.session(empty.id).await.unwrap(), None);
    assert_eq!(kit.meta.session(ownerless.id).await.unwrap(), None);
    assert_eq!((kit.stored(empty.id).await, kit.kept(owner(77)).await), (vec![], 0));
    let again = NewSession { id: cairn_shared::SessionId::new(id(9)), ..new_session(1, 1) };
    let (again, repeated) = kit.meta.start_guest(again, SAID).await.unwrap();
    assert_eq!((again.id, repeated), (cairn_shared::SessionId::new(id(9)), false));
    // What is here of his already is more than words, too.
    kit.declare(again.id, &rows(1, 1)).await;
    assert_eq!(kit.session(again.id).await.expires_at, EXPIRY);
    kit.sweep(EXPIRY).await;
    let state = SessionState::Ended { at: EXPIRY, expired: true };
    assert_eq!(
        (kit.session(backed.id).await.state, kit.session(again.id).await.state),
        (state.clone(), state)
    );
}

pub(crate) async fn a_guest_s_session_that_was_given_up_is_known_until_the_sweep(kit: Kit) {
    kit.meta.limit_guests(limits());
    kit.guest(1).await;
    let (session, _) = kit.meta.start_guest(new_session(1, 1), SAID).await.unwrap();
    for _ in 0..2 {
        kit.meta.end_session(session.id, false, START).await.unwrap();
    }
    closed(kit.check(session.id, 0, 0, &rows(1, 1), None).await);
    kit.sweep(START).await;
    assert_eq!(kit.meta.session(session.id).await.unwrap(), None);
}

pub(crate) async fn a_guest_who_would_keep_too_much_is_refused(kit: Kit) {
    let guest = kit.guest(1).await;
    kit.meta.start_guest(new_session(1, 1), SAID).await.unwrap();
    let kept = kit.kept(guest).await;
    let facts_bytes = kept + 100;
    kit.meta.limit_guests(GuestLimits { facts_bytes, ..limits() });
    let full = Conflict::GuestFull { bytes: facts_bytes, for_what_was_sent: false };
    assert_eq!(conflict(kit.meta.start_guest(new_session(2, 1), SAID).await), full);
    assert_eq!(conflict(kit.meta.start(new_session(2, 1)).await), full, "from wherever it is asked");
    assert_eq!(conflict(kit.check(new_session(1, 1).id, 0, 0, &rows(1, 9), None).await), full);
    assert_eq!(kit.meta.session(new_session(2, 1).id).await.unwrap(), None);
    assert_eq!((kit.kept(guest).await, kit.stored(new_session(1, 1).id).await), (kept, vec![]));
    // What takes nothing more goes on: the same start again, giving up.
    assert!(kit.meta.start_guest(new_session(1, 1), SAID).await.unwrap().1);
    kit.meta.limit_guests(GuestLimits { facts_bytes: 1, ..limits() });
    kit.meta.end_session(new_session(1, 1).id, false, START).await.unwrap();
    kit.sweep(START).await;
    assert!(kit.kept(guest).await < kept / 2);
    kit.meta.limit_guests(GuestLimits { all_facts_bytes: kept, ..limits() });
    kit.meta.start_guest(new_session(3, 1), SAID).await.unwrap();
    let other = Owner { id: owner(2), key_hash: token(2), created_at: START };
    assert_eq!(conflict(kit.meta.add_guest(other).await), Conflict::GuestsFull);
    kit.meta.start(new_session(4, 5)).await.unwrap();
}

pub(crate) async fn a_guest_declares_few_rows_ahead_of_what_came(kit: Kit) {
    kit.meta.limit_guests(GuestLimits { rows_ahead: 4, ..limits() });
    kit.guest(1).await;
    let session = kit.meta.start_guest(new_session(1, 1), SAID).await.unwrap().0.id;
    let ahead = Conflict::RowsAhead { rows: 4 };
    assert_eq!(conflict(kit.check(session, 0, 0, &rows(1, 5), None).await), ahead);
    kit.declare(session, &rows(1, 4)).await;
    kit.declare(session, &rows(1, 4)).await;
    for (row, at) in rows(1, 2).into_iter().zip(0..) {
        kit.arrive(session, at, row).await.unwrap();
        kit.arrive(session, at, row).await.unwrap();
    }
    assert_eq!(conflict(kit.check(session, 0, 4, &rows(5, 3), None).await), ahead);
    kit.check(session, 0, 4, &rows(5, 2), None).await.unwrap();
    // A file that has one chunk again and again.
    let again = vec![row(1, FULL); 10];
    kit.check(session, 1, 1, &again, None).await.unwrap();
    kit.check(session, 1, 11, &rows(20, 4), None).await.unwrap();
    // Of a new revision nothing of the old one is ahead.
    assert_eq!(conflict(kit.check(session, 2, 0, &rows(30, 6), None).await), ahead);
    kit.check(session, 2, 0, &rows(30, 4), None).await.unwrap();
}

pub(crate) async fn ordinary_trees_of_empty_files_are_never_too_much(kit: Kit) {
    kit.meta.limit_guests(GuestLimits { facts_bytes: 1 << 30, ..limits() });
    let guest = kit.guest(1).await;
    let folder = kit.folder_of(1, guest, &[]).await;
    let mut n = 10;
    while n < 300 {
        let path = format!("pictures/2026/summer {}/evening at the lake/IMG_{n:05}.jpg", n / 20);
        let mut new = new_session(n, 1);
        new.fields.folder = Some(folder);
        new.fields.name = path.rsplit('/').next().unwrap().parse().unwrap();
        new.fields.path = Some(path.parse().unwrap());
        kit.meta.start_guest(new, SAID).await.unwrap();
        kit.meta.publish(publish(n, &[])).await.unwrap();
        n += 1;
    }
    assert!(kit.kept(guest).await > 300_000);
    // What was sent in few words is little.
    let few = async |n| kit.meta.start_guest(new_session(n, 1), 14).await;
    let full = loop {
        n += 1;
        if let Err(error) = few(n).await {
            break conflict::<()>(Err(error));
        }
        assert!(n < 2_000);
    };
    assert!(matches!(full, Conflict::GuestFull { for_what_was_sent: true, .. }), "{full:?}");
}
