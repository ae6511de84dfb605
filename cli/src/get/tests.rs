//! `get` against a server, and what stands in front of it, that do what they are told.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use cairn_shared::ManifestDigest;
use cairn_shared::message::LinkRight;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::*;

const TOKEN: &str = "AAAAAAAAAAAAAAAAAAAAAA";
const TAG: [u8; 32] = [7; 32];

/// What is asked: the address behind the link, and the first byte of the range, where there is one.
struct Asked<'a> {
    path: &'a str,
    range: Option<usize>,
}

/// Answers each request by `answer`, with all of it at once, and closes; the link.
fn server(answer: impl Fn(&Asked<'_>) -> Vec<u8> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let link = format!("http://{}/d/{TOKEN}", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let answer = answer.clone();
            std::thread::spawn(move || serve(socket.unwrap(), answer.as_ref()));
        }
    });
    link
}

fn serve(mut socket: TcpStream, answer: &dyn Fn(&Asked<'_>) -> Vec<u8>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if socket.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let full = head.split(' ').nth(1).unwrap();
    let path = full.split(&TOKEN.to_ascii_lowercase()).nth(1).unwrap_or(full);
    let range = head.split("range: bytes=").nth(1).and_then(|rest| rest.split('-').next()?.parse().ok());
    // Whoever asks may have gone.
    drop(socket.write_all(&answer(&Asked { path, range })));
}

fn http(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn item(name: &str, bytes: &[u8], is_known: bool) -> LinkItem {
    LinkItem {
        name: name.parse().unwrap(),
        kind: EntryKind::File,
        size: Some(bytes.len() as u64),
        mtime: Some(1_500_000_000_000),
        media_type: None,
        manifest_digest: Some(ManifestDigest::new(TAG)),
        blob: is_known.then(|| BlobDigest::new(Sha256::digest(bytes).into())),
    }
}

fn list(kind: EntryKind, items: Vec<LinkItem>) -> Vec<u8> {
    let name = items.first().map_or_else(|| "f".parse().unwrap(), |item| item.name.clone());
    let listed = LinkListResponse {
        kind,
        name,
        file: None,
        folder: None,
        rights: vec![LinkRight::Read],
        revision: 0,
        files: 1,
        bytes: 5,
        items,
        next: None,
    };
    http("200 OK", "Content-Type: application/json\r\n", &serde_json::to_vec(&listed).unwrap())
}

fn tag(before: &str, after: &str) -> String {
    format!("ETag: {before}\"{}{after}\"\r\n", HEXLOWER.encode(&TAG))
}

/// The part that was asked for.
fn part(bytes: &[u8], asked: &Asked<'_>) -> Vec<u8> {
    let Some(first) = asked.range else { return http("200 OK", &tag("", ""), bytes) };
    let range = format!("Content-Range: bytes {first}-{}/{}\r\n", bytes.len() - 1, bytes.len());
    http("206 Partial Content", &(range + &tag("", "")), &bytes[first..])
}

/// A file of which so much lies here from before.
struct Here {
    folder: tempfile::TempDir,
}

impl Here {
    fn new(have: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        if !have.is_empty() {
            fs::write(folder.path().join("a.070707070707.unfinished"), have).unwrap();
        }
        Self { folder }
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join("a")
    }

    fn get(&self, link: &str) -> Result<Vec<u8>, String> {
        let line = Line::patient(Address::parse(link).unwrap(), Duration::from_millis(500), 3);
        get(&line, Some(self.target())).map_err(|error| format!("{error:#}"))?;
        assert_eq!(fs::read_dir(self.folder.path()).unwrap().count(), 1, "nothing else is left");
        Ok(fs::read(self.target()).unwrap())
    }
}

/// A server that has one file, lists it, and gives its bytes by `give`.
fn file(bytes: &'static [u8], give: impl Fn(&Asked<'_>) -> Vec<u8> + Send + Sync + 'static) -> String {
    server(move |asked| match asked.path {
        "/list" => list(EntryKind::File, vec![item("a", bytes, true)]),
        "/raw/a" => give(asked),
        _ => http("404 Not Found", "", b""),
    })
}

#[test]
fn what_came_before_is_used_and_the_file_is_dated() {
    let here = Here::new(b"hel");
    assert_eq!(here.get(&file(b"hello", |asked| part(b"hello", asked))).unwrap(), b"hello");
    let modified = fs::metadata(here.target()).unwrap().modified().unwrap();
    assert_eq!(modified.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs(), 1_500_000_000);
    // Once more: it is here.
    assert_eq!(here.get(&file(b"hello", |_| http("500 x", "", b""))).unwrap(), b"hello");
}

#[test]
fn proxies_may_drop_ranges_and_change_tags() {
    for tag in [tag("W/", ""), tag("", "-gzip"), String::new()] {
        let whole = tag.clone();
        let dropped = file(b"hello", move |_| http("200 OK", &whole, b"hello"));
        assert_eq!(Here::new(b"hel").get(&dropped).unwrap(), b"hello", "{tag}");
    }
}

#[test]
fn what_broke_off_goes_on_even_where_each_answer_is_short() {
    let link = file(b"hello", |asked| {
        let first = asked.range.unwrap_or(0);
        let mut answer = part(b"hello", asked);
        answer.truncate(answer.len() - (5 - first) + 1);
        answer
    });
    assert_eq!(Here::new(b"").get(&link).unwrap(), b"hello");
}

#[test]
fn a_stalled_body_is_not_waited_for_for_ever() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = Address::parse(&format!("http://{}/d/{TOKEN}", listener.local_addr().unwrap())).unwrap();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let mut asked = [0; 4_096];
            let read = socket.read(&mut asked).unwrap_or(0);
            let is_list = String::from_utf8_lossy(&asked[..read]).contains("/list");
            let mut answer = if is_list {
                list(EntryKind::File, vec![item("a", b"hello", true)])
            } else {
                http("200 OK", "", b"hello")
            };
            answer.truncate(answer.len() - if is_list { 0 } else { 2 });
            drop(socket.write_all(&answer));
            // Kept open: whoever waits for more waits.
            open.push(socket);
        }
    });
    let here = Here::new(b"");
    let line = Line::patient(address, Duration::from_millis(200), 1);
    let why = get(&line, Some(here.target())).unwrap_err().to_string();
    assert!(why.contains("takes too long") && why.contains("What came is kept"), "{why}");
    let kept = fs::read(here.folder.path().join("a.070707070707.unfinished")).unwrap();
    assert_eq!(kept, b"hel");
}

