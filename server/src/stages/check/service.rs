//! Declares rows, and finds blobs.

use cairn_shared::limits::CHECK_ROWS_MAX;
use cairn_shared::message::{CheckRequest, CheckResponse, Declared, HashResponse, RowState};
use cairn_shared::{BlobDigest, OwnerId, Row, route};
use cairn_store::model::Target;

use crate::access::{OwnerRight, UploadRight};
use crate::cairn::Cairn;
use crate::refusal::{Answer, Refusal};
use crate::stages::start::check_size;

/// Declares rows from `at` on and tells which chunks have to be sent.
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
    require_space(cairn, right, &rows).await?;
    let (session, chunks) = cairn
        .meta
        .declare_rows(session, request.revision, request.at, rows.clone(), request.size, cairn.now())
        .await?;
    let (needed, here): (Vec<_>, Vec<_>) =
        rows.into_iter().zip(&chunks).partition(|(_, state)| **state == RowState::Need);
    here.into_iter().for_each(|(row, _)| cairn.space.settle(session.id, row.digest));
    if request.revision > right.session().revision {
        // What the revision dropped will never be sent; the rest is asked for again.
        cairn.space.forget(session.id);
    }
    if !needed.is_empty() {
        let needed: Vec<Row> = needed.into_iter().map(|(row, _)| row).collect();
        // Whoever has no credential shares one part with all others who have none.
        let owner = if session.ownerless { OwnerId::new([0; 16]) } else { session.owner };
        cairn.space.promise(session.id, owner, &needed).await?;
    }
    Ok(CheckResponse { revision: session.revision, chunks })
}

/// Refuses rows whose chunks would find no room. Only where not all of them would, it is looked up which are here.
async fn require_space(cairn: &Cairn, right: &UploadRight, rows: &[Row]) -> Answer<()> {
    let session = right.session().id;
    let bytes = |rows: &mut dyn Iterator<Item = &Row>| rows.map(|row| u64::from(row.length)).sum::<u64>();
    if cairn.space.free(Some(session)).await? >= bytes(&mut rows.iter()) {
        return Ok(());
    }
    let states = cairn.meta.row_states(session, rows.to_vec()).await?;
    let mut needed =
        rows.iter().zip(&states).filter(|(_, state)| **state == RowState::Need).map(|(row, _)| row);
    cairn.space.require(Some(session), bytes(&mut needed)).await
}

/// Finds a file of the asker's own by its whole digest.
pub(super) async fn find(cairn: &Cairn, right: &OwnerRight, blob: BlobDigest) -> Answer<HashResponse> {
    let file = cairn.meta.file_by_blob(right.owner(), blob).await?.ok_or_else(Refusal::not_found)?;
    let now = cairn.now();
    let links = cairn.meta.links(Target::File(file.id)).await?;
    let live = links.iter().find(|link| link.expires_at.is_none_or(|at| at > now));
    Ok(HashResponse {
        blob: file.manifest_digest,
        size: file.size,
        url: live.map(|link| route::share_page(&cairn.secret.link_token(link.id))),
    })
}
