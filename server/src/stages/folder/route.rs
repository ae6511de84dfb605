//! Translates `POST`, `GET` and `DELETE /api/folder/...`.

use actix_web::{HttpRequest, HttpResponse, web};
use cairn_shared::limits::FOLDER_JSON_BYTES_MAX;
use cairn_shared::{FolderId, RelPath};
use serde::Deserialize;

use super::service;
use crate::access::{folder_right, owner_right, start_right};
use crate::budget::Rated;
use crate::cairn::Cairn;
use crate::http::{Body, asker, json_body, page_limit, query, variable};
use crate::refusal::{Answer, Refusal};

/// 201 with a new folder, 200 with the one that the same key made before.
pub(crate) async fn post(cairn: web::Data<Cairn>, request: HttpRequest, body: Body) -> Answer<HttpResponse> {
    let asker = asker(&cairn, &request).await?;
    let owner = owner_right(asker.credential)?;
    let right = start_right(&cairn, &asker)?;
    cairn.admit(Rated::Start, &asker, right.owner(), 1).await?;
    let wanted = json_body(&request, body, FOLDER_JSON_BYTES_MAX).await?;
    let (made, repeated) = service::make(&cairn, &right, &owner, wanted).await?;
    let mut response = if repeated { HttpResponse::Ok() } else { HttpResponse::Created() };
    Ok(response.json(made))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    since: Option<u64>,
    after: Option<RelPath>,
    limit: Option<usize>,
}

/// 200 with a page of what is in the folder, and its totals.
pub(crate) async fn list(cairn: web::Data<Cairn>, request: HttpRequest) -> Answer<HttpResponse> {
    let asker = asker(&cairn, &request).await?;
    let right = folder_right(&cairn, asker.credential, variable(&request)?).await?;
    let ListQuery { since, after, limit } = query(&request)?;
    Refusal::unless_exact("since", since)?;
    let page = service::list(&cairn, &right, since, after, page_limit(limit)?).await?;
    Ok(HttpResponse::Ok().json(page))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FoldersQuery {
    after: Option<FolderId>,
    limit: Option<usize>,
}

/// 200 with a page of the owner's folders.
pub(crate) async fn folders(cairn: web::Data<Cairn>, request: HttpRequest) -> Answer<HttpResponse> {
    let asker = asker(&cairn, &request).await?;
    let right = owner_right(asker.credential)?;
    let FoldersQuery { after, limit } = query(&request)?;
    Ok(HttpResponse::Ok().json(service::folders(&cairn, &right, after, page_limit(limit)?).await?))
}

/// 204, also when repeated.
pub(crate) async fn delete(cairn: web::Data<Cairn>, request: HttpRequest) -> Answer<HttpResponse> {
    let asker = asker(&cairn, &request).await?;
    let right = folder_right(&cairn, asker.credential, variable(&request)?).await?;
    service::delete(&cairn, &right).await?;
    Ok(HttpResponse::NoContent().finish())
}
