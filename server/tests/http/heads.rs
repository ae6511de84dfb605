//! Heads that never end, and connections that rest.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::site::Site;

const WHOLE: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn connect(site: &Site) -> TcpStream {
    let socket = TcpStream::connect(site.address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket
}

/// Reads one answer to `WHOLE`.
fn answered(socket: &mut TcpStream) {
    let mut answer = Vec::new();
    let mut buffer = [0; 4_096];
    while !answer.ends_with(b"ready\n") {
        let read = socket.read(&mut buffer).unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&buffer[..read]);
    }
}

/// What comes until the server ends the connection.
fn rest(socket: &mut TcpStream) -> String {
    let mut rest = Vec::new();
    match socket.read_to_end(&mut rest) {
        Err(error) if error.kind() != std::io::ErrorKind::ConnectionReset => {
            panic!("the connection stays open: {error}")
        }
        Ok(_) | Err(_) => String::from_utf8_lossy(&rest).into_owned(),
    }
}

#[test]
fn no_head_takes_longer_than_its_time() {
    let site = Site::with(&[("head_time", "1s")]);
    let mut first = connect(&site);
    first.write_all(&WHOLE[..20]).unwrap();
    assert!(rest(&mut first).starts_with("HTTP/1.1 408"));
    let mut second = connect(&site);
    for _ in 0..3 {
        second.write_all(WHOLE).unwrap();
        answered(&mut second);
    }
    // Together with a whole one, and then in drops that would keep an idle time from ever ending.
    second.write_all(&[WHOLE, &WHOLE[..5]].concat()).unwrap();
    answered(&mut second);
    let drops = &WHOLE[5..WHOLE.len() - 1];
    let taken = drops.iter().take_while(|byte| {
        std::thread::sleep(Duration::from_millis(200));
        second.write_all(&[**byte]).is_ok()
    });
    assert!(taken.count() < drops.len(), "seven seconds were not too long");
    rest(&mut second);
}

#[test]
fn a_slow_head_has_its_time_whatever_came_before() {
    let site = Site::with(&[("head_time", "10s")]);
    let mut socket = connect(&site);
    for _ in 0..2 {
        for half in WHOLE.chunks(21) {
            socket.write_all(half).unwrap();
            std::thread::sleep(Duration::from_millis(100));
        }
        answered(&mut socket);
    }
}

/// As HAProxy looks: `option httpchk`, and `option httpchk GET /healthz`.
#[test]
fn health_is_told_to_who_names_no_host_and_nothing_else_is() {
    let site = Site::start();
    for (head, status) in [
        ("GET /healthz HTTP/1.0", "HTTP/1.0 200"),
        ("HEAD /healthz HTTP/1.0", "HTTP/1.0 200"),
        ("OPTIONS / HTTP/1.0", "HTTP/1.0 204"),
        ("OPTIONS /api/start HTTP/1.0", "HTTP/1.0 421"),
        ("GET / HTTP/1.0", "HTTP/1.0 421"),
        ("GET /healthz/ HTTP/1.0", "HTTP/1.0 421"),
        ("POST /healthz HTTP/1.0", "HTTP/1.0 421"),
        ("GET /healthz HTTP/1.0\r\nHost: evil.test", "HTTP/1.0 421"),
    ] {
        let mut socket = connect(&site);
        write!(socket, "{head}\r\n\r\n").unwrap();
        let answer = rest(&mut socket);
        assert!(answer.starts_with(status), "{head}: {answer}");
    }
}
