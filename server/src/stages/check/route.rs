//! Translates `POST /api/check?h=` and `POST /api/check/{session}`.

use actix_web::{HttpRequest, HttpResponse, web};
use cairn_shared::BlobDigest;
use cairn_shared::limits::CHECK_JSON_BYTES_MAX;
use serde::Deserialize;

use super::service;
use crate::access::Credential;
use crate::access::{find_right, upload_right};
use crate::budget::Rated;
use crate::cairn::Cairn;
use crate::http::{Body, asker, json_body, query, variable};
use crate::refusal::{Answer, Refusal};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HashQuery {
    h: BlobDigest,
}

/// 200 with the blob, or 404.
pub(crate) async fn post_hash(cairn: web::Data<Cairn>, request: HttpRequest) -> Answer<HttpResponse> {
    let asker = asker(&cairn, &request).await?;
    let HashQuery { h } = query(&request)?;
    // Without a credential nothing is ever found, so nothing can be learnt.
    if matches!(asker.credential, Credential::None) {
        return Err(Refusal::not_found());
    }
    let right = find_right(&cairn, &asker)?;
    cairn.admit(Rated::Check, &asker, Some(right.owner()), 1).await?;
    Ok(HttpResponse::Ok().json(service::find(&cairn, &right, h).await?))
}

/// 200 with a state per row.
pub(crate) async fn post(cairn: web::Data<Cairn>, request: HttpRequest, body: Body) -> Answer<HttpResponse> {
    let asker = asker(&cairn, &request).await?;
    let right = upload_right(&cairn, &asker, variable(&request)?).await?;
    let rows = json_body(&request, body, CHECK_JSON_BYTES_MAX).await?;
    service::admit(&cairn, &asker, right.session().owner, &[&rows]).await?;
    Ok(HttpResponse::Ok().json(service::declare(&cairn, &right, rows).await?))
}
