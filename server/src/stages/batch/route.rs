//! Translates the batch routes.

use actix_web::http::header::CONTENT_ENCODING;
use actix_web::{HttpRequest, HttpResponse, web};
use cairn_shared::limits::{BATCH_BYTES_MAX, BATCH_JSON_BYTES_MAX};
use cairn_shared::message::BatchRequest;
use cairn_shared::{Problem, ProblemCode};
use serde::de::DeserializeOwned;

use super::{service, upload};
use crate::access::{Asker, owner_right, start_right};
use crate::budget::Rated;
use crate::cairn::Cairn;
use crate::http::{Body, asker, json_body};
use crate::refusal::Answer;

/// 200 with an outcome for each session to be started.
pub(crate) async fn start(cairn: web::Data<Cairn>, request: HttpRequest, body: Body) -> Answer<HttpResponse> {
    let asker = owner(&cairn, &request).await?;
    let right = start_right(&cairn, &asker)?;
    let items = items(&request, body).await?;
    cairn.admit(Rated::Start, &asker, right.owner(), service::count(&items)?).await?;
    Ok(HttpResponse::Ok().json(service::start(&cairn, &right, items).await?))
}

/// 200 with an outcome for each session whose rows are declared.
pub(crate) async fn check(cairn: web::Data<Cairn>, request: HttpRequest, body: Body) -> Answer<HttpResponse> {
    let asker = owner(&cairn, &request).await?;
    let owner = owner_right(asker.credential)?.owner();
    let items = items(&request, body).await?;
    service::admit_checks(&cairn, &asker, owner, &items).await?;
    Ok(HttpResponse::Ok().json(service::check(&cairn, &asker, items).await?))
}

/// 200 with an outcome for each frame.
pub(crate) async fn upload(
    cairn: web::Data<Cairn>,
    request: HttpRequest,
    body: Body,
) -> Answer<HttpResponse> {
    let asker = owner(&cairn, &request).await?;
    if request.headers().contains_key(CONTENT_ENCODING) {
        let detail = "Send the frames without Content-Encoding.";
        return Err(Problem::new(ProblemCode::MediaTypeWrong, detail).with_field("Content-Encoding").into());
    }
    let bytes = body.stream(BATCH_BYTES_MAX as u64);
    Ok(HttpResponse::Ok().json(upload::upload(&cairn, &asker, bytes).await?))
}

/// 200 with an outcome for each session to be published.
pub(crate) async fn finish(
    cairn: web::Data<Cairn>,
    request: HttpRequest,
    body: Body,
) -> Answer<HttpResponse> {
    let asker = owner(&cairn, &request).await?;
    let items = items(&request, body).await?;
    Ok(HttpResponse::Ok().json(service::finish(&cairn, &asker, items).await?))
}

/// Batches are for owners: whatever else a credential permits, it is one session at a time.
async fn owner(cairn: &Cairn, request: &HttpRequest) -> Answer<Asker> {
    let asker = asker(cairn, request).await?;
    owner_right(asker.credential)?;
    Ok(asker)
}

async fn items<T: DeserializeOwned>(request: &HttpRequest, body: Body) -> Answer<Vec<T>> {
    let batch: BatchRequest<Vec<T>> = json_body(request, body, BATCH_JSON_BYTES_MAX).await?;
    Ok(batch.items)
}
