//! The server dies and comes back in the middle of an upload: clients go on by themselves.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};

use crate::held::Held;
use crate::server::{CAIRN, Server, download, file, hex, put};

#[test]
fn put_goes_on_by_itself_after_the_server_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(&folder.path().join("data"));
    let (path, bytes) = file(folder.path(), "a.bin", 4, 60_000_000);
    let line = Held::after(&server, 30_000_000);
    let mut child =
        put(&line.url(), &folder.path().join("state"), &path).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..10 {
        lines.next().unwrap().unwrap();
    }
    server.kill();
    server.restart();
    line.open();
    let last = lines.map(Result::unwrap).last().unwrap();
    assert!(child.wait().unwrap().success());
    let ended: serde_json::Value = serde_json::from_str(&last).unwrap();
    assert_eq!(ended["finished"]["blob"], hex(&bytes));
    assert!(download(ended["url"].as_str().unwrap()) == bytes);
}

#[test]
fn sigterm_stops_gently_and_a_second_server_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = Server::start(&data);
    let second =
        Command::new(CAIRN).args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&data).output().unwrap();
    assert!(!second.status.success());
    assert!(
        String::from_utf8_lossy(&second.stderr).contains("another server"),
        "{}",
        String::from_utf8_lossy(&second.stderr)
    );
    assert!(server.terminate().success());
    server.restart();
    assert_eq!(ureq::get(format!("{}/healthz", server.url)).call().unwrap().status().as_u16(), 200);
}

/// While a store that closed is about to be opened again, every answer is 503; who says stop is heard nevertheless.
#[test]
fn sigterm_stops_a_server_that_is_between_two_runs() {
    let folder = tempfile::tempdir().unwrap();
    let fault = ("CAIRN_FAULT".to_owned(), "log.sync:before:10:5".to_owned());
    let mut server = Server::with(&folder.path().join("data"), 0, &[fault]);
    let (path, _) = file(folder.path(), "a.bin", 5, 1_000);
    let mut child =
        put(&server.url, &folder.path().join("state"), &path).stdout(Stdio::null()).spawn().unwrap();
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    let is_between = (0..500).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        agent.get(format!("{}/healthz", server.url)).call().is_ok_and(|answer| answer.status() == 503)
    });
    let stopped = server.terminate();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(is_between, "the store was closed and the server with it");
    assert!(stopped.success());
}

/// A start takes minutes where the index is built anew. Here it waits for a note in the data folder that never comes.
#[test]
fn sigterm_stops_a_server_that_has_not_begun_to_listen() {
    let folder = tempfile::tempdir().unwrap();
    let note = folder.path().join("index.open");
    rustix::fs::mknodat(rustix::fs::CWD, &note, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let mut child = Command::new(CAIRN)
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // It opens for writing once somebody reads.
    let open = || rustix::fs::open(&note, OFlags::WRONLY | OFlags::NONBLOCK, Mode::empty()).ok();
    let written = wait_for(open);
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let ended = wait_for(|| child.try_wait().unwrap());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(written.is_some(), "it is starting");
    assert!(ended.unwrap().success());
}

/// Sockets are counted by the open files that the process may have, so it takes as many as it gets.
#[test]
fn the_limit_of_open_files_is_raised() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -S -n 256 && exec \"$0\" serve --listen 127.0.0.1:0 --data \"$1\"", CAIRN])
        .arg(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id()));
    child.kill().unwrap();
    child.wait().unwrap();
    let limits = limits.unwrap();
    let files: Vec<_> =
        limits.lines().find(|line| line.starts_with("Max open files")).unwrap().split_whitespace().collect();
    assert_eq!(files[3], files[4], "soft and hard");
}

/// What is there within ten seconds.
fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    (0..500).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        look()
    })
}
