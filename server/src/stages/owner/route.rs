//! Translates `POST /api/owner`.

use actix_web::{HttpRequest, HttpResponse, web};

use super::service;
use crate::access::start_right;
use crate::budget::Rated;
use crate::cairn::Cairn;
use crate::http::asker;
use crate::refusal::Answer;

/// 201 with the owner key, shown this once.
pub(crate) async fn post(cairn: web::Data<Cairn>, request: HttpRequest) -> Answer<HttpResponse> {
    let asker = asker(&cairn, &request).await?;
    let right = start_right(&cairn, &asker)?;
    cairn.admit(Rated::Owner, &asker, None, 1).await?;
    Ok(HttpResponse::Created().json(service::make(&cairn, &right).await?))
}
