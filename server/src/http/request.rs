//! Who sends a request: its credential, and whether it comes from this machine.

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;

use super::security::host_of;
use crate::access::{Asker, Place, client_address, credential, place, place_of_user};
use crate::cairn::Cairn;
use crate::platform::Peer;
use crate::refusal::Answer;

/// Finds out who sends a request.
pub(crate) async fn asker(cairn: &Cairn, request: &HttpRequest) -> Answer<Asker> {
    let header = request.headers().get(AUTHORIZATION).map(|header| header.as_bytes());
    let credential = credential(cairn, header).await?;
    let host = host_of(request.head()).unwrap_or_default();
    let mut place = place(&cairn.config, request.head(), &host);
    // The system is asked last: that takes a moment.
    if place == Place::Here
        && let Some(peer) = request.conn_data::<Peer>()
    {
        let own_uid = rustix::process::geteuid().as_raw();
        place = place_of_user(&cairn.config, peer.user().await, own_uid);
    }
    let address = client_address(request.head(), &cairn.config.trusted_proxies);
    Ok(Asker { credential, place, address })
}
