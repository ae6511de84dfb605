//! Translates `POST /api/start`.

use actix_web::{HttpRequest, HttpResponse, web};
use cairn_shared::limits::JSON_BYTES_MAX;

use super::service;
use crate::access::start_right;
use crate::budget::Rated;
use crate::cairn::Cairn;
use crate::http::{Body, asker, json_body};
use crate::refusal::Answer;

/// 201 with a new session, 200 with the one that the same key started before.
pub(crate) async fn post(cairn: web::Data<Cairn>, request: HttpRequest, body: Body) -> Answer<HttpResponse> {
    let asker = asker(&cairn, &request).await?;
    let right = start_right(&cairn, &asker)?;
    cairn.admit(Rated::Start, &asker, right.owner(), 1).await?;
    let wanted = json_body(&request, body, JSON_BYTES_MAX).await?;
    let (started, repeated) = service::start(&cairn, &right, wanted, service::HEAD_BYTES).await?;
    let mut response = if repeated { HttpResponse::Ok() } else { HttpResponse::Created() };
    Ok(response.json(started))
}
