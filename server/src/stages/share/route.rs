//! Translates `POST` and `DELETE /api/share/...`, `GET /api/files` and `DELETE /api/file/{file}`.

use actix_web::{HttpRequest, HttpResponse, web};
use cairn_shared::FileId;
use cairn_shared::limits::JSON_BYTES_MAX;
use serde::Deserialize;

use super::service;
use crate::access::{file_right, owner_right, share_right, target_right};
use crate::cairn::Cairn;
use crate::http::{Body, asker, optional_json_body, page_limit, query, variable};
use crate::refusal::Answer;

/// 201 with a new link.
pub(crate) async fn post(cairn: web::Data<Cairn>, request: HttpRequest, body: Body) -> Answer<HttpResponse> {
    let asker = asker(&cairn, &request).await?;
    owner_right(asker.credential)?;
    let id: FileId = variable(&request)?;
    let right = target_right(&cairn, asker.credential, *id.as_bytes()).await?;
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
    let limit = page_limit(limit)?;
    Ok(HttpResponse::Ok().json(service::files(&cairn, &right, after, limit).await?))
}

/// 204, also when repeated.
pub(crate) async fn delete_file(cairn: web::Data<Cairn>, request: HttpRequest) -> Answer<HttpResponse> {
    let asker = asker(&cairn, &request).await?;
    let right = file_right(&cairn, asker.credential, variable(&request)?).await?;
    service::delete(&cairn, &right).await?;
    Ok(HttpResponse::NoContent().finish())
}
