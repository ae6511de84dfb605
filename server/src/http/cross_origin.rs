//! What pages of other sites may read: what a link gives, and nothing else (the CORS protocol of the Fetch standard).

use actix_web::HttpResponse;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderName, HeaderValue,
};

use super::problem_response;
use crate::refusal::Answer;

/// The answer, or the refusal, with what lets pages of other sites read it. No credential of a browser is in any request: whoever has
/// the link may as well ask without one.
pub(crate) fn for_everybody(answer: Answer<HttpResponse>) -> HttpResponse {
    let mut response = answer.unwrap_or_else(|refusal| problem_response(&refusal.0));
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(
            "Content-Range, ETag, Content-Length, Accept-Ranges, Content-Disposition, Last-Modified, Repr-Digest, \
             Retry-After",
        ),
    );
    let resource_policy = HeaderName::from_static("cross-origin-resource-policy");
    headers.insert(resource_policy, HeaderValue::from_static("cross-origin"));
    response
}

/// 204 to the question whether such a page may ask.
pub(crate) async fn preflight() -> HttpResponse {
    let mut response = HttpResponse::NoContent();
    response
        .insert_header((ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD"))
        .insert_header((
            ACCESS_CONTROL_ALLOW_HEADERS,
            "Range, If-Range, If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since",
        ))
        .insert_header((ACCESS_CONTROL_MAX_AGE, "86400"));
    for_everybody(Ok(response.finish()))
}
