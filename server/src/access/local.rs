//! Whether a request comes from this very machine, without anything between.

use std::net::SocketAddr;

use actix_web::http::header::HeaderMap;

use super::host::is_loopback;

/// DESIGN 10: listening address, peer and `Host` are loopback, and no proxy left its mark.
pub(crate) fn is_local(
    listen: SocketAddr,
    peer: Option<SocketAddr>,
    host: &str,
    headers: &HeaderMap,
) -> bool {
    let proxied = headers.keys().any(|name| {
        let name = name.as_str();
        name == "forwarded" || name == "via" || name.starts_with("x-forwarded-")
    });
    listen.ip().is_loopback()
        && peer.is_some_and(|peer| peer.ip().is_loopback())
        && is_loopback(host)
        && !proxied
}
