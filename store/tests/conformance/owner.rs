//! `add_owner`, `owner_by_key`.

use cairn_store::Conflict;
use cairn_store::model::Owner;

use crate::support::{Kit, START, conflict, owner};

pub(crate) async fn an_owner_is_found_by_the_hash_of_his_key(kit: Kit) {
    let one = Owner { id: owner(1), key_hash: [1; 32], created_at: START };
    kit.meta.add_owner(one.clone()).await.unwrap();
    assert_eq!(kit.meta.owner_by_key([1; 32]).await.unwrap(), Some(one));
    assert_eq!(kit.meta.owner_by_key([2; 32]).await.unwrap(), None);
}

pub(crate) async fn adding_again_is_idempotent_and_never_overwrites(kit: Kit) {
    let one = Owner { id: owner(1), key_hash: [1; 32], created_at: START };
    kit.meta.add_owner(one.clone()).await.unwrap();
    kit.meta.add_owner(one.clone()).await.unwrap();
    let same_id = Owner { key_hash: [2; 32], ..one.clone() };
    let same_key = Owner { id: owner(2), ..one.clone() };
    for other in [same_id, same_key] {
        assert_eq!(conflict(kit.meta.add_owner(other).await), Conflict::KeyReused);
    }
    assert_eq!(kit.meta.owner_by_key([1; 32]).await.unwrap(), Some(one));
}
