//! Translates `GET /d/{token}`, `GET /d/{token}/raw` and `GET /d/{token}/raw/{path}`.

use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use cairn_shared::{LinkToken, Problem, ProblemCode};
use data_encoding::BASE64;
use serde::Deserialize;

use super::page::Reader;
use super::{media, page, service, tree, tree_page};
use crate::access::{LinkRight, Opened, inside, link_right};
use crate::cairn::Cairn;
use crate::http::{Range, attachment, path_behind, problem_response, query, requested_range, variable};
use crate::refusal::{Answer, Refusal};

/// What runs in no browser, even where somebody shows it inline (TRUST 4.2).
const SANDBOX: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; media-src 'self'; frame-ancestors 'none'";

/// Pause before a reader tries again, where the problem says none.
const RETRY_SECONDS: u32 = 10;

/// 200 with the share page, 404 or 410 with a page that says so, 5xx with one that asks to try again.
pub(crate) async fn page(cairn: web::Data<Cairn>, request: HttpRequest) -> HttpResponse {
    let language = request.headers().get(header::ACCEPT_LANGUAGE).and_then(|accept| accept.to_str().ok());
    let reader = Reader { base: cairn.config.base(), language };
    let (mut response, html) = match page_of(&cairn, &request, reader).await {
        Ok(html) => (HttpResponse::Ok(), html),
        Err(refusal) => refused(&refusal, reader),
    };
    response
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_SECURITY_POLICY, page::policy()))
        .body(html)
}

/// Whoever reads of trouble that passes must not think that the link is dead.
fn refused(refusal: &Refusal, reader: Reader<'_>) -> (HttpResponseBuilder, String) {
    let problem = &refusal.0;
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::NOT_FOUND);
    let mut response = HttpResponse::build(status);
    if !status.is_server_error() {
        return (response, page::gone(problem.code == ProblemCode::LinkEnded, reader));
    }
    response.insert_header((header::RETRY_AFTER, problem.retry_after.unwrap_or(RETRY_SECONDS)));
    (response, page::later(reader))
}

#[derive(Default, Deserialize)]
struct InQuery {
    #[serde(rename = "in")]
    inside: Option<String>,
    after: Option<String>,
}

async fn page_of(cairn: &Cairn, request: &HttpRequest, reader: Reader<'_>) -> Answer<String> {
    let token: LinkToken = variable(request)?;
    match link_right(cairn, &token).await? {
        // Whatever others hang on to a link of one file means nothing here.
        Opened::File(right) => Ok(page::shown(&service::shown(&right), &token, reader)),
        Opened::Folder(right) => {
            let InQuery { inside, after } = query(request)?;
            let inside = inside.filter(|path| !path.is_empty());
            let shown = tree::look(cairn, &right, inside.as_deref(), after.as_deref()).await?;
            Ok(tree_page::shown(&shown, &token, reader))
        }
    }
}

/// 200 or 206 with the bytes of the link's file, 304, 412 or 416 without.
pub(crate) async fn raw(cairn: web::Data<Cairn>, request: HttpRequest) -> Answer<HttpResponse> {
    match link_right(&cairn, &variable(&request)?).await? {
        Opened::File(right) => bytes(&cairn, &request, right).await,
        Opened::Folder(_) => {
            let detail =
                "This link gives a folder. The bytes of each of its files are at raw/ and the file's path.";
            Err(Refusal::new(ProblemCode::NotFound, detail))
        }
    }
}

/// The same for one file of the link's folder. The path is a key and nothing else: it leads nowhere but to an entry.
pub(crate) async fn raw_in(cairn: web::Data<Cairn>, request: HttpRequest) -> Answer<HttpResponse> {
    match link_right(&cairn, &variable(&request)?).await? {
        Opened::File(_) => Err(Refusal::not_found()),
        Opened::Folder(right) => {
            let right = inside(&cairn, &right, path_behind(&request, 3)?).await?;
            bytes(&cairn, &request, right).await
        }
    }
}

