//! Translates what is asked of a link: its page, its list, its bytes.

use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use cairn_shared::limits::LIST_ITEMS_MAX;
use cairn_shared::{LinkToken, Problem, ProblemCode, RelPath};
use data_encoding::BASE64;
use serde::Deserialize;

use super::conditions::{Asked, Version};
use super::page::Reader;
use super::{list, media, page, service, tree, tree_page};
use crate::access::{LinkRight, Opened, inside, link_right};
use crate::cairn::Cairn;
use crate::http::{
    Range, attachment, for_everybody, page_limit, path_behind, problem_response, query, variable,
};
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
            let shown =
                tree::look(cairn, &right, inside.as_deref(), after.as_deref(), LIST_ITEMS_MAX).await?;
            Ok(tree_page::shown(&shown, &token, reader))
        }
    }
}

#[derive(Default, Deserialize)]
struct ListQuery {
    #[serde(rename = "in")]
    inside: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

/// 200 with what the link gives, for programs.
pub(crate) async fn list(cairn: web::Data<Cairn>, request: HttpRequest) -> HttpResponse {
    let listed = async {
        let listed = match link_right(&cairn, &variable(&request)?).await? {
            Opened::File(right) => list::of_file(right.file()),
            Opened::Folder(right) => {
                let ListQuery { inside, after, limit } = query(&request)?;
                let inside = inside.filter(|path| !path.is_empty());
                let limit = page_limit(limit)?;
                list::of_tree(tree::look(&cairn, &right, inside.as_deref(), after.as_deref(), limit).await?)
            }
        };
        Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "private, no-cache")).json(listed))
    };
    for_everybody(listed.await)
}

#[derive(Default, Deserialize)]
struct RawQuery {
    path: Option<String>,
}

/// 200 or 206 with the bytes, 304, 412 or 416 without: of the link's file, or of the one at `?path=` in its folder. A path in the query is the
/// second form of one in the address: proxies refuse some characters there.
pub(crate) async fn raw(cairn: web::Data<Cairn>, request: HttpRequest) -> HttpResponse {
    let answer = async {
        let RawQuery { path } = query(&request)?;
        let path = path.map(|path| path.parse().map_err(|_| Refusal::not_found())).transpose()?;
        bytes(&cairn, &request, path).await
    };
    for_everybody(answer.await)
}

/// The same with the path at the end of the address. The path is a key and nothing else: it leads nowhere but to an entry.
pub(crate) async fn raw_in(cairn: web::Data<Cairn>, request: HttpRequest) -> HttpResponse {
    let answer = async { bytes(&cairn, &request, Some(path_behind(&request, 3)?)).await };
    for_everybody(answer.await)
}

/// A single file may be asked for by its own name, so that an address can end with it, and by no other.
async fn bytes(
    cairn: &web::Data<Cairn>,
    request: &HttpRequest,
    path: Option<RelPath>,
) -> Answer<HttpResponse> {
    let right = match (link_right(cairn, &variable(request)?).await?, path) {
        (Opened::Folder(right), Some(path)) => inside(cairn, &right, path).await?,
        (Opened::File(right), Some(path)) if path.as_str() != right.file().fields.name.as_str() => {
            return Err(Refusal::not_found());
        }
        (Opened::File(right), _) => right,
        (Opened::Folder(_), None) => {
            let detail =
                "This link gives a folder. The bytes of each of its files are at raw/ and the file's path.";
            return Err(Refusal::new(ProblemCode::NotFound, detail));
        }
    };
    let version = Version::of(right.file(), cairn.now());
    match version.asked(request.headers()) {
        Asked::Bytes(range) => respond(cairn, right, &version, range).await,
        Asked::NotModified => {
            let mut response = HttpResponse::NotModified();
            response.insert_header((header::LAST_MODIFIED, version.last_modified()));
            Ok(response.insert_header((header::ETAG, version.tag)).finish())
        }
        Asked::Failed(field) => {
            let detail = format!("The file is not the one of {field}.");
            Err(Problem::new(ProblemCode::ConditionFailed, detail).with_field(field).into())
        }
    }
}

async fn respond(
    cairn: &web::Data<Cairn>,
    right: LinkRight,
    version: &Version,
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
        .insert_header((header::ETAG, version.tag.clone()))
        .insert_header((header::LAST_MODIFIED, version.last_modified()))
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        .insert_header((header::CACHE_CONTROL, "private, no-cache"))
        .insert_header((header::CONTENT_SECURITY_POLICY, SANDBOX))
        // nginx would keep up to 1 GB of it on its own disk first, and read nothing more while that drains.
        .insert_header((HeaderName::from_static("x-accel-buffering"), "no"));
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
