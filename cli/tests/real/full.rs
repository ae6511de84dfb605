//! A full disk takes what it has already, and `put` says why the rest waits.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::disks::Small;
use crate::server::{Server, done, file, put};

#[test]
fn a_full_disk_takes_what_it_has_and_put_says_why_the_rest_waits() {
    let Some(disk) = Small::mount(64 * 1_024) else {
        eprintln!("SKIPPED: a full disk needs the right to mount a tmpfs, which this machine does not give");
        return;
    };
    let server = Server::start(&disk.path().join("data"));
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let (known, _) = file(folder.path(), "known", 1, 24_000_000);
    done(&put(&server.url, &state, &known).output().unwrap());

    let (large, _) = file(folder.path(), "large", 2, 40_000_000);
    let (same, hole) = (folder.path().join("same"), folder.path().join("hole"));
    fs::copy(&known, &same).unwrap();
    fs::File::create(&hole).unwrap().set_len(300 << 20).unwrap();
    let mut command = put(&server.url, &state, &large);
    command.arg(&same).arg(&hole).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut ends = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(&line.unwrap()).unwrap())
        .filter(|event| event["event"] == "ended");
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);

    // Neither has room of its own, and neither needs it.
    let mut first: Vec<_> = ends.by_ref().take(2).collect();
    first.sort_by_key(|event| event["path"].to_string());
    assert!(first.iter().all(|event| event["state"] == "done"), "{first:?}");
    let paths: Vec<_> = first.iter().map(|event| event["path"].as_str().unwrap()).collect();
    assert_eq!(paths, [hole.to_str().unwrap(), same.to_str().unwrap()]);
    assert_eq!(first[1]["sent"], 0);

    let why = said.next().unwrap();
    assert!(why.starts_with("waiting: the server's disk is full: needs "), "{why}");
    assert!(why.contains(" MB, ") && why.contains(" free; tried again"), "{why}");
    disk.grow(256 * 1_024);
    let last = ends.next().unwrap();
    assert_eq!((last["path"].as_str(), &last["state"]), (large.to_str(), &"done".into()), "{last}");
    assert_eq!(last["sent"], 40_000_000);
    assert!(child.wait().unwrap().success());
    let rest: Vec<_> = said.collect();
    assert_eq!(rest.last().unwrap(), "going on: the server's disk has room again", "{rest:?}");
}
