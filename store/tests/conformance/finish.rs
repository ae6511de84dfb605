//! `publish`, `end_session`.

use std::sync::Arc;

use cairn_shared::{ChunkRule, FileId, Manifest, ManifestDigest};
use cairn_store::model::{Publish, SessionState, Target};
use cairn_store::{Conflict, StoreError};

use crate::support::{
    EXPIRY, FULL, Kit, START, closed, conflict, id, owner, publish, publish_plain, row, rows, token,
};

pub(crate) async fn a_session_becomes_a_file_with_a_link(kit: Kit) {
    let file = kit.file(1, 1, &rows(1, 3)).await;
    assert_eq!((file.id, file.owner, file.rows), (FileId::new(id(1)), owner(1), 3));
    assert_eq!((file.size, file.blob, file.created_at), (3 * u64::from(FULL), None, START));
    let digest = Manifest { rule: ChunkRule::FastCdc, rows: rows(1, 3) }.digest();
    assert_eq!(file.manifest_digest, digest);
    assert_eq!(kit.meta.file(file.id).await.unwrap(), Some(file.clone()));
    let session = kit.session(file.session).await;
    let links = kit.meta.links(Target::File(file.id)).await.unwrap();
    let state =
        SessionState::Finished { file: file.id, manifest_digest: digest, link: Some(links[0].id), at: START };
    assert_eq!((session.state, session.size), (state, Some(file.size)));
    assert_eq!((links.len(), links[0].token_hash, links[0].expires_at), (1, token(1), None));
    assert_eq!(kit.stored(file.session).await, rows(1, 3), "its rows stay");
}

pub(crate) async fn publishing_again_gives_the_same_file(kit: Kit) {
    let file = kit.file(1, 1, &rows(1, 3)).await;
    let again = Publish { file: FileId::new(id(7)), now: EXPIRY + 1, ..publish(1, &rows(1, 3)) };
    let (session, same) = kit.meta.publish(again).await.unwrap();
    assert_eq!((&same, session), (&file, kit.session(file.session).await));
    assert_eq!(kit.meta.file(FileId::new(id(7))).await.unwrap(), None);
    assert_eq!(kit.meta.links(Target::File(file.id)).await.unwrap().len(), 1);
}

pub(crate) async fn an_empty_file_needs_no_rows(kit: Kit) {
    kit.start_plain(1, Some(0)).await;
    let (_, file) = kit.meta.publish(publish_plain(1)).await.unwrap();
    assert_eq!((file.size, file.rows), (0, 0));
    kit.start(2, 1).await;
    let (_, file) = kit.meta.publish(publish(2, &[])).await.unwrap();
    assert_eq!((file.size, file.rows), (0, 0));
}

pub(crate) async fn the_revision_must_be_the_current_one(kit: Kit) {
    let session = kit.start(1, 1).await;
    kit.check(session, 1, 0, &[], None).await.unwrap();
    let asked = |revision| Publish { revision: Some(revision), ..publish(1, &[]) };
    assert_eq!(conflict(kit.meta.publish(asked(0)).await), Conflict::RevisionOld { revision: 1 });
    assert_eq!(conflict(kit.meta.publish(asked(2)).await), Conflict::RevisionGap { revision: 1 });
    kit.meta.publish(asked(1)).await.unwrap();
}

pub(crate) async fn rows_and_manifest_must_be_what_the_client_says(kit: Kit) {
    let session = kit.start(1, 1).await;
    kit.declare(session, &rows(1, 2)).await;
    let fewer = Publish { chunks: Some(1), ..publish(1, &rows(1, 2)) };
    assert_eq!(conflict(kit.meta.publish(fewer).await), Conflict::ManifestDiffers);
    let other = Publish { manifest_digest: Some(ManifestDigest::new([9; 32])), ..publish(1, &rows(1, 2)) };
    assert_eq!(conflict(kit.meta.publish(other).await), Conflict::ManifestDiffers);
    assert_eq!(kit.session(session).await.state, SessionState::Open);
}

pub(crate) async fn the_size_must_be_the_sum(kit: Kit) {
    let session = kit.start(1, 1).await;
    kit.declare(session, &rows(1, 1)).await;
    kit.arrive(session, 0, row(1, FULL)).await.unwrap();
    let other = Publish { size: Some(5), ..publish(1, &rows(1, 1)) };
    let sum = u64::from(FULL);
    assert_eq!(conflict(kit.meta.publish(other).await), Conflict::SizeDiffers { sum });
    let unsaid = Publish { size: None, ..publish(1, &rows(1, 1)) };
    assert_eq!(conflict(kit.meta.publish(unsaid.clone()).await), Conflict::SizeRequired);
    kit.check(session, 1, 1, &[], Some(sum + 1)).await.unwrap();
    let unsaid = Publish { revision: None, ..unsaid };
    assert_eq!(conflict(kit.meta.publish(unsaid.clone()).await), Conflict::SizeDiffers { sum });
    let said = Publish { size: Some(sum), ..unsaid };
    assert_eq!(kit.meta.publish(said).await.unwrap().1.size, sum, "the last word counts");
}