#[test]
fn digests_decide_over_what_lay_here() {
    // Of another content, by a mistake of somebody's: it begins anew.
    assert_eq!(Here::new(b"xxx").get(&file(b"hello", |asked| part(b"hello", asked))).unwrap(), b"hello");
    assert_eq!(Here::new(b"too long").get(&file(b"hello", |asked| part(b"hello", asked))).unwrap(), b"hello");
    let here = Here::new(b"");
    let why = here.get(&file(b"hello", |_| http("200 OK", "", b"jello"))).unwrap_err();
    assert!(why.contains("not those of the file"), "{why}");
    assert_eq!(fs::read_dir(here.folder.path()).unwrap().count(), 0);
}

#[test]
fn a_digest_that_comes_late_is_compared() {
    let late = |sent: &'static [u8]| {
        let asked = AtomicU32::new(0);
        server(move |request| match request.path {
            "/list" => {
                let is_known = asked.fetch_add(1, Ordering::SeqCst) > 1;
                list(EntryKind::File, vec![item("a", b"hello", is_known)])
            }
            _ => http("200 OK", "", sent),
        })
    };
    assert_eq!(Here::new(b"").get(&late(b"hello")).unwrap(), b"hello");
    assert!(Here::new(b"").get(&late(b"jello")).unwrap_err().contains("not those of the file"));
}

#[test]
fn who_is_not_cairn_is_told_as_that() {
    let page = http("200 OK", "Content-Type: text/html\r\n", b"<!doctype html><title>Log in</title>");
    let away = http("302 Found", "Location: http://login.example/\r\n", b"");
    for answer in [page, away] {
        let all = answer.clone();
        let why = Here::new(b"").get(&server(move |_| all.clone())).unwrap_err();
        assert!(why.contains("a login page?"), "{why}");
        let here = Here::new(b"hel");
        let why = here.get(&file(b"hello", move |_| answer.clone())).unwrap_err();
        assert!(why.contains("a login page?"), "{why}");
        assert_eq!(fs::read_dir(here.folder.path()).unwrap().count(), 1, "what came is kept");
    }
    // The same host under another address is the same server.
    let led = file(b"hello", |_| {
        http("307 Temporary Redirect", &format!("Location: /x/d/{TOKEN}/elsewhere\r\n"), b"")
    });
    assert!(Here::new(b"").get(&led).unwrap_err().contains("nothing behind this link"));
}

