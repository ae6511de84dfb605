//! Refuses unsafe requests that a browser sends from another site.

use actix_web::http::header::HeaderMap;

use super::host::split;

/// The rule of Go's `CrossOriginProtection` (1.25): `Sec-Fetch-Site` decides where it is sent; else `Origin`
/// must name this host; a request with neither comes from no browser. Two things more, since proxies change `Host`: the origin of
/// `public` is this server's, and a `Host` without a port is a name alone. The refusal says what to do.
pub(crate) fn cross_site(headers: &HeaderMap, host: &str, public: Option<&str>) -> Option<String> {
    if let Some(site) = headers.get("sec-fetch-site") {
        let is_foreign = site != "same-origin" && site != "none";
        return is_foreign.then(|| "A page of another site sent this request.".to_owned());
    }
    let origin = headers.get("origin")?.to_str().unwrap_or_default();
    if public == Some(origin) || is_own(origin, host) {
        return None;
    }
    Some(format!(
        "The page that sent this request is of {origin:?}, and this request was sent to {host:?}. Where both are this server, a proxy \
         changes Host: it has to pass what the browser sent (nginx: proxy_set_header Host $http_host; Apache: ProxyPreserveHost On), \
         or CAIRN_PUBLIC_URL has to be the page's address."
    ))
}

/// Whether an origin is that of the host that a request was sent to.
fn is_own(origin: &str, host: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let usual = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return false,
    };
    match (split(authority), split(host)) {
        (Some((page, page_port)), Some((name, port))) => {
            page == name && port.is_none_or(|port| port == page_port.unwrap_or(usual))
        }
        (None, _) | (_, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn refusal(pairs: &[(&'static str, &'static str)], host: &str) -> Option<String> {
        let headers = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        cross_site(&headers, host, Some("https://f.example.org"))
    }

    #[test]
    fn only_the_own_origin_passes() {
        let refused = |pairs: &[(&'static str, &'static str)]| refusal(pairs, "localhost:8080").is_some();
        assert!(!refused(&[]));
        assert!(!refused(&[("sec-fetch-site", "same-origin"), ("origin", "http://localhost:8080")]));
        assert!(!refused(&[("sec-fetch-site", "none")]));
        assert!(refused(&[("sec-fetch-site", "cross-site")]));
        assert!(refused(&[("sec-fetch-site", "same-site")]));
        assert!(!refused(&[("origin", "http://localhost:8080")]));
        assert!(refused(&[("origin", "http://localhost:8081")]));
        assert!(refused(&[("origin", "https://evil.test")]));
        assert!(refused(&[("origin", "null")]));
        assert!(!refused(&[("origin", "https://f.example.org")]), "the address that people use");
        assert!(refused(&[("origin", "http://f.example.org")]));
    }

    #[test]
    fn a_host_without_a_port_is_a_name_alone() {
        let passes = |origin: &'static str, host: &str| refusal(&[("origin", origin)], host).is_none();
        assert!(passes("http://nas.lan:8081", "nas.lan"));
        assert!(passes("http://NAS.lan:8081", "nas.lan"));
        assert!(passes("http://nas.lan", "nas.lan:80") && passes("https://nas.lan", "nas.lan:443"));
        assert!(passes("http://[::1]:8081", "[::1]"));
        assert!(!passes("http://nas.lan:8081", "nas.lan:9000"));
        assert!(!passes("http://nas.lan", "nas.lan:443"));
        assert!(!passes("http://evil.lan:8081", "nas.lan"));
        assert!(!passes("ftp://nas.lan", "nas.lan"));
        let told = refusal(&[("origin", "http://nas.lan:8081")], "127.0.0.1:8080").unwrap();
        assert!(told.contains("$http_host") && told.contains("http://nas.lan:8081"), "{told}");
    }
}
