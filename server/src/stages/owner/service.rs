//! Makes anonymous owners.

use cairn_shared::message::OwnerResponse;
use cairn_shared::{Bearer, OwnerId};
use cairn_store::model::Owner;

use crate::access::{StartRight, sha256};
use crate::cairn::Cairn;
use crate::platform;
use crate::refusal::{Answer, Refusal};

/// Makes an owner with a fresh key; the store keeps the key's hash only.
pub(super) async fn make(cairn: &Cairn, right: &StartRight) -> Answer<OwnerResponse> {
    let key = platform::random().map_err(Refusal::internal)?;
    let id = OwnerId::new(cairn.fresh_id()?);
    let owner = Owner { id, key_hash: sha256(&key), created_at: cairn.now() };
    if right.is_guest() {
        cairn.meta.add_guest(owner).await?;
    } else {
        cairn.meta.add_owner(owner).await?;
    }
    Ok(OwnerResponse { owner: id, owner_key: Bearer::Owner(key) })
}