pub(crate) async fn missing_chunks_are_named(kit: Kit) {
    let session = kit.start(1, 1).await;
    kit.declare(session, &rows(1, 4)).await;
    kit.arrive(session, 1, row(2, FULL)).await.unwrap();
    let missing = conflict(kit.meta.publish(publish(1, &rows(1, 4))).await);
    assert!(matches!(missing, Conflict::ChunksMissing(ranges) if ranges.pairs() == [(0, 1), (2, 4)]));
    kit.start_plain(2, Some(u64::from(FULL) * 3)).await;
    let missing = conflict(kit.meta.publish(publish_plain(2)).await);
    assert!(matches!(missing, Conflict::ChunksMissing(ranges) if ranges.pairs() == [(0, 3)]));
    // Somebody else's chunk is no chunk of this session.
    kit.file(3, 2, &rows(1, 4)).await;
    let missing = conflict(kit.meta.publish(publish(1, &rows(1, 4))).await);
    assert!(matches!(missing, Conflict::ChunksMissing(ranges) if ranges.pairs() == [(0, 1), (2, 4)]));
}

pub(crate) async fn an_ended_or_overdue_session_is_closed(kit: Kit) {
    let session = kit.start(1, 1).await;
    let late = Publish { now: EXPIRY, ..publish(1, &[]) };
    let told = closed(kit.meta.publish(late).await);
    assert_eq!(told.state, SessionState::Ended { at: EXPIRY, expired: true });
    kit.meta.end_session(session, false, START + 1).await.unwrap();
    let told = closed(kit.meta.publish(publish(1, &[])).await);
    assert_eq!(told.state, SessionState::Ended { at: START + 1, expired: false });
}

pub(crate) async fn a_plain_client_may_say_nothing(kit: Kit) {
    let plain = kit.start_plain(1, Some(u64::from(FULL) + 1)).await;
    kit.arrive(plain, 1, row(2, 1)).await.unwrap();
    kit.arrive(plain, 0, row(1, FULL)).await.unwrap();
    let (_, file) = kit.meta.publish(publish_plain(1)).await.unwrap();
    let manifest = Manifest { rule: ChunkRule::Fixed(FULL), rows: vec![row(1, FULL), row(2, 1)] };
    assert_eq!((file.manifest_digest, file.size), (manifest.digest(), manifest.size()));
    assert_eq!(kit.meta.links(Target::File(file.id)).await.unwrap(), [], "no link was asked for");
}

pub(crate) async fn a_published_session_takes_nothing_more(kit: Kit) {
    let file = kit.file(1, 1, &rows(1, 1)).await;
    let refused = kit.arrive(file.session, 0, row(1, FULL)).await;
    assert!(matches!(closed(refused).state, SessionState::Finished { .. }));
    let refused = kit.meta.end_session(file.session, false, START).await;
    assert!(matches!(closed(refused).state, SessionState::Finished { .. }));
    kit.sweep(EXPIRY + 9).await;
    assert!(matches!(kit.session(file.session).await.state, SessionState::Finished { .. }));
}

pub(crate) async fn giving_up_is_idempotent(kit: Kit) {
    let session = kit.start(1, 1).await;
    kit.meta.end_session(session, false, START).await.unwrap();
    kit.meta.end_session(session, true, START + 5).await.unwrap();
    let state = kit.session(session).await.state;
    assert_eq!(state, SessionState::Ended { at: START, expired: false }, "the first word counts");
}

pub(crate) async fn publishing_while_chunks_arrive_never_makes_a_hole(kit: Kit) {
    let kit = Arc::new(kit);
    let plain = kit.start_plain(1, Some(u64::from(FULL) * 8)).await;
    let writer = {
        let kit = kit.clone();
        tokio::spawn(async move {
            for n in 0..64u64 {
                let sent = kit.arrive(plain, (n % 8) as u32, row(n, FULL)).await;
                if let Err(StoreError::Conflict(Conflict::SessionClosed(_))) = sent {
                    return;
                }
                sent.unwrap();
            }
        })
    };
    let file = loop {
        match kit.meta.publish(publish_plain(1)).await {
            Ok((_, file)) => break file,
            Err(StoreError::Conflict(Conflict::ChunksMissing(_) | Conflict::Changed)) => {}
            Err(error) => panic!("{error}"),
        }
        tokio::task::yield_now().await;
    };
    writer.await.unwrap();
    let manifest = Manifest { rule: ChunkRule::Fixed(FULL), rows: kit.stored(plain).await };
    assert_eq!(manifest.digest(), file.manifest_digest);
    assert_eq!(kit.status(plain).await, (vec![(0, 8)], vec![]));
}
