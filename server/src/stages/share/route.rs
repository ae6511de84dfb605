//! Translates `POST` and `DELETE /api/share/...`, `GET /api/files` and `DELETE /api/file/{file}`.

use actix_web::{HttpRequest, HttpResponse, web};
use cairn_shared::FileId;
use cairn_shared::limits::{JSON_BYTES_MAX, LIST_ITEMS_MAX};
use serde::Deserialize;

use super::service;
use crate::access::{file_right, owner_right, share_right};
use crate::cairn::Cairn;
use crate::http::{Body, asker, optional_json_body, query, variable};
use crate::refusal::{Answer, Refusal};

/// 201 with a new link.
pub(crate) async fn post(cairn: web::Data<Cairn>, request: HttpRequest, body: Body) -> Answer<HttpResponse> {
    let asker = asker(&cairn, &request).await?;
    owner_right(asker.credential)?;
    let right = file_right(&cairn, asker.credential, variable(&request)?).await?;
    let wanted = optional_json_body(&request, body, JSON_BYTES_MAX).await?;
    Ok(HttpResponse::Created().json(service::share(&cairn, &right, wanted).await?))
}

/// 204, also when repeated.
pub(crate) async fn delete(cairn: web::Data<Cairn>, request: HttpRequest) -> Answer<HttpResponse> {
    let asker = asker(&cairn, &request).await?;
    let right = share_right(&cairn, asker.credential, variable(&request)?).await?;
    service::revoke(&cairn, right).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FilesQuery {
    after: Option<FileId>,
    limit: Option<usize>,
}

/// 200 with a page of the owner's files.
pub(crate) async fn files(cairn: web::Data<Cairn>, request: HttpRequest) -> Answer<HttpResponse> {
    let asker = asker(&cairn, &request).await?;
    let right = owner_right(asker.credential)?;
    let FilesQuery { after, limit } = query(&request)?;
    let limit = limit.unwrap_or(LIST_ITEMS_MAX);
    if !(1..=LIST_ITEMS_MAX).contains(&limit) {
        return Err(Refusal::field("limit", format!("is not between 1 and {LIST_ITEMS_MAX}")));
    }
    Ok(HttpResponse::Ok().json(service::files(&cairn, &right, after, limit).await?))
}

/// 204, also when repeated.
pub(crate) async fn delete_file(cairn: web::Data<Cairn>, request: HttpRequest) -> Answer<HttpResponse> {
    let asker = asker(&cairn, &request).await?;
    let right = file_right(&cairn, asker.credential, variable(&request)?).await?;
    service::delete(&cairn, &right).await?;
    Ok(HttpResponse::NoContent().finish())
}
