//! One connection of the proxy: the browser on the one side, the server on the other.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

const BUFFER_BYTES: usize = 64 * 1024;
/// How often somebody looks whether what is held may pass.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What becomes of bytes that came.
pub(crate) enum Verdict {
    /// The server gets them.
    Pass,
    /// The server gets them once this ticket no longer holds them.
    Hold(u64),
    /// This is the answer; nothing more is passed on.
    Answer(String),
    /// Both sides are broken.
    Break,
}

/// Who decides what passes.
pub(crate) trait Keeper {
    /// These bytes came.
    fn judge(&self, bytes: &[u8]) -> Verdict;
    /// These came behind others that wait.
    fn follow(&self, bytes: &[u8]);
    /// Whether a ticket still holds its bytes.
    fn holds(&self, ticket: u64) -> bool;
    /// Nobody waits with a ticket any more.
    fn leave(&self, ticket: u64);
    /// Whether a request can't just be sent by another connection.
    fn is_websocket(&self) -> bool;
}

/// Both sides.
pub(crate) struct Way {
    browser: TcpStream,
    server: TcpStream,
    upstream: SocketAddr,
    shared: Arc<Shared>,
    back: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    /// Something is held: a server that ends an idle connection meanwhile ends nothing for the browser.
    is_holding: AtomicBool,
    /// It has done so.
    is_gone: AtomicBool,
}

impl Way {
    /// Connects to the server.
    pub(crate) fn open(browser: TcpStream, upstream: SocketAddr) -> io::Result<Self> {
        browser.set_nodelay(true)?;
        let shared = Arc::<Shared>::default();
        let (server, back) = connect(&browser, upstream, &shared)?;
        Ok(Self { browser, server, upstream, shared, back })
    }

    /// Carries bytes to the server until one side ends, then ends the other one's half. A broken side breaks both.
    pub(crate) fn carry(mut self, keeper: &impl Keeper) {
        if self.carry_all(keeper).is_err() {
            let _ = self.browser.shutdown(Shutdown::Both);
            let _ = self.server.shutdown(Shutdown::Both);
        }
        let _ = self.back.join();
    }

    fn carry_all(&mut self, keeper: &impl Keeper) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut is_answered = false;
        loop {
            let length = match self.browser.read(&mut buffer) {
                Ok(0) => return self.server.shutdown(Shutdown::Write),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let bytes = &buffer[..length];
            match keeper.judge(bytes) {
                Verdict::Answer(answer) => {
                    is_answered = true;
                    self.browser.write_all(answer.as_bytes())?;
                }
                Verdict::Break => return Err(io::ErrorKind::ConnectionAborted.into()),
                // The rest of a body is read all the same: a broken connection would be no answer.
                Verdict::Pass | Verdict::Hold(_) if is_answered => {}
                Verdict::Pass => self.server.write_all(bytes)?,
                Verdict::Hold(ticket) => {
                    self.shared.is_holding.store(true, Ordering::SeqCst);
                    let held = self.hold(keeper, ticket, bytes.to_vec());
                    keeper.leave(ticket);
                    self.shared.is_holding.store(false, Ordering::SeqCst);
                    let held = held?;
                    if self.shared.is_gone.swap(false, Ordering::SeqCst) {
                        if keeper.is_websocket() {
                            return Err(io::ErrorKind::ConnectionAborted.into());
                        }
                        (self.server, self.back) = connect(&self.browser, self.upstream, &self.shared)?;
                    }
                    self.server.write_all(&held)?;
                }
            }
        }
    }

    /// Waits with bytes, and takes those that follow, so that it is seen when the browser gives up.
    fn hold(&self, keeper: &impl Keeper, ticket: u64, mut held: Vec<u8>) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; BUFFER_BYTES];
        self.browser.set_read_timeout(Some(LOOK_EVERY))?;
        while keeper.holds(ticket) {
            match (&self.browser).read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::ConnectionAborted.into()),
                Ok(length) => {
                    keeper.follow(&buffer[..length]);
                    held.extend_from_slice(&buffer[..length]);
                }
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                }
                Err(error) => return Err(error),
            }
        }
        self.browser.set_read_timeout(None)?;
        Ok(held)
    }
}

/// A connection to the server, whose answers go to the browser.
fn connect(
    browser: &TcpStream,
    upstream: SocketAddr,
    shared: &Arc<Shared>,
) -> io::Result<(TcpStream, JoinHandle<()>)> {
    let server = TcpStream::connect(upstream)?;
    server.set_nodelay(true)?;
    let (from, to, shared) = (server.try_clone()?, browser.try_clone()?, shared.clone());
    Ok((server, thread::spawn(move || carry_back(&from, &to, &shared))))
}

fn carry_back(mut from: &TcpStream, mut to: &TcpStream, shared: &Shared) {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let ends_both = match from.read(&mut buffer) {
            Ok(0) => false,
            Ok(length) if to.write_all(&buffer[..length]).is_ok() => continue,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Ok(_) | Err(_) => true,
        };
        if shared.is_holding.load(Ordering::SeqCst) {
            shared.is_gone.store(true, Ordering::SeqCst);
        } else if ends_both {
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
        } else {
            let _ = to.shutdown(Shutdown::Write);
        }
        return;
    }
}
