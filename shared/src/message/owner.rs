//! `POST /api/owner`.

use serde::{Deserialize, Serialize};

use crate::id::OwnerId;
use crate::secret::Bearer;

/// A new anonymous owner. The key is shown this once; the server keeps its hash only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerResponse {
    /// The owner's id, no secret.
    pub owner: OwnerId,
    /// `own_...`, for `Authorization: Bearer`.
    pub owner_key: Bearer,
}
