//! Stands between browser and server, counts every byte that is sent, can slow it down, can hold uploads half way, and can answer
//! in the server's place.

use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::clock::{Deadline, Timer};
use crate::gate::{Body, Gate};
use crate::way::{Keeper, Verdict, Way};

/// How far sending may run ahead of the limit, in bytes.
const BURST_BYTES: u64 = 1 << 20;

/// When the proxy answers itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Everything is passed on.
    None,
    /// 503 to every request, with a wish to be left alone for so many seconds; WebSockets end.
    Busy(u32),
    /// 413 to bodies of more bytes, and 400 to WebSockets: as many a proxy does that nobody has set up for more.
    Larger(u64),
    /// To everything below `/api` a redirect to another site, as a proxy does that wants a login; WebSockets end.
    Login,
    /// The same by a page, with a status that says that all is well.
    LoginPage,
}

impl Refusal {
    /// The head of the answer, where this request is refused.
    fn answer(self, head: &[u8]) -> Option<String> {
        let is_api = || head.split(|byte| *byte == b' ').nth(1).is_some_and(|path| path.starts_with(b"/api"));
        let line = match self {
            Self::None => return None,
            Self::Login | Self::LoginPage if !is_api() => return None,
            Self::Login => "302 Found\r\nLocation: http://login.example/".to_owned(),
            Self::LoginPage => {
                let page = "<!doctype html><title>Log in</title>";
                let head =
                    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length";
                return Some(format!("{head}: {}\r\n\r\n{page}", page.len()));
            }
            Self::Busy(seconds) => format!("503 Service Unavailable\r\nRetry-After: {seconds}"),
            Self::Larger(_) if asks_for_websocket(head) => "400 Bad Request".to_owned(),
            Self::Larger(bytes) if content_length(head) > bytes => "413 Content Too Large".to_owned(),
            Self::Larger(_) => return None,
        };
        Some(format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
    }
}

/// A request as it came by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// Since the proxy was started.
    pub at: Duration,
    /// Method and path.
    pub what: String,
    /// Bytes of its body.
    pub body: u64,
    /// The proxy answered itself.
    pub refused: bool,
}

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
    started: Timer,
    passed: Mutex<Vec<Passed>>,
    refusal: Mutex<Refusal>,
    gate: Gate,
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
            started: Timer::start(),
            passed: Mutex::default(),
            refusal: Mutex::new(Refusal::None),
            gate: Gate::default(),
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

    /// Time since its start, as `Passed::at` counts it.
    pub fn elapsed(&self) -> Duration {
        self.shared.started.elapsed()
    }

    /// Bytes that came from the browser so far, headers and all.
    pub fn sent_bytes(&self) -> u64 {
        self.shared.sent.load(Ordering::SeqCst)
    }

    /// Requests that came so far. A head that does not come in a piece of its own is not among them.
    pub fn requests(&self) -> Vec<Passed> {
        lock(&self.shared.passed).clone()
    }

    /// Answers in the server's place from now on.
    pub fn refuse(&self, refusal: Refusal) {
        *lock(&self.shared.refusal) = refusal;
    }

    /// What holds the bodies of uploads.
    pub fn gate(&self) -> &Gate {
        &self.shared.gate
    }

    /// Waits until something waits at the gate.
    pub fn wait_held(&self, within: Duration, what: impl Fn() -> String) -> anyhow::Result<()> {
        let held = || Ok((self.shared.gate.held() > 0).then_some(()));
        Deadline::after(within).until(|| format!("an upload waits at the gate; {}", what()), held)
    }

    /// Lets through that many bytes a second from the browser; 0 lets through all.
    pub fn limit(&self, bytes_per_second: u64) {
        *lock(&self.shared.pace) = (Timer::start(), 0);
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
    /// Notes a request that begins with these bytes; tells what becomes of them.
    fn meet(&self, bytes: &[u8], upgraded: &Cell<bool>) -> Verdict {
        let begins = |method: &&[u8]| bytes.starts_with(method);
        if ![&b"GET "[..], b"POST ", b"PUT ", b"PATCH ", b"DELETE "].iter().any(begins) {
            let breaks = upgraded.get()
                && matches!(*lock(&self.refusal), Refusal::Busy(_) | Refusal::Login | Refusal::LoginPage);
            let announced = if upgraded.get() { announced(bytes) } else { None };
            return if breaks { Verdict::Break } else { self.hold(announced) };
        }
        upgraded.set(asks_for_websocket(bytes));
        let answer = lock(&self.refusal).answer(bytes);
        let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let what = String::from_utf8_lossy(line).trim_end_matches(" HTTP/1.1").to_owned();
        let (at, body, refused) = (self.started.elapsed(), content_length(bytes), answer.is_some());
        let upload = Body::of(&what, body);
        lock(&self.passed).push(Passed { at, what, body, refused });
        answer.map_or_else(|| self.hold(upload), Verdict::Answer)
    }

    fn hold(&self, body: Option<Body>) -> Verdict {
        body.and_then(|body| self.gate.enter(body)).map_or(Verdict::Pass, Verdict::Hold)
    }

    /// Counts bytes from the browser, and waits as the limit wants it.
    fn count(&self, bytes: &[u8]) {
        let bytes = bytes.len() as u64;
        self.sent.fetch_add(bytes, Ordering::SeqCst);
        let limit = self.limit.load(Ordering::SeqCst);
        if limit == 0 {
            return;
        }
        let wait = {
            let mut pace = lock(&self.pace);
            pace.1 += bytes;
            let due = Duration::from_secs_f64(pace.1.saturating_sub(BURST_BYTES) as f64 / limit as f64);
            due.saturating_sub(pace.0.elapsed())
        };
        thread::sleep(wait);
    }
}

