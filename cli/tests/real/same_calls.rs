//! Outside the scope a chunk that others have takes the way of a new one: the server's system calls are the same, one after the
//! other.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use crate::server::{Server, hex};

const LENGTH: usize = 262_144;
const PAIRS: u64 = 6;
/// After a request the server does nothing more for so long.
const QUIET: Duration = Duration::from_millis(150);

/// What touches files, names and disks.
const CALLS: &str = "trace=openat,creat,read,pread64,write,pwrite64,writev,fsync,fdatasync,sync_file_range,\
                     rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,ftruncate,fallocate,\
                     stat,fstat,newfstatat,statx,statfs,fstatfs,getdents64,copy_file_range,sendfile";

struct Owner<'a> {
    server: &'a Server,
    bearer: String,
}

impl<'a> Owner<'a> {
    fn new(server: &'a Server) -> Self {
        let made = ask(server, "/api/owner", "", &json!({}));
        Self { server, bearer: made["owner_key"].as_str().unwrap().to_owned() }
    }

    /// Declares and sends a file of one chunk, step by step; `each` is called behind every step.
    fn upload(&self, bytes: &[u8], mut each: impl FnMut(&str)) -> Vec<Value> {
        let fields = json!({"name": "a.bin", "size": bytes.len(), "chunking": "fixed/262144"});
        let started = ask(self.server, "/api/start", &self.bearer, &fields);
        each("start");
        let id = started["session_id"].as_str().unwrap().to_owned();
        let rows = json!({"revision": 0, "at": 0, "chunks": [{"digest": hex(bytes), "length": bytes.len()}]});
        let checked = ask(self.server, &format!("/api/check/{id}"), &self.bearer, &rows);
        each("check");
        ureq::put(format!("{}/api/upload/{id}/0", self.server.url))
            .header("Authorization", format!("Bearer {}", self.bearer))
            .send(bytes)
            .unwrap();
        each("upload");
        let finished = ask(self.server, &format!("/api/finish/{id}"), &self.bearer, &json!({}));
        each("finish");
        vec![checked, finished["blob"].clone()]
    }
}

fn ask(server: &Server, path: &str, bearer: &str, body: &Value) -> Value {
    let mut request = ureq::post(format!("{}{path}", server.url)).header("Content-Type", "application/json");
    if !bearer.is_empty() {
        request = request.header("Authorization", format!("Bearer {bearer}"));
    }
    let text = request.send(body.to_string()).unwrap().body_mut().read_to_string().unwrap();
    serde_json::from_str(&text).unwrap()
}

/// `strace` at the running server; it ends when it is dropped.
struct Trace {
    child: Child,
    path: PathBuf,
    seen: usize,
    data: String,
}

impl Trace {
    fn start(server: &Server, data: &Path, path: PathBuf) -> Self {
        let child = Command::new("strace")
            .args(["-f", "-qq", "-y", "-s", "0", "-e", CALLS, "-e", "signal=none", "-o"])
            .arg(&path)
            .args(["-p", &server.pid().to_string()])
            .spawn()
            .unwrap();
        sleep(Duration::from_millis(500));
        Self { child, path, seen: 0, data: data.display().to_string() }
    }

    /// The calls on the data folder since the last time, without what is another one in every upload. The index decides by
    /// itself when it writes.
    fn calls(&mut self) -> Vec<String> {
        sleep(QUIET);
        let text = fs::read_to_string(&self.path).unwrap();
        let fresh = text[self.seen..].to_owned();
        self.seen = text.len();
        let lines = whole_lines(&fresh);
        let lines = lines.iter().filter(|line| line.contains(&self.data) && !line.contains("/index/"));
        let mut calls: Vec<String> = lines.map(|line| plain(line, &self.data)).collect();
        // Every ten seconds it looks for the parts of the data folder, and for its ballast.
        let looks =
            ["statx ", "statx /log", "statx /sn#pshot", "statx /#hunks", "statfs ", "openat /#ll#st failed"];
        calls.retain(|call| !looks.contains(&call.as_str()));
        // In how many pieces a chunk is written is the network's affair.
        calls.dedup_by(|call, before| call == before && call.starts_with("pwrite64 /tmp/"));
        calls
    }
}

/// A call that another thread's came between stands in two lines; here it is one, where it began.
fn whole_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut begun: HashMap<&str, usize> = HashMap::new();
    for line in text.lines() {
        let thread = line.split(' ').next().unwrap_or_default();
        if let Some((_, rest)) = line.split_once(" resumed>")
            && let Some(at) = begun.remove(thread)
        {
            lines[at].push_str(rest);
            continue;
        }
        let whole = line.strip_suffix("<unfinished ...>");
        if whole.is_some() {
            begun.insert(thread, lines.len());
        }
        lines.push(whole.unwrap_or(line).to_owned());
    }
    lines
}

impl Drop for Trace {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The call and the names in it; runs of digits and digests count as one.
fn plain(line: &str, data: &str) -> String {
    let call = line.split_once(' ').map_or(line, |(_, call)| call).trim();
    let name = call.split('(').next().unwrap_or_default();
    let mut names = Vec::new();
    for part in call.split(data).skip(1) {
        let path: String = part.chars().take_while(|c| !matches!(c, '"' | '>' | '<' | ')' | ',')).collect();
        let mut short = String::new();
        for c in path.chars() {
            let c = if c.is_ascii_hexdigit() { '#' } else { c };
            if c != '#' || !short.ends_with('#') {
                short.push(c);
            }
        }
        names.push(short);
    }
    let failed = if call.contains(" = -1 ") { " failed" } else { "" };
    format!("{name} {}{failed}", names.join(" "))
}

#[test]
fn a_chunk_of_others_takes_the_way_of_a_new_one() {
    if !Command::new("strace").args(["-o", "/dev/null", "true"]).status().is_ok_and(|status| status.success())
    {
        eprintln!("SKIPPED: this needs strace, and the right to trace, which this machine lacks");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::with(&data, 0, &[("CAIRN_DEDUP".to_owned(), "owner".to_owned())]);
    let (first, second) = (Owner::new(&server), Owner::new(&server));
    let known = |pair: u64| crate::server::file(folder.path(), "known", pair, LENGTH).1;
    let unknown = |pair: u64| crate::server::file(folder.path(), "new", 1_000 + pair, LENGTH).1;
    for pair in 0..PAIRS {
        first.upload(&known(pair), |_| {});
    }
    let mut trace = Trace::start(&server, &data, folder.path().join("trace"));
    // The first upload of an owner may open what later ones find open.
    second.upload(&unknown(999), |_| {});
    trace.calls();
    for pair in 0..PAIRS {
        let mut watched = |bytes: &[u8]| {
            let mut calls = Vec::new();
            let answers = second.upload(bytes, |step| {
                calls.push(format!("-- {step}"));
                calls.extend(trace.calls());
            });
            (answers[0].clone(), answers[1] == hex(bytes), calls)
        };
        let (there, nowhere) = (watched(&known(pair)), watched(&unknown(pair)));
        assert!(there.2.len() > 8, "the trace shows nothing: {:#?}", there.2);
        assert_eq!(there, nowhere, "pair {pair}");
    }
}
