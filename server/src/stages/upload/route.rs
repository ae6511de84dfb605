//! Translates `PUT /api/upload/{session}/{index}`.

use actix_web::http::header::CONTENT_ENCODING;
use actix_web::{HttpRequest, HttpResponse, web};
use cairn_shared::{ChunkDigest, Problem, ProblemCode};

use super::service;
use crate::access::upload_right;
use crate::cairn::Cairn;
use crate::http::{Body, asker, last, sha256_in, variable};
use crate::refusal::{Answer, Refusal};

/// 204 once the chunk is durable.
pub(crate) async fn put(cairn: web::Data<Cairn>, request: HttpRequest, body: Body) -> Answer<HttpResponse> {
    let asker = asker(&cairn, &request).await?;
    let right = upload_right(&cairn, &asker, variable(&request)?).await?;
    let index = last(&request)?;
    let digest = content_digest(&request)?;
    let expected = service::expect(&cairn, &right, index, body.declared()).await?;
    let bytes = body.stream(u64::from(expected.length_max));
    service::store(&cairn, &right, index, expected, digest, bytes).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The SHA-256 in `Content-Digest`, where it is given.
fn content_digest(request: &HttpRequest) -> Answer<Option<ChunkDigest>> {
    if request.headers().contains_key(CONTENT_ENCODING) {
        let detail = "Send the chunk without Content-Encoding.";
        return Err(Problem::new(ProblemCode::MediaTypeWrong, detail).with_field("Content-Encoding").into());
    }
    let Some(header) = request.headers().get("content-digest") else { return Ok(None) };
    let invalid = || -> Refusal {
        let detail = "Content-Digest has the form sha-256=:<base64>: (RFC 9530).";
        Problem::new(ProblemCode::HeaderInvalid, detail).with_field("Content-Digest").into()
    };
    let header = header.to_str().map_err(|_| invalid())?;
    sha256_in(header).map_err(|_| invalid())
}
