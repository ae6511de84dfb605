//! Translates `POST /api/finish/{session}`.

use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use cairn_shared::limits::JSON_BYTES_MAX;

use super::service;
use crate::access::upload_right;
use crate::cairn::Cairn;
use crate::http::{Body, asker, optional_json_body, variable};
use crate::refusal::Answer;

/// 201 with file and link; the same again.
pub(crate) async fn post(cairn: web::Data<Cairn>, request: HttpRequest, body: Body) -> Answer<HttpResponse> {
    let asker = asker(&cairn, &request).await?;
    let right = upload_right(&cairn, &asker, variable(&request)?).await?;
    service::admit(&cairn, &asker, &right).await?;
    let wanted = optional_json_body(&request, body, JSON_BYTES_MAX).await?;
    let patience = service::patience(&wanted);
    let finished = service::finish(&cairn, &right, wanted, patience).await?;
    let mut response = HttpResponse::Created();
    if let Some(url) = &finished.url {
        response.insert_header((LOCATION, format!("{}{url}", cairn.config.base())));
    }
    Ok(response.json(finished))
}
