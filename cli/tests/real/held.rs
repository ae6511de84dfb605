//! A line that lets so many bytes of uploads through and holds the rest, so that a test meets a `put` half way on every machine.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crate::gate::{Body, Gate};
use crate::server::Server;
use crate::way::{Keeper, Verdict, Way};

/// What gets through less than was allowed, at most: a body waits as a whole.
pub(crate) const BODY_BYTES_MAX: u64 = Gate::BODY_BYTES_MAX;

/// Stands between client and server.
pub(crate) struct Held {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    server: SocketAddr,
    gate: Gate,
    stopped: AtomicBool,
}

impl Held {
    /// So many bytes get through.
    pub(crate) fn after(server: &Server, bytes: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = server.url.strip_prefix("http://").unwrap().parse().unwrap();
        let shared = Arc::new(Shared { server, gate: Gate::default(), stopped: AtomicBool::new(false) });
        shared.gate.hold_all_after(bytes);
        let accepting = std::thread::spawn({
            let shared = shared.clone();
            move || accept(&listener, &shared)
        });
        Self { address, shared, accepting: Some(accepting) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on so many more.
    pub(crate) fn hold_after(&self, bytes: u64) {
        self.shared.gate.hold_all_after(bytes);
    }

    /// Waits until something waits here, half a minute at most.
    pub(crate) fn wait_held(&self) {
        let is_held = || {
            std::thread::sleep(std::time::Duration::from_millis(10));
            self.shared.gate.held() > 0
        };
        assert!((0..3_000).any(|_| is_held()), "nothing came");
    }

    /// From now on everything.
    pub(crate) fn open(&self) {
        self.shared.gate.open();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let (Ok(client), shared) = (client, shared.clone()) else { continue };
        std::thread::spawn(move || {
            if let Ok(way) = Way::open(client, shared.server) {
                way.carry(&*shared);
            }
        });
    }
}

impl Keeper for Shared {
    fn judge(&self, bytes: &[u8]) -> Verdict {
        let head = String::from_utf8_lossy(&bytes[..bytes.len().min(2_000)]);
        let length = head.to_ascii_lowercase().split("content-length: ").nth(1).and_then(|rest| {
            let value = rest.split("\r\n").next()?;
            value.parse().ok()
        });
        let body = Body::of(&head, length.unwrap_or(0));
        body.and_then(|body| self.gate.enter(body)).map_or(Verdict::Pass, Verdict::Hold)
    }

    fn follow(&self, _bytes: &[u8]) {}

    fn holds(&self, ticket: u64) -> bool {
        self.gate.holds(ticket) && !self.stopped.load(Ordering::SeqCst)
    }

    fn leave(&self, ticket: u64) {
        self.gate.leave(ticket);
    }

    fn is_websocket(&self) -> bool {
        false
    }
}
