//! `file`, `files`, links, `remove_file`, `linked`, `file_by_blob`.

use cairn_shared::limits::LINKS_MAX;
use cairn_shared::{BlobDigest, FileId, LinkId};
use cairn_store::Conflict;
use cairn_store::model::{Given, Link, Linked, Target};

use crate::support::{Kit, START, conflict, id, owner, publish, rows, token};

fn link(n: u64, file: u64) -> Link {
    Link {
        id: LinkId::new(id(n)),
        target: Target::File(FileId::new(id(file))),
        owner: owner(1),
        token_hash: token(n),
        created_at: START,
        expires_at: Some(START + 1),
    }
}

pub(crate) async fn files_are_listed_in_pages(kit: Kit) {
    for n in 1..=5 {
        kit.file(n, 1, &rows(n, 1)).await;
    }
    kit.file(6, 2, &rows(6, 1)).await;
    let names = |files: Vec<cairn_store::model::File>| files.iter().map(|file| file.id).collect::<Vec<_>>();
    let expected: Vec<_> = (1..=5).map(|n| FileId::new(id(n))).collect();
    let all = kit.meta.files(owner(1), None, 100).await.unwrap();
    assert_eq!(names(all), expected);
    let page = kit.meta.files(owner(1), Some(expected[1]), 2).await.unwrap();
    assert_eq!(names(page), expected[2..4]);
    assert_eq!(kit.meta.files(owner(1), Some(expected[4]), 2).await.unwrap(), []);
    assert_eq!(kit.meta.files(owner(1), None, 0).await.unwrap(), []);
    assert_eq!(kit.meta.files(owner(3), None, 9).await.unwrap(), []);
}

pub(crate) async fn links_need_a_file(kit: Kit) {
    assert_eq!(conflict(kit.meta.add_link(link(9, 1)).await), Conflict::NotFound);
    let file = kit.file(1, 1, &rows(1, 1)).await;
    kit.meta.add_link(link(9, 1)).await.unwrap();
    kit.meta.add_link(link(9, 1)).await.unwrap();
    assert_eq!(kit.meta.link(link(9, 1).id).await.unwrap(), Some(link(9, 1)));
    assert_eq!(
        kit.meta.links(Target::File(file.id)).await.unwrap().len(),
        2,
        "its own and the one of finish"
    );
    let other = Link { token_hash: token(8), ..link(9, 1) };
    assert_eq!(conflict(kit.meta.add_link(other).await), Conflict::KeyReused);
}

pub(crate) async fn links_of_one_target_are_bounded(kit: Kit) {
    let file = kit.file(1, 1, &rows(1, 1)).await;
    // The first came with finish.
    kit.add_links((2_000..2_000 + LINKS_MAX as u64 - 1).map(|n| link(n, 1))).await;
    assert_eq!(conflict(kit.meta.add_link(link(9, 1)).await), Conflict::LinksTooMany);
    kit.meta.add_link(link(2_000, 1)).await.unwrap();
    kit.meta.remove_link(link(2_000, 1).id, START).await.unwrap();
    kit.meta.add_link(link(9, 1)).await.unwrap();
    kit.meta.remove_file(file.id, START).await.unwrap();
    assert_eq!(kit.meta.links(Target::File(file.id)).await.unwrap(), []);
}

pub(crate) async fn a_link_is_found_by_its_token(kit: Kit) {
    let file = kit.file(1, 1, &rows(1, 1)).await;
    kit.meta.add_link(link(9, 1)).await.unwrap();
    let found = kit.meta.linked(token(9)).await.unwrap();
    assert_eq!(
        found,
        Some(Linked { link: link(9, 1), given: Given::File(file.clone()) }),
        "over time or not"
    );
    assert_eq!(kit.meta.linked(token(1)).await.unwrap().unwrap().given, Given::File(file));
    assert_eq!(kit.meta.linked(token(7)).await.unwrap(), None);
}