async fn bytes(cairn: &web::Data<Cairn>, request: &HttpRequest, right: LinkRight) -> Answer<HttpResponse> {
    let tag = format!("\"{}\"", right.file().manifest_digest);
    let headers = request.headers();
    if lists(headers, header::IF_MATCH).is_some_and(|tags| !matches(&tags, &tag, true)) {
        let detail = "The file is not the one of If-Match.";
        return Err(Problem::new(ProblemCode::ConditionFailed, detail).with_field("If-Match").into());
    }
    if lists(headers, header::IF_NONE_MATCH).is_some_and(|tags| matches(&tags, &tag, false)) {
        return Ok(HttpResponse::NotModified().insert_header((header::ETAG, tag)).finish());
    }
    let size = right.file().size;
    let range = match lists(headers, header::IF_RANGE) {
        Some(given) if given != tag => Range::Whole,
        Some(_) | None => requested_range(lists(headers, header::RANGE).as_deref(), size),
    };
    respond(cairn, right, &tag, range).await
}

async fn respond(
    cairn: &web::Data<Cairn>,
    right: LinkRight,
    tag: &str,
    range: Range,
) -> Answer<HttpResponse> {
    let size = right.file().size;
    let (mut response, first, length) = match range {
        Range::Whole => (HttpResponse::Ok(), 0, size),
        Range::Bytes { first, last } => {
            let mut response = HttpResponse::PartialContent();
            response.insert_header((header::CONTENT_RANGE, format!("bytes {first}-{last}/{size}")));
            (response, first, last - first + 1)
        }
        Range::Unsatisfiable => return Ok(unsatisfiable(size)),
    };
    if let Some(blob) = right.file().blob {
        let digest = format!("sha-256=:{}:", BASE64.encode(blob.as_bytes()));
        response.insert_header((HeaderName::from_static("repr-digest"), digest));
    }
    let fields = &right.file().fields;
    response
        .content_type(media::passive(fields.media_type.as_ref().map(|media_type| media_type.as_str())))
        .insert_header((header::CONTENT_DISPOSITION, attachment(fields.name.as_str())))
        .insert_header((header::ETAG, tag.to_owned()))
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        .insert_header((header::CACHE_CONTROL, "private, no-cache"))
        .insert_header((header::CONTENT_SECURITY_POLICY, SANDBOX))
        // nginx would keep up to 1 GB of it on its own disk first, and read nothing more while that drains.
        .insert_header((HeaderName::from_static("x-accel-buffering"), "no"))
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"));
    let bytes = service::read(cairn, &right, first, length).await?;
    Ok(response.body(SizedStream::new(length, bytes)))
}

fn unsatisfiable(size: u64) -> HttpResponse {
    let detail = format!("The file has {size} bytes.");
    let problem = Problem::new(ProblemCode::RangeUnsatisfiable, detail).with_field("Range");
    let mut response = problem_response(&problem);
    if let Ok(value) = header::HeaderValue::from_str(&format!("bytes */{size}")) {
        response.headers_mut().insert(header::CONTENT_RANGE, value);
    }
    response
}

fn lists(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(|value| value.trim().to_owned())
}

/// RFC 9110 section 8.8.3.2: a weak tag matches in a weak comparison only.
fn matches(tags: &str, tag: &str, strong: bool) -> bool {
    tags == "*"
        || tags
            .split(',')
            .map(str::trim)
            .any(|given| given == tag || (!strong && given.strip_prefix("W/") == Some(tag)))
}

#[cfg(test)]
mod tests {
    use cairn_store::StoreError;

    use super::*;

    #[test]
    fn only_a_dead_link_is_told_to_be_dead() {
        let told = |refusal: Refusal| {
            let (mut response, html) = refused(&refusal, Reader::default());
            let response = response.finish();
            let retry =
                response.headers().get(header::RETRY_AFTER).map(|after| after.to_str().unwrap().to_owned());
            (
                response.status().as_u16(),
                retry.as_deref() == Some("10"),
                html.contains("There is nothing here"),
            )
        };
        assert_eq!(told(Refusal::not_found()), (404, false, true));
        assert_eq!(told(StoreError::Closed("broken".to_owned()).into()), (503, true, false));
        assert_eq!(told(Refusal::internal("a bug")), (500, true, false));
        let (_, ended) = refused(&Refusal::new(ProblemCode::LinkEnded, ""), Reader::default());
        assert!(ended.contains("This link is over"));
    }
}
