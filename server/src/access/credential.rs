//! Reads `Authorization` and finds out whose credential it is.

use cairn_shared::{Bearer, OwnerId, ProblemCode};

use super::address::ClientAddress;
use super::local::Place;
use super::secret::sha256;
use crate::cairn::Cairn;
use crate::refusal::{Answer, Refusal};

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Credential {
    /// No header.
    None,
    /// A known owner.
    Owner(OwnerId),
    /// A session key; whether it fits is seen where the session is known.
    Session(Bearer),
}

/// The sender of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker {
    /// What it showed.
    pub(crate) credential: Credential,
    /// Whether it is on this very machine (DESIGN 10).
    pub(crate) place: Place,
    /// Where it comes from.
    pub(crate) address: ClientAddress,
}

impl Asker {
    /// Whether it is on this very machine.
    pub(crate) fn is_local(&self) -> bool {
        self.place == Place::Here
    }
}

/// The credential of a request, from its `Authorization` header. An unknown one is 401, wherever it is sent.
pub(crate) async fn credential(cairn: &Cairn, header: Option<&[u8]>) -> Answer<Credential> {
    let Some(header) = header else { return Ok(Credential::None) };
    let bearer = std::str::from_utf8(header).ok().and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(())?;
        token.trim().parse::<Bearer>().ok()
    });
    bearer_credential(cairn, bearer.ok_or_else(unknown)?).await
}

/// What stands behind `Bearer`, wherever it was given.
pub(crate) async fn bearer_credential(cairn: &Cairn, bearer: Bearer) -> Answer<Credential> {
    match bearer {
        Bearer::Owner(key) => match cairn.meta.owner_by_key(sha256(&key)).await? {
            Some(owner) => Ok(Credential::Owner(owner.id)),
            None => Err(unknown()),
        },
        session @ Bearer::Session(_) => Ok(Credential::Session(session)),
        Bearer::Token(_) => Err(unknown()),
    }
}

/// 401 for a credential that is none of ours.
pub(super) fn unknown() -> Refusal {
    Refusal::new(
        ProblemCode::CredentialUnknown,
        "The Authorization header carries no credential that is known here.",
    )
}

/// 401 where a credential is needed.
pub(super) fn missing() -> Refusal {
    Refusal::new(ProblemCode::CredentialMissing, "Send an owner key: Authorization: Bearer own_...")
}