pub(crate) async fn a_link_is_looked_at_with_its_file(kit: Kit) {
    let file = kit.file(1, 1, &rows(1, 1)).await;
    for n in [8, 9] {
        kit.meta.add_link(link(n, 1)).await.unwrap();
    }
    let look = async |n| kit.meta.still_linked(LinkId::new(id(n)), file.id).await.unwrap();
    assert_eq!(look(9).await, Some(link(9, 1)), "over time or not");
    assert!(link(9, 1).is_live(START) && !link(9, 1).is_live(START + 1));
    kit.meta.remove_link(link(9, 1).id, START).await.unwrap();
    assert_eq!((look(9).await, look(8).await), (None, Some(link(8, 1))));
    kit.meta.remove_file(file.id, START).await.unwrap();
    assert_eq!(look(8).await, None);
}

pub(crate) async fn removing_a_link_is_idempotent(kit: Kit) {
    let file = kit.file(1, 1, &rows(1, 1)).await;
    kit.meta.add_link(link(9, 1)).await.unwrap();
    for _ in 0..2 {
        kit.meta.remove_link(link(9, 1).id, 5).await.unwrap();
        assert_eq!(kit.meta.linked(token(9)).await.unwrap(), None);
        assert_eq!(kit.meta.link(link(9, 1).id).await.unwrap(), None);
        assert_eq!(kit.meta.links(Target::File(file.id)).await.unwrap().len(), 1);
    }
}

pub(crate) async fn a_deleted_file_takes_its_links_along(kit: Kit) {
    let file = kit.file(1, 1, &rows(1, 1)).await;
    let other = kit.file(2, 1, &rows(1, 1)).await;
    kit.meta.add_link(link(9, 1)).await.unwrap();
    for _ in 0..2 {
        kit.meta.remove_file(file.id, START).await.unwrap();
        assert_eq!(kit.meta.file(file.id).await.unwrap(), None);
        assert_eq!(kit.meta.files(owner(1), None, 9).await.unwrap(), std::slice::from_ref(&other));
        for n in [1, 9] {
            assert_eq!(kit.meta.linked(token(n)).await.unwrap(), None);
            assert_eq!(kit.meta.link(LinkId::new(id(n))).await.unwrap(), None);
        }
        assert_eq!(kit.meta.links(Target::File(file.id)).await.unwrap(), []);
    }
    assert_eq!(kit.meta.linked(token(2)).await.unwrap().unwrap().given, Given::File(other));
    kit.meta.remove_file(FileId::new(id(77)), START).await.unwrap();
}

pub(crate) async fn a_deleted_file_is_not_published_again(kit: Kit) {
    let file = kit.file(1, 1, &rows(1, 1)).await;
    kit.meta.remove_file(file.id, START).await.unwrap();
    let again = kit.meta.publish(publish(1, &rows(1, 1))).await;
    assert_eq!(conflict(again), Conflict::NotFound);
}

pub(crate) async fn a_file_is_found_by_its_blob(kit: Kit) {
    let blob = BlobDigest::new([5; 32]);
    let first = kit.file(1, 1, &rows(1, 2)).await;
    let second = kit.file(2, 1, &rows(1, 2)).await;
    assert_eq!(kit.meta.file_by_blob(Some(owner(1)), blob).await.unwrap(), None);
    for file in [&first, &second] {
        kit.meta.set_blob(file.session, blob).await.unwrap();
    }
    let found = kit.meta.file_by_blob(Some(owner(1)), blob).await.unwrap().unwrap();
    assert_eq!(found.blob, Some(blob));
    assert_eq!(kit.meta.file_by_blob(Some(owner(2)), blob).await.unwrap(), None, "others know nothing of it");
    kit.meta.remove_file(first.id, START).await.unwrap();
    assert_eq!(kit.meta.file_by_blob(Some(owner(1)), blob).await.unwrap().unwrap().id, second.id);
    kit.meta.remove_file(second.id, START).await.unwrap();
    assert_eq!(kit.meta.file_by_blob(Some(owner(1)), blob).await.unwrap(), None);
}
