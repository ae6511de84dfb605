//! Translates `PUT /api/upload/{session}/{index}`.

use actix_web::http::header::CONTENT_ENCODING;
use actix_web::{HttpRequest, HttpResponse, web};
use cairn_shared::{ChunkDigest, Problem, ProblemCode};
use data_encoding::BASE64;

use super::service;
use crate::access::upload_right;
use crate::cairn::Cairn;
use crate::http::{Body, asker, last, variable};
use crate::refusal::{Answer, Refusal};

/// 204 once the chunk is durable.
pub(crate) async fn put(cairn: web::Data<Cairn>, request: HttpRequest, body: Body) -> Answer<HttpResponse> {
    let asker = asker(&cairn, &request).await?;
    let right = upload_right(&cairn, asker.credential, variable(&request)?).await?;
    let index = last(&request)?;
    let digest = content_digest(&request)?;
    let expected = service::expect(&cairn, &right, index, body.declared()).await?;
    let bytes = body.stream(u64::from(expected.length_max));
    service::store(&cairn, &right, index, expected, digest, bytes).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `Content-Digest: sha-256=:...:` (RFC 9530 section 2), where it is given; other algorithms are ignored.
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
    let Some(value) = header.split(',').find_map(|entry| entry.trim().strip_prefix("sha-256=")) else {
        return Ok(None);
    };
    let text = value.strip_prefix(':').and_then(|value| value.strip_suffix(':')).ok_or_else(invalid)?;
    let bytes = BASE64.decode(text.as_bytes()).map_err(|_| invalid())?;
    Ok(Some(ChunkDigest::new(bytes.try_into().map_err(|_| invalid())?)))
}
