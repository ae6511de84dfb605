//! Within which circle of people nothing is sent twice.

use cairn_store::model::Reach;

use super::Asker;
use crate::config::DedupScope;

/// Whose chunks may spare an upload the sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The session's own.
    Session,
    /// The owner's, too.
    Owner,
    /// Everybody's, for whoever proves that he has the bytes.
    Members,
}

impl Scope {
    /// The scope of who asks: requests from this machine are its members', guests have what is their own. A session without
    /// an owner shares with nobody.
    pub(super) fn of(setting: DedupScope, asker: &Asker, ownerless: bool) -> Self {
        match setting {
            DedupScope::Off => Self::Session,
            DedupScope::Members if asker.is_local() && !ownerless => Self::Members,
            DedupScope::Members | DedupScope::Owner => Self::Owner,
        }
    }

    /// Whose holds need no proof.
    pub(crate) fn reach(self) -> Reach {
        match self {
            Self::Session => Reach::Session,
            Self::Owner | Self::Members => Reach::Owner,
        }
    }
}
