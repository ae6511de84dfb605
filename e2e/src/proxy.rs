//! Stands between browser and server, counts every byte that is sent, and can slow it down.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::clock::Timer;

const BUFFER_BYTES: usize = 64 * 1024;
/// How far sending may run ahead of the limit, in bytes.
const BURST_BYTES: u64 = 1 << 20;

/// Keeps its port while the server behind it comes and goes.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    sent: AtomicU64,
    requests: AtomicU64,
    stopped: AtomicBool,
    /// Bytes a second, 0 for no limit.
    limit: AtomicU64,
    /// Since when and how much has gone through under the limit.
    pace: Mutex<(Timer, u64)>,
}

impl Proxy {
    /// Listens on a free port of this machine and passes everything on to `upstream`.
    pub fn start(upstream: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            upstream,
            sent: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            limit: AtomicU64::new(0),
            pace: Mutex::new((Timer::start(), 0)),
        });
        let accepting = thread::spawn({
            let shared = shared.clone();
            move || accept(&listener, &shared)
        });
        Ok(Self { address, shared, accepting: Some(accepting) })
    }

    /// Where the browser finds the page.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Bytes that came from the browser so far, headers and all.
    pub fn sent_bytes(&self) -> u64 {
        self.shared.sent.load(Ordering::SeqCst)
    }

    /// Requests that came so far. A head that does not come in a piece of its own is not counted.
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// Lets through that many bytes a second from the browser; 0 lets through all.
    pub fn limit(&self, bytes_per_second: u64) {
        *self.shared.pace.lock().unwrap_or_else(PoisonError::into_inner) = (Timer::start(), 0);
        self.shared.limit.store(bytes_per_second, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

impl Shared {
    /// Counts bytes from the browser, and waits as the limit wants it.
    fn count(&self, bytes: &[u8]) {
        let begins = |method: &&[u8]| bytes.starts_with(method);
        if [&b"GET "[..], b"POST ", b"PUT ", b"DELETE "].iter().any(begins) {
            self.requests.fetch_add(1, Ordering::SeqCst);
        }
        let bytes = bytes.len() as u64;
        self.sent.fetch_add(bytes, Ordering::SeqCst);
        let limit = self.limit.load(Ordering::SeqCst);
        if limit == 0 {
            return;
        }
        let wait = {
            let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
            pace.1 += bytes;
            let due = Duration::from_secs_f64(pace.1.saturating_sub(BURST_BYTES) as f64 / limit as f64);
            due.saturating_sub(pace.0.elapsed())
        };
        thread::sleep(wait);
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for browser in listener.incoming() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(browser) = browser else { continue };
        let shared = shared.clone();
        // Where no server is, the connection ends at once: the browser sees a server that is down.
        thread::spawn(move || serve(&browser, &shared));
    }
}

fn serve(browser: &TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    let server = TcpStream::connect(shared.upstream)?;
    browser.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let back = {
        let (server, browser) = (server.try_clone()?, browser.try_clone()?);
        thread::spawn(move || copy(&server, &browser, |_| {}))
    };
    copy(browser, &server, |bytes| shared.count(bytes));
    let _ = back.join();
    Ok(())
}

/// Copies until one side ends, then ends the other one's half. A broken side breaks both.
fn copy(mut from: &TcpStream, mut to: &TcpStream, each: impl Fn(&[u8])) {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => {
                let _ = to.shutdown(Shutdown::Write);
                return;
            }
            Ok(length) => {
                each(&buffer[..length]);
                if to.write_all(&buffer[..length]).is_ok() {
                    continue;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => {}
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
        return;
    }
}
