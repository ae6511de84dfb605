//! What one guest can make the real server spend (docs/THREATS.md), and what somebody else gets meanwhile.
//!
//! `CAIRN_ROUNDS` says how large the attacks are, in percent of those that were once seen (4). From 100 on the other one's share is
//! checked too: on a small scale it says more of the machine than of the server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::{CAIRN, Server, file, hex};

const PERCENT: u64 = 4;
/// Who attacks takes no more memory than this, in KiB.
const MEMORY_KIB: u64 = 300 * 1_024;
/// Bytes on the disk for each that was sent.
const DISK_FOR_ONE: u64 = 20;

fn percent() -> u64 {
    std::env::var("CAIRN_ROUNDS").map_or(PERCENT, |percent| percent.parse().unwrap())
}

fn scaled(whole: u64) -> u64 {
    (whole * percent() / 100).max(1)
}

/// A server that lets guests in, and somebody else who downloads.
struct Site {
    server: Server,
    data: tempfile::TempDir,
    link: String,
    sent: AtomicU64,
}

impl Site {
    fn start(settings: &[(&str, &str)]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut all = vec![("CAIRN_GUESTS".to_owned(), "true".to_owned())];
        all.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let server = Server::with(data.path(), 0, &all);
        let folder = tempfile::tempdir().unwrap();
        let (_, bytes) = file(folder.path(), "large", 7, 8 << 20);
        let site = Self { server, data, link: String::new(), sent: AtomicU64::new(0) };
        let link = site.share(&bytes);
        Self { link, ..site }
    }

    /// A file of this machine's, with one link.
    fn share(&self, bytes: &[u8]) -> String {
        let post = |path: &str, body: Value| -> Value {
            let post =
                ureq::post(format!("{}{path}", self.server.url)).header("Content-Type", "application/json");
            serde_json::from_slice(&post.send(body.to_string()).unwrap().body_mut().read_to_vec().unwrap())
                .unwrap()
        };
        let started = post("/api/start", json!({"name": "large", "size": bytes.len()}));
        let id = started["session_id"].as_str().unwrap();
        let length = started["chunk_size"].as_u64().unwrap_or(1 << 20) as usize;
        for (chunk, at) in bytes.chunks(length).zip(0..) {
            ureq::put(format!("{}/api/upload/{id}/{at}", self.server.url)).send(chunk).unwrap();
        }
        let finished = post(&format!("/api/finish/{id}"), json!({}));
        format!("{}{}/raw", self.server.url, finished["url"].as_str().unwrap())
    }

    /// A request from elsewhere: its status, and what came.
    fn ask(&self, agent: &ureq::Agent, method: &str, path: &str, by: &str, body: &Value) -> (u16, Value) {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.server.url))
            .header("X-Forwarded-For", "192.0.2.7")
            .header("Content-Type", "application/json");
        if !by.is_empty() {
            request = request.header("Authorization", format!("Bearer {by}"));
        }
        self.sent.fetch_add(text.len() as u64 + 200, Ordering::Relaxed);
        let answer = match method {
            "GET" => agent.run(request.body(()).unwrap()),
            _ => agent.run(request.body(text).unwrap()),
        };
        let mut answer = answer.unwrap();
        let status = answer.status().as_u16();
        let bytes = answer.body_mut().with_config().limit(64 << 20).read_to_vec().unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    fn owner(&self, agent: &ureq::Agent) -> String {
        let (status, made) = self.ask(agent, "POST", "/api/owner", "", &Value::Null);
        assert_eq!(status, 201, "{made}");
        made["owner_key"].as_str().unwrap().to_owned()
    }

    /// Downloads in `time`.
    fn downloads(&self, time: Duration) -> u64 {
        let agent = agent();
        let began = now();
        let mut count = 0;
        while now() - began < time {
            let mut answer = agent.get(&self.link).call().unwrap();
            let bytes = answer.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap();
            assert_eq!(bytes.len(), 8 << 20);
            count += 1;
        }
        count
    }

    /// Memory now and at most, in KiB.
    fn memory(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.server.pid())).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().next().unwrap().parse().unwrap()
        };
        (field("VmRSS:"), field("VmHWM:"))
    }

    fn disk(&self) -> u64 {
        bytes_below(self.data.path())
    }

    /// Attacks with `threads` until the time is over, while somebody else downloads; says what it cost.
    fn measure(
        &self,
        name: &str,
        threads: usize,
        attack: impl Fn(&ureq::Agent, &AtomicBool) + Sync,
    ) -> String {
        let time = Duration::from_millis(100 * percent().min(50));
        let alone = self.downloads(time);
        let (disk, sent) = (self.disk(), self.sent.load(Ordering::Relaxed));
        let is_over = AtomicBool::new(false);
        let beside = std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| attack(&agent(), &is_over));
            }
            std::thread::sleep(time / 4);
            let beside = self.downloads(time);
            is_over.store(true, Ordering::SeqCst);
            beside
        });
        let (sent, disk) = (self.sent.load(Ordering::Relaxed) - sent, self.disk().saturating_sub(disk));
        let (memory, most) = self.memory();
        let line = format!(
            "{name:<24} sent {:>8} KiB, disk {:>8} KiB, memory {:>4} MiB (at most {:>4}), others {beside} of {alone}",
            sent >> 10,
            disk >> 10,
            memory >> 10,
            most >> 10
        );
        assert!(most < MEMORY_KIB, "{name}: {most} KiB of memory");
        // The log is written in segments, the index in pieces: a little takes as much as they are.
        assert!(disk < (sent * DISK_FOR_ONE).max(32 << 20), "{name}: {disk} bytes of disk for {sent}");
        if percent() >= 100 {
            assert!(beside * 2 >= alone, "{name}: others had {beside} of {alone}");
        }
        line
    }
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    config.timeout_global(Some(Duration::from_secs(120))).build().new_agent()
}

