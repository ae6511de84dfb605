//! How many connections there may be, and how long one stays whose client does not read.

use std::any::Any;
use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::Duration;

use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use rustix::net::sockopt::set_tcp_user_timeout;
use rustix::process::{Resource, getrlimit};

use crate::platform::Peer;

/// One part of the open files is for sockets, as much for the chunks that they read and write (a few downloads have two), the rest for the stores.
const OPEN_FILES_PART: u64 = 3;
/// More than anybody's machine serves well.
const WORKER_CONNECTIONS_MAX: u64 = 25_600;

/// How many workers there are, and how many connections each may have at the same time; others wait to be accepted.
pub(crate) fn limits() -> (usize, usize) {
    let workers = available_parallelism().map_or(1, NonZero::get);
    (workers, per_worker(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX), workers))
}

fn per_worker(open_files: u64, workers: usize) -> usize {
    let connections = open_files / OPEN_FILES_PART / workers as u64;
    usize::try_from(connections.clamp(1, WORKER_CONNECTIONS_MAX)).unwrap_or(usize::MAX)
}

/// Lets the system end each connection on which an answer makes no progress for so long: neither a client that is gone
/// nor one that is there and reads nothing (Linux counts its closed window as well) keeps a socket and a chunk for ever.
pub(crate) fn end_unread(wait: Duration) -> impl Fn(&dyn Any, &mut Extensions) {
    let wait = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
    move |socket, data| {
        let Some(socket) = socket.downcast_ref::<TcpStream>() else { return };
        if let Err(error) = set_tcp_user_timeout(socket, wait) {
            tracing::debug!(%error, "this connection stays as long as its client wants");
        }
        if let (Ok(peer), Ok(own)) = (socket.peer_addr(), socket.local_addr()) {
            data.insert(Peer::new(peer, own));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_take_less_than_half_of_the_open_files() {
        for (open_files, workers) in [(256, 2), (1_024, 8), (1_024, 64), (20_000, 2), (1 << 40, 4)] {
            let all = per_worker(open_files, workers) * workers;
            assert!(all > 0 && (all as u64) < open_files / 2, "{open_files} {workers}");
        }
        assert_eq!(per_worker(u64::MAX, 1), 25_600);
    }
}