#[test]
fn a_server_in_trouble_is_no_dead_link_and_is_asked_again() {
    let get = |status: &'static str| {
        Here::new(b"").get(&server(move |_| http(status, "Retry-After: 0\r\n", b""))).unwrap_err()
    };
    assert!(get("503 Service Unavailable").contains("can't give it now"));
    assert!(get("421 Misdirected Request").contains("refuses"));
    assert!(get("401 Unauthorized").contains("wants a login"));
    for status in ["404 Not Found", "410 Gone"] {
        assert!(get(status).contains("nothing behind this link"));
    }
    let asked = AtomicU32::new(0);
    let link = file(b"hello", move |request| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => http("503 Service Unavailable", "Retry-After: 0\r\n", b""),
        _ => part(b"hello", request),
    });
    assert_eq!(Here::new(b"").get(&link).unwrap(), b"hello");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let line = Line::patient(
        Address::parse(&format!("http://{nobody}/d/{TOKEN}")).unwrap(),
        Duration::from_millis(500),
        0,
    );
    let why = get_text(&line);
    assert!(why.contains("connection refused"), "{why}");
}

fn get_text(line: &Line) -> String {
    super::get(line, None).unwrap_err().to_string()
}

#[test]
fn a_changed_file_begins_anew() {
    let asked = AtomicU32::new(0);
    let link = server(move |request| match request.path {
        "/list" => list(EntryKind::File, vec![item("a", b"hello", true)]),
        _ if asked.fetch_add(1, Ordering::SeqCst) == 0 => http("412 Precondition Failed", "", b""),
        _ => part(b"hello", request),
    });
    assert_eq!(Here::new(b"hel").get(&link).unwrap(), b"hello");
}

#[test]
fn what_lies_there_is_never_replaced() {
    let here = Here::new(b"");
    fs::write(here.target(), "mine").unwrap();
    let why = here.get(&file(b"hello", |asked| part(b"hello", asked))).unwrap_err();
    assert!(why.contains("something else lies at"), "{why}");
    assert_eq!(fs::read(here.target()).unwrap(), b"mine");
}

#[test]
fn of_a_folder_each_entry_stands_for_itself() {
    let link = server(|asked| match asked.path {
        "/list" => {
            let folder = LinkItem::folder("sub".parse().unwrap());
            list(EntryKind::Folder, vec![folder, item("bad", b"bad", true), item("a", b"hello", true)])
        }
        "/list?in=sub" => list(EntryKind::Folder, vec![item("50%", b"hello", true)]),
        "/raw?path=sub/50%25" | "/raw/a" => part(b"hello", asked),
        _ => http("404 Not Found", "", b""),
    });
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let line = || Line::patient(Address::parse(&link).unwrap(), Duration::from_millis(500), 1);
    for _ in 0..2 {
        assert_eq!(get(&line(), Some(root.clone())).unwrap(), ExitCode::FAILURE);
        assert_eq!(fs::read(root.join("a")).unwrap(), b"hello");
        assert_eq!(fs::read(root.join("sub/50%")).unwrap(), b"hello");
        assert!(!root.join("bad").exists());
    }
    // A link in the target leads out of it: nothing goes through.
    let outside = folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let other = folder.path().join("other");
    fs::create_dir(&other).unwrap();
    std::os::unix::fs::symlink(&outside, other.join("sub")).unwrap();
    assert_eq!(get(&line(), Some(other.clone())).unwrap(), ExitCode::FAILURE);
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    assert_eq!(fs::read(other.join("a")).unwrap(), b"hello");
    // One file or one folder of it, by its address.
    let one = folder.path().join("one");
    let address = Address::parse(&format!("{link}/raw?path=sub/50%25")).unwrap();
    get(&Line::patient(address, Duration::from_millis(500), 1), Some(one.clone())).unwrap();
    assert_eq!(fs::read(&one).unwrap(), b"hello");
    let sub = folder.path().join("sub");
    let address = Address::parse(&format!("{link}?in=sub")).unwrap();
    let ended = get(&Line::patient(address, Duration::from_millis(500), 1), Some(sub.clone())).unwrap();
    assert_eq!((ended, fs::read(sub.join("50%")).unwrap()), (ExitCode::SUCCESS, b"hello".to_vec()));
}
