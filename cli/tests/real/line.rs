//! A line that cuts, stalls, resets, refuses and slows: every upload ends, and is what it should be.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::server::{Server, done, download, events, file, put};

/// What the line does to a connection.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// Ends both sides after so many bytes of requests.
    Cut(u64),
    /// The same with a reset.
    Reset(u64),
    /// Ends the way to the server alone.
    HalfClose(u64),
    /// Passes requests on, and ends before the answer to the last.
    LoseAnswers(u64),
    /// Answers 502 by itself.
    BadGateway,
    /// Answers 413 by itself where a body is longer than this.
    BodyMax(u64),
    /// So many bytes a second.
    Slow(u64),
    /// Passes nothing on any more after so many bytes, and neither side hears of the other again.
    Stall(u64),
    /// Keeps answers back, every connection for another time: they come in another order than the questions.
    Reorder,
}

/// Stands between client and server. The first connection that carries enough has the fault, and every third from then on;
/// every one where the fault is a limit.
struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    server: SocketAddr,
    fault: Fault,
    connections: AtomicU64,
    faults: AtomicU64,
    stopped: AtomicBool,
}

impl Proxy {
    fn start(server: &Server, fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            server: server.url.strip_prefix("http://").unwrap().parse().unwrap(),
            fault,
            connections: AtomicU64::new(0),
            faults: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
        });
        let accepting = std::thread::spawn({
            let shared = shared.clone();
            move || {
                for client in listener.incoming() {
                    if shared.stopped.load(Ordering::SeqCst) {
                        return;
                    }
                    let (client, shared) = (client.unwrap(), shared.clone());
                    std::thread::spawn(move || drop(shared.serve(&client)));
                }
            }
        });
        Self { address, shared, accepting: Some(accepting) }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn faults(&self) -> u64 {
        self.shared.faults.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

impl Shared {
    fn serve(&self, client: &TcpStream) -> io::Result<()> {
        let number = self.connections.fetch_add(1, Ordering::SeqCst);
        let is_limit = matches!(self.fault, Fault::BodyMax(_) | Fault::Slow(_) | Fault::Reorder);
        // The first call of all is no upload yet: it may say what is wrong and end.
        let has_turn = is_limit || number % 3 == 1;
        if has_turn && matches!(self.fault, Fault::BadGateway) {
            return self.refuse(client, "502 Bad Gateway");
        }
        let server = TcpStream::connect(self.server)?;
        let is_dead = Arc::new(AtomicBool::new(false));
        let answers = {
            let is_dead = is_dead.clone();
            let (mut server, mut client) = (server.try_clone()?, client.try_clone()?);
            let delay = if matches!(self.fault, Fault::Reorder) {
                self.faults.fetch_add(1, Ordering::SeqCst);
                Duration::from_millis(number * 7 % 5 * 40)
            } else {
                Duration::ZERO
            };
            std::thread::spawn(move || {
                let mut buffer = vec![0; 32_768];
                while let Ok(length @ 1..) = server.read(&mut buffer) {
                    std::thread::sleep(delay);
                    if is_dead.load(Ordering::SeqCst) || client.write_all(&buffer[..length]).is_err() {
                        break;
                    }
                }
                if !is_dead.load(Ordering::SeqCst) {
                    let _ = client.shutdown(Shutdown::Both);
                }
            })
        };
        let outcome = self.pass(client, &server, has_turn, &is_dead);
        if outcome.is_err() || !matches!(self.fault, Fault::HalfClose(_)) {
            let _ = server.shutdown(Shutdown::Both);
        } else {
            let _ = server.shutdown(Shutdown::Write);
        }
        let _ = answers.join();
        outcome
    }

    fn pass(
        &self,
        mut client: &TcpStream,
        mut server: &TcpStream,
        has_turn: bool,
        is_dead: &AtomicBool,
    ) -> io::Result<()> {
        let (mut buffer, mut passed) = (vec![0; 32_768], 0);
        loop {
            let length = client.read(&mut buffer)?;
            if length == 0 {
                return Ok(());
            }
            passed += length as u64;
            match self.fault {
                Fault::BodyMax(max) if body_length(&buffer[..length]).is_some_and(|body| body > max) => {
                    return self.refuse(client, "413 Content Too Large");
                }
                Fault::Cut(after) | Fault::HalfClose(after) if passed > after && self.strikes(has_turn) => {
                    return Ok(());
                }
                Fault::Reset(after) if passed > after && self.strikes(has_turn) => {
                    rustix::net::sockopt::set_socket_linger(client, Some(Duration::ZERO))?;
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
                Fault::LoseAnswers(after) if passed > after && self.strikes(has_turn) => {
                    server.write_all(&buffer[..length])?;
                    client.shutdown(Shutdown::Write)?;
                    std::thread::sleep(Duration::from_millis(50));
                    return Ok(());
                }
                // A stall costs half a minute: one is enough.
                Fault::Stall(after) if passed > after && self.strikes(false) => {
                    is_dead.store(true, Ordering::SeqCst);
                    while client.read(&mut buffer)? > 0 {}
                    return Ok(());
                }
                Fault::Slow(rate) => {
                    std::thread::sleep(Duration::from_secs_f64(length as f64 / rate as f64));
                }
                Fault::BodyMax(_)
                | Fault::Cut(_)
                | Fault::HalfClose(_)
                | Fault::Reset(_)
                | Fault::LoseAnswers(_)
                | Fault::Stall(_)
                | Fault::BadGateway
                | Fault::Reorder => {}
            }
            server.write_all(&buffer[..length])?;
        }
    }

    /// Whether the fault happens now; it counts then.
    fn strikes(&self, has_turn: bool) -> bool {
        let is_first = self.faults.compare_exchange(0, 1, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        if !is_first && has_turn {
            self.faults.fetch_add(1, Ordering::SeqCst);
        }
        is_first || has_turn
    }

    fn refuse(&self, mut client: &TcpStream, status: &str) -> io::Result<()> {
        self.faults.fetch_add(1, Ordering::SeqCst);
        client.write_all(
            format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes(),
        )?;
        client.shutdown(Shutdown::Write)?;
        // What still comes is read for a moment, so that the answer arrives before the end.
        client.set_read_timeout(Some(Duration::from_millis(200)))?;
        let _ = io::copy(&mut client, &mut io::sink());
        Ok(())
    }
}

/// What a head says of its body.
fn body_length(bytes: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(2_000)]).to_ascii_lowercase();
    let is_head = ["get /", "post /", "put /", "delete /"].iter().any(|method| text.starts_with(method));
    let value = text.split("content-length: ").nth(1)?.split("\r\n").next()?;
    if is_head { value.parse().ok() } else { None }
}

/// Bytes that may be on their way when the line fails: eight chunks.
const WINDOW_BYTES: u64 = 8 * (4 << 20);

fn one_file_comes_through(fault: Fault) {
    const SIZE: u64 = 24_000_000;
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let proxy = Proxy::start(&server, fault);
    let (path, bytes) = file(folder.path(), "a.bin", 77, SIZE as usize);
    let ended = done(&put(&proxy.url(), &folder.path().join("state"), &path).output().unwrap());
    let url = ended["url"].as_str().unwrap().replace(&proxy.url(), &server.url);
    assert!(download(&url) == bytes, "{fault:?}");
    let faults = proxy.faults();
    let sent = ended["sent"].as_u64().unwrap();
    assert!(sent <= SIZE + faults * WINDOW_BYTES, "{fault:?}: {sent} bytes, {faults} faults");
    assert!(faults > 0 || matches!(fault, Fault::Slow(_)), "{fault:?} never happened");
}

fn a_folder_comes_through(fault: Fault) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let proxy = Proxy::start(&server, fault);
    let tree = folder.path().join("tree");
    std::fs::create_dir(&tree).unwrap();
    for number in 0..400 {
        file(&tree, &format!("{number}"), number, 1 + (number as usize * 97) % 30_000);
    }
    let output = put(&proxy.url(), &folder.path().join("state"), &tree).output().unwrap();
    assert!(output.status.success(), "{fault:?}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(proxy.faults() > 0, "{fault:?} never happened");
    let receipt = events(&output).pop().unwrap();
    assert_eq!((receipt["event"].as_str(), receipt["files"].as_u64()), (Some("receipt"), Some(400)));
}

#[test]
fn a_file_comes_through_whatever_the_line_does() {
    let faults = [
        Fault::Cut(1_500_000),
        Fault::Reset(900_000),
        Fault::HalfClose(700_000),
        Fault::LoseAnswers(600_000),
        Fault::BadGateway,
        Fault::BodyMax(1 << 20),
        Fault::Slow(3_000_000),
        Fault::Stall(2_500_000),
        Fault::Reorder,
    ];
    std::thread::scope(|scope| {
        for fault in faults {
            scope.spawn(move || one_file_comes_through(fault));
        }
    });
}

#[test]
fn a_folder_of_small_files_comes_through_whatever_the_line_does() {
    let faults = [
        Fault::Cut(300_000),
        Fault::Reset(200_000),
        Fault::LoseAnswers(100_000),
        Fault::BadGateway,
        Fault::BodyMax(300_000),
        Fault::Reorder,
    ];
    std::thread::scope(|scope| {
        for fault in faults {
            scope.spawn(move || a_folder_comes_through(fault));
        }
    });
}