#[expect(clippy::disallowed_methods, reason = "a share of throughput is measured in time")]
fn now() -> Instant {
    Instant::now()
}

fn bytes_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let bytes = entries.map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => bytes_below(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    });
    bytes.sum()
}

#[test]
fn guests_owners_and_starts_have_a_rate() {
    let site = Site::start(&[]);
    let line = site.measure("owner keys", 8, |agent, is_over| {
        while !is_over.load(Ordering::SeqCst) {
            let (status, _) = site.ask(agent, "POST", "/api/owner", "", &Value::Null);
            assert!(matches!(status, 201 | 429), "{status}");
        }
    });
    println!("{line}");
    // Its address has asked too often by now.
    std::thread::sleep(Duration::from_secs(2));
    let owner = site.owner(&agent());
    let items: Vec<Value> = (0..1_000).map(|n| json!({"name": format!("{n}")})).collect();
    let line = site.measure("starts", 4, |agent, is_over| {
        while !is_over.load(Ordering::SeqCst) {
            let (status, _) = site.ask(agent, "POST", "/api/batch/start", &owner, &json!({"items": items}));
            assert!(matches!(status, 200 | 429), "{status}");
        }
    });
    println!("{line}");
}

#[test]
fn guests_paths_that_are_long_and_fresh_take_little() {
    let site = Site::start(&[]);
    let owner = site.owner(&agent());
    let (_, made) = site.ask(&agent(), "POST", "/api/folder", &owner, &json!({"name": "f"}));
    let folder = made["folder"].as_str().unwrap();
    let next = AtomicU64::new(0);
    let line = site.measure("long paths", 4, |agent, _| {
        loop {
            let number = next.fetch_add(1, Ordering::SeqCst);
            if number >= scaled(1_000) {
                return;
            }
            let folders =
                (0..60).map(|level| format!("{number:020}-{level:0>42}")).collect::<Vec<_>>().join("/");
            let start = json!({"name": "a", "path": format!("{folders}/a"), "folder": folder, "size": 0});
            let (status, started) = site.ask(agent, "POST", "/api/start", &owner, &start);
            assert!(matches!(status, 201 | 403), "{started}");
            let Some(id) = started["session_id"].as_str() else { continue };
            let (status, finished) =
                site.ask(agent, "POST", &format!("/api/finish/{id}"), &owner, &json!({}));
            assert!(matches!(status, 201 | 403), "{finished}");
        }
    });
    println!("{line}");
}

