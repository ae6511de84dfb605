//! How many connections there may be, from one address too, and how many requests of one client behind a proxy.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;

use actix_web::dev::RequestHead;
use rustix::process::{Resource, getrlimit};

use crate::access::{ClientAddress, Networks, client_address};

/// One part of the open files is for sockets, as much for the chunks that they read and write (a few downloads have two), the rest for the stores.
const OPEN_FILES_PART: u64 = 3;
/// More than anybody's machine serves well.
const WORKER_CONNECTIONS_MAX: u64 = 25_600;

/// How many workers there are, and how many connections each may have at the same time; others wait to be accepted.
pub(super) fn limits() -> (usize, usize) {
    let workers = available_parallelism().map_or(1, NonZero::get);
    (workers, per_worker(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX), workers))
}

fn per_worker(open_files: u64, workers: usize) -> usize {
    let connections = open_files / OPEN_FILES_PART / workers as u64;
    usize::try_from(connections.clamp(1, WORKER_CONNECTIONS_MAX)).unwrap_or(usize::MAX)
}

/// How many connections each address has, and may have. Those of this machine and of trusted proxies are not counted: a proxy's are everybody's.
/// What is under way behind trusted proxies is counted by request instead, for the client's address.
#[derive(Clone)]
pub(crate) struct Seats {
    each: u32,
    proxies: Networks,
    taken: Arc<Mutex<HashMap<IpAddr, u32>>>,
}

/// One connection of an address; it may have another when this is dropped.
pub(super) struct Seat {
    address: IpAddr,
    taken: Arc<Mutex<HashMap<IpAddr, u32>>>,
}

/// An address has as many connections as it may have.
#[derive(Debug)]
pub(super) struct Taken;

impl Seats {
    /// So many for each; 0: as many as there are.
    pub(crate) fn new(each: u32, proxies: Networks) -> Self {
        Self { each, proxies, taken: Arc::default() }
    }

    /// Takes one for the client of a request that a trusted proxy passed on.
    pub(super) fn take_behind_proxy(&self, head: &RequestHead) -> Result<Option<Seat>, Taken> {
        let peer = head.peer_addr.map(|peer| peer.ip().to_canonical());
        if !peer.is_some_and(|peer| self.proxies.contain(peer)) {
            return Ok(None);
        }
        self.take(Some(client_address(head, &self.proxies).ip()))
    }

    /// Takes one, where that address is counted.
    pub(super) fn take(&self, address: Option<IpAddr>) -> Result<Option<Seat>, Taken> {
        let address = address.map(ClientAddress::from).filter(|address| {
            self.each > 0 && !address.ip().is_loopback() && !self.proxies.contain(address.ip())
        });
        let Some(address) = address.map(ClientAddress::group) else { return Ok(None) };
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.entry(address).or_insert(0);
        if *own >= self.each {
            return Err(Taken);
        }
        *own += 1;
        Ok(Some(Seat { address, taken: self.taken.clone() }))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.address) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn connections_take_less_than_half_of_the_open_files() {
        for (open_files, workers) in [(256, 2), (1_024, 8), (1_024, 64), (20_000, 2), (1 << 40, 4)] {
            let all = per_worker(open_files, workers) * workers;
            assert!(all > 0 && (all as u64) < open_files / 2, "{open_files} {workers}");
        }
        assert_eq!(per_worker(u64::MAX, 1), 25_600);
    }

    #[test]
    fn an_address_has_so_many_connections_and_a_proxy_here_as_many_as_it_needs() {
        let seats = Seats::new(2, "10.0.0.0/8".parse().unwrap());
        let take = |address: &str| seats.take(Some(address.parse().unwrap()));
        let (one, two) = (take("192.0.2.1").unwrap(), take("192.0.2.1").unwrap());
        assert!(one.is_some() && take("192.0.2.1").is_err());
        assert!(take("192.0.2.2").is_ok_and(|seat| seat.is_some()));
        let _v6 = [take("2001:db8::1").unwrap(), take("2001:db8::2").unwrap()];
        assert!(take("2001:db8::3").is_err(), "the same /64");
        drop(two);
        assert!(take("192.0.2.1").is_ok());
        for here in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.1.2.3"] {
            assert!((0..9).all(|_| take(here).is_ok_and(|seat| seat.is_none())), "{here}");
        }
        drop((one, _v6));
        assert!(seats.taken.lock().unwrap().is_empty(), "what is closed leaves nothing behind");
        let behind = |peer: &str, client: &str| {
            let request = TestRequest::default().peer_addr(peer.parse().unwrap());
            let request = request.insert_header(("x-forwarded-for", client)).to_http_request();
            seats.take_behind_proxy(request.head())
        };
        let _seats = [behind("10.1.2.3:1", "192.0.2.1").unwrap(), take("192.0.2.1").unwrap()];
        assert!(behind("10.9.9.9:1", "192.0.2.1").is_err(), "behind whichever proxy");
        assert!(behind("10.1.2.3:1", "2001:db8::1").is_ok_and(|seat| seat.is_some()));
        // A proxy that is not known can write what it wants, and its connection is counted.
        assert!(behind("198.51.100.7:1", "192.0.2.1").is_ok_and(|seat| seat.is_none()));
        assert!(
            Seats::new(0, Networks::default())
                .take("192.0.2.1".parse().ok())
                .is_ok_and(|seat| seat.is_none())
        );
    }
}
