//! The walls around every route: known hosts, same-site requests, response headers, panics.

use std::panic::AssertUnwindSafe;

use actix_web::body::MessageBody;
use actix_web::dev::{RequestHead, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    CACHE_CONTROL, HOST, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    UPGRADE, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, web};
use cairn_shared::route::Route;
use cairn_shared::{Problem, ProblemCode};
use futures_util::FutureExt;

use super::problem_response;
use crate::access::{HostRule, client_address, cross_site, is_sent_to};
use crate::cairn::Cairn;
use crate::config::{Config, PublicUrl};
use crate::refusal::{Answer, Refusal};

/// The host that a request was sent to; `None` where it names none, or two different ones.
pub(crate) fn host_of(head: &RequestHead) -> Option<String> {
    let mut headers = head.headers().get_all(HOST);
    let host = headers.next()?.to_str().ok()?.to_owned();
    let target = head.uri.authority().is_none_or(|authority| authority.as_str().eq_ignore_ascii_case(&host));
    (headers.next().is_none() && target).then_some(host)
}

/// Refuses what no route should see, and turns a panic into an answer.
pub(crate) async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    if is_bare_check(&request) {
        return Ok(request.into_response(HttpResponse::NoContent().finish()).map_into_right_body());
    }
    if let Err(refusal) = admit(&request) {
        if let Some(cairn) = request.app_data::<web::Data<Cairn>>() {
            let client = client_address(request.head(), &cairn.config.trusted_proxies);
            tracing::debug!(client.ip = %client.ip(), code = %refusal.0.code, "a request was turned away");
        }
        return Ok(request.into_response(problem_response(&refusal.0)).map_into_right_body());
    }
    match AssertUnwindSafe(next.call(request)).catch_unwind().await {
        Ok(outcome) => outcome.map(ServiceResponse::map_into_left_body),
        Err(_) => Err(Refusal::internal("a request panicked").into()),
    }
}

fn admit(request: &ServiceRequest) -> Answer<()> {
    let Some(hosts) = request.app_data::<web::Data<HostRule>>() else {
        return Err(Refusal::internal("the known hosts are not set up"));
    };
    if is_look_at_health(request) {
        return Ok(());
    }
    let host = host_of(request.head()).filter(|host| hosts.knows(host)).ok_or_else(|| -> Refusal {
        let detail = "Use an address of this server, or name the host in CAIRN_HOSTS or CAIRN_PUBLIC_URL.";
        Problem::new(ProblemCode::HostUnknown, detail).with_field("Host").into()
    })?;
    // No browser asks a server before it lets a page of another site open a WebSocket to it. (`Connection` tells nothing: many a
    // proxy sets it everywhere.)
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let safe = reads && !request.headers().contains_key(UPGRADE);
    let cairn = request.app_data::<web::Data<Cairn>>();
    let public = cairn.and_then(|cairn| cairn.config.public_url.as_ref()).map(PublicUrl::origin);
    if !safe && let Some(detail) = cross_site(request.headers(), &host, public) {
        return Err(Problem::new(ProblemCode::CrossSite, detail).with_field("Origin").into());
    }
    Ok(())
}

/// `option httpchk` alone: HAProxy asks for `OPTIONS /` by HTTP/1.0, and sends nothing to who refuses.
fn is_bare_check(request: &ServiceRequest) -> bool {
    *request.method() == Method::OPTIONS && request.path() == "/" && names_no_host(request)
}

fn names_no_host(request: &ServiceRequest) -> bool {
    !request.headers().contains_key(HOST) && request.uri().authority().is_none()
}

/// Load balancers that look whether a server is there name no host (HTTP/1.0). The answer is the same for everybody.
fn is_look_at_health(request: &ServiceRequest) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD)
        && request.path() == Route::Health.pattern()
        && names_no_host(request)
}

/// What answers about files and links carry besides: those of the API hold keys and links, which no cache between needs to
/// keep, and no search engine is to list what a link gives.
pub(crate) fn keep_private(path: &str, headers: &mut HeaderMap) {
    let is_below =
        |folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if is_below("/api") {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if is_below("/d") {
        headers.insert(HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex"));
    }
}

/// Whether an answer may tell browsers to come by TLS alone from now on: the request was sent to the address that people use, and that
/// has TLS.
pub(crate) fn is_strict(config: &Config, head: &RequestHead) -> bool {
    let https = config.public_url.as_ref().filter(|url| url.is_https());
    https.is_some_and(|url| host_of(head).is_some_and(|host| is_sent_to(&host, url)))
}

/// A year.
pub(crate) fn strict(headers: &mut HeaderMap) {
    headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
}

/// Headers that every response carries unless it has its own.
pub(crate) fn harden(headers: &mut HeaderMap) {
    let defaults = [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("content-security-policy"), "default-src 'none'; frame-ancestors 'none'"),
    ];
    for (name, value) in defaults {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}
