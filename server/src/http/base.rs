//! Serves under the path of the public address, whether or not a proxy takes it off on the way.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::LOCATION;
use actix_web::http::uri::{PathAndQuery, Uri};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, web};

use crate::cairn::Cairn;

/// Takes the path of `public_url` off a request's, where that begins with it. A path that is nothing else gets its slash first:
/// the page's own addresses are relative to it.
pub(crate) async fn take_off_base(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let cairn = request.app_data::<web::Data<Cairn>>().cloned();
    let base = cairn.as_ref().map_or("", |cairn| cairn.config.base());
    if !base.is_empty() {
        if request.path() == base {
            let answer =
                HttpResponse::PermanentRedirect().insert_header((LOCATION, format!("{base}/"))).finish();
            return Ok(request.into_response(answer).map_into_right_body());
        }
        if let Some(uri) = without(request.uri(), base) {
            request.match_info_mut().get_mut().update(&uri);
            request.head_mut().uri = uri;
        }
    }
    Ok(next.call(request).await?.map_into_left_body())
}

/// The same address with `base` taken off the front of its path.
fn without(uri: &Uri, base: &str) -> Option<Uri> {
    let rest = uri.path_and_query()?.as_str().strip_prefix(base)?;
    if !rest.starts_with('/') {
        return None;
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(rest).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_comes_off_where_it_ends_at_a_slash() {
        let off = |text: &str| without(&text.parse().unwrap(), "/cairn").map(|uri| uri.to_string());
        assert_eq!(off("/cairn/api/start?a=/cairn/").as_deref(), Some("/api/start?a=/cairn/"));
        assert_eq!(off("/cairn/").as_deref(), Some("/"));
        assert_eq!(off("http://x.example/cairn/d/a").as_deref(), Some("http://x.example/d/a"));
        for same in ["/cairns/a", "/a/cairn/", "/", "/cairn?a"] {
            assert_eq!(off(same), None, "{same}");
        }
    }
}
