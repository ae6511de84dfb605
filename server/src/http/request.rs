//! Who sends a request: its credential, and whether it comes from this machine.

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;

use super::security::host_of;
use crate::access::{Asker, client_address, credential, is_local};
use crate::cairn::Cairn;
use crate::refusal::Answer;

/// Finds out who sends a request.
pub(crate) async fn asker(cairn: &Cairn, request: &HttpRequest) -> Answer<Asker> {
    let header = request.headers().get(AUTHORIZATION).map(|header| header.as_bytes());
    let credential = credential(cairn, header).await?;
    let host = host_of(request.head()).unwrap_or_default();
    let local = is_local(cairn.config.listen, request.peer_addr(), &host, request.headers());
    let address = client_address(request.head(), &cairn.config.trusted_proxies);
    Ok(Asker { credential, local, address })
}
