//! A running download ends with its link, at the next chunk.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustix::net::{AddressFamily, SocketType};
use serde_json::{Value, json};

use crate::folder::Tree;
use crate::site::{Site, noise};

/// More than fits on the way: buffers of both sockets, of the server, and the chunks that are read ahead.
const SIZE: usize = 24 << 20;

/// Uploads a file by an owner; finish's answer.
fn upload(site: &Site, owner: &str, bytes: &[u8]) -> Value {
    let fields = json!({"name": "a", "size": bytes.len(), "chunking": "fixed/1048576"});
    let started = site.ask("POST", "/api/start").by(owner).json(&fields).send().expect(201);
    let id = started["session_id"].as_str().unwrap();
    for (index, block) in bytes.chunks(1 << 20).enumerate() {
        site.ask("PUT", &format!("/api/upload/{id}/{index}")).by(owner).body(block).send().expect(204);
    }
    site.ask("POST", &format!("/api/finish/{id}")).by(owner).send().expect(201)
}

/// A download of which the first bytes have come, and no more than fits on the way.
fn begin(site: &Site, raw: &str, range: &str) -> (TcpStream, Vec<u8>) {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    set_socket_recv_buffer_size(&socket, 65_536).unwrap();
    rustix::net::connect(&socket, &site.address).unwrap();
    let mut socket = TcpStream::from(socket);
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(socket, "GET {raw} HTTP/1.1\r\nHost: localhost\r\n{range}Connection: close\r\n\r\n").unwrap();
    let mut first = vec![0; 100_000];
    socket.read_exact(&mut first).unwrap();
    (socket, first)
}

/// The body of which the answer began with `first`.
fn rest(mut socket: TcpStream, first: Vec<u8>) -> Vec<u8> {
    let mut bytes = first;
    // A line that breaks is an end like any other here: what came is what counts.
    let _ = socket.read_to_end(&mut bytes);
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    assert!(bytes.starts_with(b"HTTP/1.1 20"), "{}", String::from_utf8_lossy(&bytes[..head]));
    bytes.split_off(head)
}

/// Downloads begin, `end` ends them, and none of them gets through.
fn all_end(site: &Site, raw: &str, file: &[u8], end: impl FnOnce()) {
    let ranges = [("", 0), ("Range: bytes=1500000-\r\n", 1_500_000)];
    let begun: Vec<_> = ranges.iter().map(|(range, from)| (begin(site, raw, range), *from)).collect();
    end();
    for ((socket, first), from) in begun {
        let came = rest(socket, first);
        assert!(came.len() < file.len() - from, "all of {} bytes came", came.len());
        assert!(came == file[from..from + came.len()], "what came is right");
    }
}

#[test]
fn a_download_ends_when_its_link_is_revoked() {
    let site = Site::start();
    let (owner, file) = (site.owner(), noise(1, SIZE));
    let finished = upload(&site, &owner, &file);
    let share = format!("/api/share/{}", finished["file"].as_str().unwrap());
    let other = site.ask("POST", &share).by(&owner).send().expect(201);
    let raw = |link: &Value| format!("{}/raw", link["url"].as_str().unwrap());
    let (socket, first) = begin(&site, &raw(&finished), "");
    all_end(&site, &raw(&other), &file, || {
        let link = format!("/api/share/{}", other["link"].as_str().unwrap());
        site.ask("DELETE", &link).by(&owner).send().expect(204);
    });
    // Through another link the file comes as before.
    assert!(rest(socket, first) == file);
}

#[test]
fn a_download_ends_when_its_file_is_deleted() {
    let site = Site::start();
    let (owner, file) = (site.owner(), noise(2, SIZE));
    let finished = upload(&site, &owner, &file);
    all_end(&site, &format!("{}/raw", finished["url"].as_str().unwrap()), &file, || {
        let path = format!("/api/file/{}", finished["file"].as_str().unwrap());
        site.ask("DELETE", &path).by(&owner).send().expect(204);
    });
}

#[test]
fn a_download_ends_when_its_folder_is_deleted() {
    let site = Site::start();
    let tree = Tree::new(&site, &json!({"name": "f"}));
    let file = noise(3, SIZE);
    tree.put("a", &file);
    all_end(&site, &format!("{}/raw/a", tree.url), &file, || {
        tree.ask("DELETE", &format!("/api/folder/{}", tree.id)).send().expect(204);
    });
}
