//! Refuses unsafe requests that a browser sends from another site.

use actix_web::http::header::HeaderMap;

/// The rule of Go's `CrossOriginProtection` (1.25): `Sec-Fetch-Site` decides where it is sent; else `Origin`
/// must name this host; a request with neither comes from no browser.
pub(crate) fn is_cross_site(headers: &HeaderMap, host: &str) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site != "same-origin" && site != "none";
    }
    match headers.get("origin") {
        None => false,
        Some(origin) => {
            let authority = origin.to_str().ok().and_then(|origin| Some(origin.split_once("://")?.1));
            !authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    #[test]
    fn only_the_own_origin_passes() {
        let refused = |pairs: &[(&'static str, &'static str)]| {
            let headers = pairs
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect();
            is_cross_site(&headers, "localhost:8080")
        };
        assert!(!refused(&[]));
        assert!(!refused(&[("sec-fetch-site", "same-origin"), ("origin", "http://localhost:8080")]));
        assert!(!refused(&[("sec-fetch-site", "none")]));
        assert!(refused(&[("sec-fetch-site", "cross-site")]));
        assert!(refused(&[("sec-fetch-site", "same-site")]));
        assert!(!refused(&[("origin", "http://localhost:8080")]));
        assert!(refused(&[("origin", "http://localhost:8081")]));
        assert!(refused(&[("origin", "https://evil.test")]));
        assert!(refused(&[("origin", "null")]));
    }
}
