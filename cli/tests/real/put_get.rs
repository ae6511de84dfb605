//! `put` and `get`, whole and after breaks.

use std::fs;
use std::process::Command;

use crate::held::Held;
use crate::server::{CAIRN, Server, done, download, file, hex, put};

#[test]
fn a_file_comes_back_by_its_link_and_again_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let (path, bytes) = file(folder.path(), "über uns.bin", 1, 20_000_000);
    let state = folder.path().join("state");
    let first = done(&put(&server.url, &state, &path).output().unwrap());
    assert_eq!(first["finished"]["blob"], hex(&bytes));
    assert_eq!((first["sent"].as_u64(), first["reused"].as_u64()), (Some(20_000_000), Some(0)));
    let url = first["url"].as_str().unwrap();
    assert!(download(url) == bytes);
    let target = folder.path().join("target");
    fs::create_dir(&target).unwrap();
    let got = Command::new(CAIRN).args(["get", url]).current_dir(&target).output().unwrap();
    assert!(got.status.success(), "{}", String::from_utf8_lossy(&got.stderr));
    assert!(fs::read(target.join("über uns.bin")).unwrap() == bytes);
    let again = Command::new(CAIRN).args(["get", url]).current_dir(&target).output().unwrap();
    assert!(again.status.success() && String::from_utf8_lossy(&again.stderr).contains("here already"));
    fs::write(target.join("über uns.bin"), "mine").unwrap();
    let other = Command::new(CAIRN).args(["get", url]).current_dir(&target).output().unwrap();
    assert!(
        !other.status.success() && String::from_utf8_lossy(&other.stderr).contains("something else lies")
    );
    assert_eq!(fs::read(target.join("über uns.bin")).unwrap(), b"mine");
    let second = done(&put(&server.url, &state, &path).output().unwrap());
    assert_eq!((second["sent"].as_u64(), second["reused"].as_u64()), (Some(0), Some(20_000_000)));
    assert_eq!(second["finished"]["blob"], first["finished"]["blob"]);
    assert_ne!(second["url"], first["url"]);
}

#[test]
fn one_byte_in_front_costs_a_few_mebibytes() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let (path, mut bytes) = file(folder.path(), "a.bin", 2, 40_000_000);
    let state = folder.path().join("state");
    done(&put(&server.url, &state, &path).output().unwrap());
    bytes.insert(10, 7);
    fs::write(&path, &bytes).unwrap();
    let edited = done(&put(&server.url, &state, &path).output().unwrap());
    assert_eq!(edited["finished"]["blob"], hex(&bytes));
    assert!(edited["sent"].as_u64().unwrap() <= 8 << 20, "{edited}");
}

#[test]
fn a_killed_put_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let (path, bytes) = file(folder.path(), "a.bin", 3, 60_000_000);
    let state = folder.path().join("state");
    let line = Held::after(&server, 30_000_000);
    let mut child = put(&line.url(), &state, &path).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut stored = 0;
    let lines = std::io::BufReader::new(child.stdout.take().unwrap());
    for told in std::io::BufRead::lines(lines) {
        let event: serde_json::Value = serde_json::from_str(&told.unwrap()).unwrap();
        stored += event["length"].as_u64().unwrap();
        if stored > 20_000_000 {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    line.open();
    let resumed = done(&put(&line.url(), &state, &path).output().unwrap());
    assert_eq!(resumed["finished"]["blob"], hex(&bytes));
    let sent = resumed["sent"].as_u64().unwrap();
    assert!(sent <= 60_000_000 - stored, "sent {sent} after {stored} were stored");
}

#[test]
fn what_can_not_be_done_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let output = Command::new(CAIRN).args(args).args(["--state"]).arg(folder.path()).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(run(&["put", "/nonexistent/file"]).contains("can't read /nonexistent/file"));
    assert!(run(&["put", "Cargo.toml", "--server", "localhost"]).contains("must begin with http://"));
    assert!(run(&["put", "Cargo.toml", "--server", "http://127.0.0.1:9"]).contains("does not answer"));
    let output = Command::new(CAIRN).args(["get", "nonsense"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("is no link"));
}
