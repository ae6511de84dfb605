//! Declares rows, and finds blobs.

use cairn_shared::limits::{CHECK_ROWS_MAX, FASTCDC_BYTES_MIN};
use cairn_shared::message::{CheckRequest, CheckResponse, Declared, HashResponse, RowState};
use cairn_shared::{BlobDigest, OwnerId, Row, route};
use cairn_store::model::{Declaration, Target};

use super::proofs;
use crate::access::{Asker, FindRight, Scope, UploadRight};
use crate::budget::{ROWS_A_CHECK, Rated};
use crate::cairn::Cairn;
use crate::content;
use crate::refusal::{Answer, Refusal};
use crate::stages::start::check_size;

/// Many rows count as so many checks.
pub(crate) async fn admit(
    cairn: &Cairn,
    asker: &Asker,
    owner: OwnerId,
    checks: &[&CheckRequest],
) -> Answer<()> {
    let rows: usize = checks.iter().map(|check| check.chunks.len()).sum();
    let count = u32::try_from(checks.len() + rows / ROWS_A_CHECK).unwrap_or(u32::MAX);
    cairn.admit(Rated::Check, asker, Some(owner), count).await
}

/// Declares rows from `at` on and tells which chunks have to be sent, and which may be proven.
pub(crate) async fn declare(
    cairn: &Cairn,
    right: &UploadRight,
    request: CheckRequest,
) -> Answer<CheckResponse> {
    let rule = right.session().fields.rule;
    if request.chunks.len() > CHECK_ROWS_MAX {
        return Err(Refusal::field("chunks", format!("has more than {CHECK_ROWS_MAX} rows")));
    }
    if let Some(size) = request.size {
        check_size(rule, size)?;
    }
    let too_long = |declared: &Declared| declared.length == 0 || declared.length > rule.length_max();
    if let Some(position) = request.chunks.iter().position(too_long) {
        let detail = format!("is not between 1 and {}", rule.length_max());
        return Err(Refusal::field(&format!("chunks[{position}].length"), detail));
    }
    let rows: Vec<Row> = request.chunks.iter().map(Declared::row).collect();
    let session = right.session().id;
    let reach = right.scope().reach();
    content::give_up_away(&cairn.stores(), &rows).await?;
    require_space(cairn, right, request.at, &rows).await?;
    let (session, mut chunks) = cairn
        .meta
        .declare_rows(Declaration {
            session,
            revision: request.revision,
            at: request.at,
            rows: rows.clone(),
            size: request.size,
            reach,
            now: cairn.sure_now(),
        })
        .await?;
    if right.scope() == Scope::Members {
        proofs::look(cairn, &session, request.at, &request.chunks, &mut chunks).await?;
    }
    if request.revision > right.session().revision {
        // What the revision dropped will never be sent; the rest is asked for again.
        cairn.space.forget(session.id);
    }
    let mut needed = Vec::new();
    for (row, state) in rows.into_iter().zip(&chunks) {
        match state {
            RowState::Have => cairn.space.settle(session.id, row.digest),
            RowState::Need => needed.push(row),
            RowState::Prove => {}
        }
    }
    if !needed.is_empty() {
        // Whoever has no credential shares one part with all others who have none.
        let owner = if session.ownerless { OwnerId::new([0; 16]) } else { session.owner };
        cairn.space.promise(session.id, owner, &needed).await?;
    }
    Ok(CheckResponse { revision: session.revision, chunks })
}

/// Refuses rows from the first on whose chunk would find no room. Only where not all of them would, it is looked up which are here.
async fn require_space(cairn: &Cairn, right: &UploadRight, at: u32, rows: &[Row]) -> Answer<()> {
    let session = right.session().id;
    if cairn.space.free(None).await? >= rows.iter().map(|row| u64::from(row.length)).sum() {
        return Ok(());
    }
    let states = cairn.meta.row_states(session, rows.to_vec(), right.scope().reach()).await?;
    let mut needed: Vec<_> = (at..)
        .zip(rows.iter().copied())
        .zip(states)
        .filter(|(_, state)| *state == RowState::Need)
        .map(|(row, _)| row)
        .collect();
    if right.scope() == Scope::Members {
        // What anybody has, a member may prove to have as well.
        let present = cairn.meta.present(needed.iter().map(|(_, row)| *row).collect()).await?;
        let mut present = present.into_iter();
        needed.retain(|_| !present.next().unwrap_or(false));
    }
    cairn.space.require_rows(session, &needed).await
}

/// Finds a file by its whole digest, as far as the asker may know of it.
pub(super) async fn find(cairn: &Cairn, right: &FindRight, blob: BlobDigest) -> Answer<HashResponse> {
    let now = cairn.now();
    let own = match right.scope() {
        Scope::Session => None,
        Scope::Owner | Scope::Members => cairn.meta.file_by_blob(Some(right.owner()), blob).await?,
    };
    if let Some(file) = own {
        let links = cairn.meta.links(Target::File(file.id)).await?;
        let live = links.iter().find(|link| link.expires_at.is_none_or(|at| at > now));
        let url = live.map(|link| route::share_page(&cairn.secret.link_token(link.id)));
        return Ok(HashResponse { blob: file.manifest_digest, size: file.size, url });
    }
    if right.scope() == Scope::Members && cairn.dedup.probe(right.owner(), now) {
        let file = cairn.meta.file_by_blob(None, blob).await?;
        // A short one could be guessed, a form with few blanks for one.
        let file =
            file.filter(|file| file.size >= u64::from(FASTCDC_BYTES_MIN)).ok_or_else(Refusal::not_found)?;
        // That it is here he may know, where it is he may not.
        return Ok(HashResponse { blob: file.manifest_digest, size: file.size, url: None });
    }
    Err(Refusal::not_found())
}
