//! `follows`, `follow`, `save_follow`, `set_blob`.

use cairn_shared::{BlobDigest, SessionId};
use cairn_store::model::Follow;

use crate::support::{FULL, Kit, START, publish_plain, row, rows};

const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn follow(session: SessionId, next: u32, revision: u32) -> Follow {
    Follow { session, next, revision, state: vec![1, 2, next as u8] }
}

pub(crate) async fn sessions_with_declared_rows_and_files_are_wanted(kit: Kit) {
    let empty = kit.start(1, 1).await;
    let open = kit.start(2, 1).await;
    kit.declare(open, &rows(1, 1)).await;
    let file = kit.file(3, 1, &rows(1, 2)).await;
    assert_eq!(kit.meta.follows().await.unwrap(), [open, file.session]);
    assert_eq!(kit.meta.wanted_file(open).await.unwrap(), None);
    assert_eq!(kit.meta.wanted_file(file.session).await.unwrap(), Some(file.clone()));
    kit.check(open, 1, 0, &[], None).await.unwrap();
    kit.declare(empty, &rows(1, 1)).await;
    assert_eq!(kit.meta.follows().await.unwrap(), [empty, file.session]);
    kit.meta.end_session(empty, false, START).await.unwrap();
    kit.meta.remove_file(file.id, START).await.unwrap();
    assert_eq!(kit.meta.follows().await.unwrap(), []);
    assert_eq!(kit.meta.wanted_file(file.session).await.unwrap(), None);
}

pub(crate) async fn a_saved_state_is_found_again(kit: Kit) {
    let session = kit.start(1, 1).await;
    kit.declare(session, &rows(1, 9)).await;
    assert_eq!(kit.meta.follow(session).await.unwrap(), None);
    for next in [2, 5] {
        kit.meta.save_follow(follow(session, next, 0)).await.unwrap();
        assert_eq!(kit.meta.follow(session).await.unwrap(), Some(follow(session, next, 0)));
    }
}

pub(crate) async fn an_older_revision_is_not_saved(kit: Kit) {
    let session = kit.start(1, 1).await;
    kit.declare(session, &rows(1, 9)).await;
    kit.check(session, 1, 3, &[], None).await.unwrap();
    kit.meta.save_follow(follow(session, 2, 0)).await.unwrap();
    assert_eq!(kit.meta.follow(session).await.unwrap(), None);
    kit.meta.save_follow(follow(SessionId::new([9; 16]), 2, 0)).await.unwrap();
    assert_eq!(kit.meta.follow(SessionId::new([9; 16])).await.unwrap(), None);
}

pub(crate) async fn a_revision_keeps_or_forgets_the_state(kit: Kit) {
    let session = kit.start(1, 1).await;
    kit.declare(session, &rows(1, 9)).await;
    kit.meta.save_follow(follow(session, 4, 0)).await.unwrap();
    kit.check(session, 1, 4, &rows(20, 2), None).await.unwrap();
    assert_eq!(kit.meta.follow(session).await.unwrap(), Some(follow(session, 4, 1)));
    kit.check(session, 2, 3, &rows(30, 2), None).await.unwrap();
    assert_eq!(kit.meta.follow(session).await.unwrap(), None);
}

pub(crate) async fn rows_of_a_put_are_followed_once_published(kit: Kit) {
    let plain = kit.start_plain(1, Some(2 * u64::from(FULL))).await;
    for index in 0..2 {
        kit.arrive(plain, index, row(1, FULL)).await.unwrap();
    }
    assert_eq!(kit.meta.follows().await.unwrap(), []);
    kit.meta.save_follow(follow(plain, 1, 0)).await.unwrap();
    assert_eq!(kit.meta.follow(plain).await.unwrap(), None, "the row may still be replaced");
    kit.meta.publish(publish_plain(1)).await.unwrap();
    assert_eq!(kit.meta.follows().await.unwrap(), [plain]);
    kit.meta.save_follow(follow(plain, 1, 0)).await.unwrap();
    assert_eq!(kit.meta.follow(plain).await.unwrap(), Some(follow(plain, 1, 0)));
}

pub(crate) async fn a_file_of_one_chunk_has_its_blob_at_once(kit: Kit) {
    let one = kit.file(1, 1, &[row(1, FULL)]).await;
    let blob = BlobDigest::new(*row(1, FULL).digest.as_bytes());
    assert_eq!(one.blob, Some(blob));
    assert_eq!(kit.meta.file_by_blob(Some(one.owner), blob).await.unwrap(), Some(one));
    let empty = kit.file(2, 1, &[]).await;
    assert_eq!(empty.blob.unwrap().to_string(), EMPTY_SHA256);
    assert_eq!(kit.meta.follows().await.unwrap(), []);
}

pub(crate) async fn the_blob_ends_the_job(kit: Kit) {
    let file = kit.file(1, 1, &rows(1, 2)).await;
    kit.meta.save_follow(follow(file.session, 1, 0)).await.unwrap();
    let blob = BlobDigest::new([5; 32]);
    for _ in 0..2 {
        kit.meta.set_blob(file.session, blob).await.unwrap();
        assert_eq!(kit.meta.file(file.id).await.unwrap().unwrap().blob, Some(blob));
        assert_eq!(kit.meta.follow(file.session).await.unwrap(), None);
        assert_eq!(kit.meta.follows().await.unwrap(), []);
    }
    kit.meta.save_follow(follow(file.session, 2, 0)).await.unwrap();
    assert_eq!(kit.meta.follow(file.session).await.unwrap(), None, "nobody wants it any more");
}

pub(crate) async fn the_blob_of_an_open_or_deleted_session_is_ignored(kit: Kit) {
    let open = kit.start(1, 1).await;
    kit.declare(open, &rows(1, 1)).await;
    kit.meta.set_blob(open, BlobDigest::new([5; 32])).await.unwrap();
    assert_eq!(kit.meta.follows().await.unwrap(), [open]);
    let file = kit.file(2, 1, &rows(1, 1)).await;
    kit.meta.remove_file(file.id, START).await.unwrap();
    kit.meta.set_blob(file.session, BlobDigest::new([5; 32])).await.unwrap();
    assert_eq!(kit.meta.file(file.id).await.unwrap(), None);
    assert_eq!(kit.meta.file_by_blob(Some(file.owner), BlobDigest::new([5; 32])).await.unwrap(), None);
}
