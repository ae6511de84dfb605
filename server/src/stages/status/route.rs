//! Translates `GET /api/status/{session}` and `DELETE /api/session/{session}`.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::service;
use crate::access::upload_right;
use crate::cairn::Cairn;
use crate::http::{asker, query, variable};
use crate::refusal::Answer;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StatusQuery {
    #[serde(default)]
    from: u32,
}

/// 200 with what has arrived and what is missing.
pub(crate) async fn get(cairn: web::Data<Cairn>, request: HttpRequest) -> Answer<HttpResponse> {
    let asker = asker(&cairn, &request).await?;
    let right = upload_right(&cairn, &asker, variable(&request)?).await?;
    let StatusQuery { from } = query(&request)?;
    service::admit(&cairn, &asker, &right, from).await?;
    Ok(HttpResponse::Ok().json(service::status(&cairn, &right, from).await?))
}

/// 204, also when repeated.
pub(crate) async fn delete(cairn: web::Data<Cairn>, request: HttpRequest) -> Answer<HttpResponse> {
    let asker = asker(&cairn, &request).await?;
    let right = upload_right(&cairn, &asker, variable(&request)?).await?;
    service::give_up(&cairn, &right).await?;
    Ok(HttpResponse::NoContent().finish())
}
