//! `get` against the real server.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::disks::Small;
use crate::server::{CAIRN, Server, done, file, put};

/// Stands before a server, and gives so many bytes of its answers on; the rest never comes.
struct Short {
    address: SocketAddr,
    given: Arc<AtomicU64>,
}

impl Short {
    fn after(server: &Server, bytes: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let upstream: SocketAddr = server.url.strip_prefix("http://").unwrap().parse().unwrap();
        let given = Arc::new(AtomicU64::new(0));
        let counted = given.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, counted) = (client.unwrap(), counted.clone());
                let Ok(server) = TcpStream::connect(upstream) else { continue };
                let (mut asks, mut asked) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || {
                    drop(std::io::copy(&mut asks, &mut asked));
                    drop(asked.shutdown(Shutdown::Both));
                });
                std::thread::spawn(move || give(server, client, &counted, bytes));
            }
        });
        Self { address, given }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn given(&self) -> u64 {
        self.given.load(Ordering::SeqCst)
    }
}

fn give(mut server: TcpStream, mut client: TcpStream, given: &AtomicU64, most: u64) {
    let mut buffer = [0; 16_384];
    while let Ok(read @ 1..) = server.read(&mut buffer) {
        if given.load(Ordering::SeqCst) >= most {
            // Until the client goes.
            while matches!(client.read(&mut buffer), Ok(1..)) {}
            return;
        }
        given.fetch_add(read as u64, Ordering::SeqCst);
        if client.write_all(&buffer[..read]).is_err() {
            return;
        }
    }
}

fn get(link: &str, target: &Path) -> Output {
    Command::new(CAIRN).args(["get", link, "-o"]).arg(target).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What lies at a path: of a file its bytes and date, of a folder neither.
type Entry = (String, Option<(Vec<u8>, std::time::SystemTime)>);

/// Everything below a folder.
fn tree(root: &Path) -> Vec<Entry> {
    let (mut found, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let below = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                found.push((below, None));
                folders.push(path);
            } else {
                let modified = fs::metadata(&path).unwrap().modified().unwrap();
                found.push((below, Some((fs::read(&path).unwrap(), modified))));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_folder_comes_back_with_its_names_and_dates() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let source = folder.path().join("Reise");
    let long = "ü".repeat(127);
    for (path, bytes) in [
        ("100%.txt", &b"percent"[..]),
        ("a/b#c/d?e;f.txt", b"marks"),
        ("a/back\\slash", b"slash"),
        ("a/\u{6cc}\u{200c}\u{6cc}.txt", b"joined"),
        ("empty.bin", b""),
        (long.as_str(), b"long"),
    ] {
        let path = source.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        let dated = std::time::UNIX_EPOCH + std::time::Duration::from_millis(1_234_567_890_123);
        fs::File::options().write(true).open(&path).unwrap().set_modified(dated).unwrap();
    }
    fs::create_dir_all(source.join("hollow/deep")).unwrap();
    let state = folder.path().join("state");
    let sent = put(&server.url, &state, &source).output().unwrap();
    assert!(sent.status.success(), "{}", said(&sent));
    let events = crate::server::events(&sent);
    let url = events.iter().find_map(|event| event["url"].as_str().filter(|_| event["event"] == "receipt"));
    let url = url.unwrap();
    let target = folder.path().join("back");
    // The first run is of several at once: each file is fetched by one of them.
    let start = || -> Child {
        let mut command = Command::new(CAIRN);
        command
            .args(["get", url, "-o"])
            .arg(&target)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    };
    let both = [start(), start()].map(|child| child.wait_with_output().unwrap());
    for got in &both {
        assert!(got.status.success(), "{}", said(got));
    }
    assert!(tree(&target) == tree(&source), "{:?}", tree(&target));
    let again = get(url, &target);
    assert!(
        again.status.success() && said(&again).contains("0 files arrived, 6 were here already"),
        "{}",
        said(&again)
    );
    // A file of it, by the address on the share page.
    let one = folder.path().join("one");
    assert!(get(&format!("{url}/raw?path=a/b%23c/d%3Fe%3Bf.txt"), &one).status.success());
    assert_eq!(fs::read(&one).unwrap(), b"marks");
}

#[test]
fn a_killed_get_goes_on_with_what_came() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let (path, bytes) = file(folder.path(), "a.bin", 5, 20_000_000);
    let ended = done(&put(&server.url, &folder.path().join("state"), &path).output().unwrap());
    let token = ended["url"].as_str().unwrap().rsplit('/').next().unwrap();
    let short = Short::after(&server, 8_000_000);
    let target = folder.path().join("target");
    fs::create_dir(&target).unwrap();
    let start = |line: &Short| {
        let mut command = Command::new(CAIRN);
        command.args(["get", &format!("{}/d/{token}", line.url())]).current_dir(&target);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut child = start(&short);
    let came = || {
        let entries = fs::read_dir(&target).unwrap();
        entries.map(|entry| entry.unwrap().metadata().map_or(0, |here| here.len())).sum::<u64>()
    };
    while came() < 4_000_000 {
        assert!(child.try_wait().unwrap().is_none(), "it ends before");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let before = came();
    let whole = Short::after(&server, u64::MAX);
    let got = start(&whole).wait_with_output().unwrap();
    assert!(got.status.success(), "{}", said(&got));
    assert!(fs::read(target.join("a.bin")).unwrap() == bytes);
    assert!(whole.given() < 20_000_000 - before + 100_000, "{} came again", whole.given());
}

#[test]
fn a_full_disk_and_one_that_is_only_read_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Small::mount(2 << 10) else { return };
    let server = Server::start(&folder.path().join("data"));
    let (path, bytes) = file(folder.path(), "a.bin", 6, 3_000_000);
    let ended = done(&put(&server.url, &folder.path().join("state"), &path).output().unwrap());
    let url = ended["url"].as_str().unwrap();
    let target = disk.path().join("a.bin");
    let got = get(url, &target);
    assert!(!got.status.success() && said(&got).contains("the disk is full: make room"), "{}", said(&got));
    let nowhere = get(url, &folder.path().join("no/such/folder"));
    assert!(said(&nowhere).contains("make it first"), "{}", said(&nowhere));
    disk.grow(16 << 10);
    let got = get(url, &target);
    assert!(got.status.success(), "{}", said(&got));
    assert!(fs::read(&target).unwrap() == bytes);
}