/// One connection's keeper.
struct Visit<'a> {
    shared: &'a Shared,
    /// It has become a WebSocket.
    upgraded: Cell<bool>,
}

impl Keeper for Visit<'_> {
    fn judge(&self, bytes: &[u8]) -> Verdict {
        let verdict = self.shared.meet(bytes, &self.upgraded);
        self.shared.count(bytes);
        verdict
    }

    fn follow(&self, bytes: &[u8]) {
        self.shared.count(bytes);
    }

    fn holds(&self, ticket: u64) -> bool {
        self.shared.gate.holds(ticket) && !self.shared.stopped.load(Ordering::SeqCst)
    }

    fn leave(&self, ticket: u64) {
        self.shared.gate.leave(ticket);
    }

    fn is_websocket(&self) -> bool {
        self.upgraded.get()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn asks_for_websocket(head: &[u8]) -> bool {
    String::from_utf8_lossy(head).to_ascii_lowercase().contains("\r\nupgrade: websocket")
}

fn content_length(head: &[u8]) -> u64 {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let header = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    header.and_then(|length| length.trim().parse().ok()).unwrap_or(0)
}

/// What a WebSocket's text message says of the binary ones behind it. The page sends it as one frame.
fn announced(bytes: &[u8]) -> Option<Body> {
    const TEXT: u8 = 0x81;
    const MASKED: u8 = 0x80;
    let (head, rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = match head[1] & !MASKED {
        126 => rest.split_first_chunk().map(|(length, rest)| (u16::from_be_bytes(*length), rest))?,
        127 => return None,
        length => (u16::from(length), rest),
    };
    let (mask, rest) = rest.split_first_chunk::<4>()?;
    if head[0] != TEXT || head[1] & MASKED == 0 || rest.len() < usize::from(length) {
        return None;
    }
    let text: Vec<u8> =
        rest[..usize::from(length)].iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    let put: serde_json::Value = serde_json::from_slice(&text).ok()?;
    Some(Body { upload: put["session"].as_str()?.to_owned(), length: put["length"].as_u64()? })
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for browser in listener.incoming() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(browser) = browser else { continue };
        let shared = shared.clone();
        // Where no server is, the connection ends at once: the browser sees a server that is down.
        thread::spawn(move || {
            if let Ok(way) = Way::open(browser, shared.upstream) {
                way.carry(&Visit { shared: &shared, upgraded: Cell::new(false) });
            }
        });
    }
}
