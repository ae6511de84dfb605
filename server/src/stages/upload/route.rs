//! Translates `PUT /api/upload/{session}/{index}`.

use actix_web::http::header::CONTENT_ENCODING;
use actix_web::{HttpRequest, HttpResponse, web};
use cairn_shared::{ChunkDigest, Problem, ProblemCode};
use serde::Deserialize;

use super::{run, service};
use crate::access::upload_right;
use crate::cairn::Cairn;
use crate::http::{Body, asker, last, query, sha256_in, variable};
use crate::refusal::{Answer, Refusal};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RunQuery {
    rows: Option<usize>,
}

/// 204 once the chunk, or each of several, is durable.
pub(crate) async fn put(cairn: web::Data<Cairn>, request: HttpRequest, body: Body) -> Answer<HttpResponse> {
    let asker = asker(&cairn, &request).await?;
    let right = upload_right(&cairn, &asker, variable(&request)?).await?;
    let index = last(&request)?;
    let digest = content_digest(&request)?;
    if let RunQuery { rows: Some(rows) } = query(&request)? {
        if digest.is_some() {
            let detail =
                "Content-Digest is for the bytes of one row. Each of several is declared with its own.";
            return Err(header_invalid(detail));
        }
        let run = run::expect_run(&cairn, &right, index, rows, body.declared()).await?;
        let (session, length) = (right.session().id, run::length(&run));
        let stored = run::store_run(cairn.clone().into_inner(), right, index, run, body.stream(length)).await;
        cairn.space.explain(Some(session), length, stored).await?;
        return Ok(HttpResponse::NoContent().finish());
    }
    let expected = service::expect(&cairn, &right, index, body.declared()).await?;
    let length = u64::from(expected.length_max);
    let stored = service::store(&cairn, &right, index, expected, digest, body.stream(length)).await;
    cairn.space.explain(Some(right.session().id), length, stored).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The SHA-256 in `Content-Digest`, where it is given.
fn content_digest(request: &HttpRequest) -> Answer<Option<ChunkDigest>> {
    if request.headers().contains_key(CONTENT_ENCODING) {
        let detail = "Send the chunk without Content-Encoding.";
        return Err(Problem::new(ProblemCode::MediaTypeWrong, detail).with_field("Content-Encoding").into());
    }
    let Some(header) = request.headers().get("content-digest") else { return Ok(None) };
    let invalid = || header_invalid("Content-Digest has the form sha-256=:<base64>: (RFC 9530).");
    let header = header.to_str().map_err(|_| invalid())?;
    sha256_in(header).map_err(|_| invalid())
}

fn header_invalid(detail: &str) -> Refusal {
    Problem::new(ProblemCode::HeaderInvalid, detail).with_field("Content-Digest").into()
}