#[test]
fn guests_looks_at_long_sessions_take_turns() {
    let site = Site::start(&[("CAIRN_GUEST_ROWS_AHEAD", "0")]);
    let owner = site.owner(&agent());
    let begin = json!({"name": "a", "chunking": "fastcdc-2020/1"});
    let (_, started) = site.ask(&agent(), "POST", "/api/start", &owner, &begin);
    let id = started["session_id"].as_str().unwrap();
    let mut at = 0;
    while at < scaled(600_000) {
        let row = |n: u64| json!({"digest": hex(&n.to_be_bytes()), "length": 8});
        let body = json!({"revision": 0, "at": at, "chunks": (at..at + 4_096).map(row).collect::<Vec<_>>()});
        let (status, answer) = site.ask(&agent(), "POST", &format!("/api/check/{id}"), &owner, &body);
        assert_eq!(status, 200, "{answer}");
        at += 4_096;
    }
    let line = site.measure("looks", 64, |agent, is_over| {
        while !is_over.load(Ordering::SeqCst) {
            let (status, _) = site.ask(agent, "GET", &format!("/api/status/{id}"), &owner, &Value::Null);
            assert!(matches!(status, 200 | 429), "{status}");
        }
    });
    println!("{line}");
    let line = site.measure("finishes", 8, |agent, is_over| {
        while !is_over.load(Ordering::SeqCst) {
            let (status, _) =
                site.ask(agent, "POST", &format!("/api/finish/{id}"), &owner, &json!({"size": 1}));
            assert!(matches!(status, 409 | 429), "{status}");
        }
    });
    println!("{line}");
}

#[test]
fn guests_downloads_that_nobody_reads_share_one_memory() {
    let site = Site::start(&[]);
    let (_, path) = site.link.split_once("://").unwrap().1.split_once('/').unwrap();
    let address = site.server.url.strip_prefix("http://").unwrap();
    let mut stalled = Vec::new();
    for _ in 0..scaled(1_000) {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.write_all(format!("GET /{path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).unwrap();
        let mut head = [0; 64];
        socket.read_exact(&mut head).unwrap();
        stalled.push(socket);
    }
    let line = site.measure("stalled downloads", 1, |_, _| {});
    println!("{line}");
    drop(stalled);
}

#[test]
fn guests_heads_that_never_end_leave_room_for_others() {
    let site = Site::start(&[("CAIRN_HEAD_TIME", "2s")]);
    let address = site.server.url.strip_prefix("http://").unwrap();
    let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut open = Vec::new();
    for _ in 0..scaled(1_000) {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        socket.write_all(request).unwrap();
        let mut answer = [0; 1_024];
        assert!(socket.read(&mut answer).unwrap() > 0);
        socket.write_all(&request[..20]).unwrap();
        open.push(socket);
    }
    let line = site.measure("heads", 1, |_, _| {});
    println!("{line}");
    for mut socket in open {
        assert!(!matches!(socket.read(&mut [0; 1_024]), Ok(1..)), "an answer to half a head");
    }
}

/// A server of its own, with so many open files and its words in a file.
struct Plain {
    child: std::process::Child,
    address: String,
    folder: tempfile::TempDir,
}

impl Plain {
    fn start(open_files: u32, log: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let told = std::fs::File::create(folder.path().join("log.txt")).unwrap();
        let serve = format!("ulimit -n {open_files}; exec \"$0\" serve --listen 127.0.0.1:0 --data data");
        let mut command = Command::new("sh");
        command.args(["-c", &serve, CAIRN]).env_remove("CAIRN_LOG").current_dir(folder.path());
        if !log.is_empty() {
            command.env("CAIRN_LOG", log);
        }
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(told);
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit("http://").next().unwrap().to_owned();
        Self { child, address, folder }
    }

    fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(&self.address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        socket
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log.txt")).unwrap()
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn guests_nonsense_fills_no_log() {
    for (setting, lines) in [("", 0..1), ("debug", 1..200)] {
        let server = Plain::start(1_024, setting);
        for _ in 0..scaled(5_000) {
            let mut socket = server.connect();
            socket.write_all(b"\x16\x03\x01 nonsense\r\n\r\n").unwrap();
            // 400, and the end.
            let _ = socket.read_to_end(&mut Vec::new());
        }
        let text = server.log();
        let told = text.lines().filter(|line| line.contains("actix_http")).count();
        let head: String = text.chars().take(2_000).collect();
        assert!(lines.contains(&told), "{told} lines with CAIRN_LOG={setting}: {head}");
    }
}

#[test]
fn guests_crowds_that_rest_make_room() {
    // A third of these are for connections.
    let server = Plain::start(192, "");
    let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut crowd = Vec::new();
    for _ in 0..200 {
        let mut socket = server.connect();
        socket.write_all(request).unwrap();
        assert!(socket.read(&mut [0; 1_024]).unwrap() > 0, "nobody gets in any more");
        // One rests, the next begins a head that never ends.
        if crowd.len() % 2 == 0 {
            socket.write_all(&request[..20]).unwrap();
        }
        crowd.push(socket);
    }
    // Those that came last are still there.
    let last = crowd.last_mut().unwrap();
    last.write_all(request).unwrap();
    assert!(last.read(&mut [0; 1_024]).unwrap() > 0);
}
