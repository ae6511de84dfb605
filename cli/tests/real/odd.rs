//! Everyday oddities with `put`: each entry arrives or is named with its reason, and none stops the others.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::held::Held;
use crate::server::{CAIRN, Server, events, file};

/// `cairn put` with these paths, in `folder`.
fn put(server: &str, folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(CAIRN);
    let state = folder.join("../state");
    command.args(["put", "--json", "--server", server, "--state"]).arg(state).args(args);
    command.current_dir(folder).stdin(Stdio::null());
    command
}

/// What was not sent, by its path, with the reason's word.
fn left_out(event: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let lefts = event["left_out"].as_array().unwrap().iter();
    lefts.map(|left| (text(&left["path"]), text(&left["why"]))).collect()
}

fn receipt(output: &Output) -> Value {
    let receipt = events(output).into_iter().find(|event| event["event"] == "receipt");
    receipt.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

/// What of the owner's is on the server, by the route that lists it.
fn listed(server: &Server, folder: &Path, path: &str) -> Vec<Value> {
    let keys = fs::read_dir(folder.join("state")).unwrap().map(|entry| entry.unwrap().path());
    let key = keys.into_iter().find(|path| path.to_str().unwrap().contains("owner-")).unwrap();
    let key = fs::read_to_string(key).unwrap();
    let request = ureq::get(format!("{}{path}", server.url));
    let mut answer = request.header("Authorization", format!("Bearer {}", key.trim())).call().unwrap();
    let listed: Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
    listed["items"].as_array().unwrap().clone()
}

fn pipe(path: &Path) {
    use rustix::fs::{CWD, FileType, mknodat};
    mknodat(CWD, path, FileType::Fifo, 0o600.into(), 0).unwrap();
}

#[test]
fn each_entry_of_a_folder_arrives_or_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let tree = folder.path().join("tree");
    let deep = vec!["d"; 70].join("/");
    fs::create_dir_all(tree.join(&deep)).unwrap();
    for name in ["plain", "notes.txt~", "a:b", "d/in", &format!("{deep}/lost")] {
        fs::write(tree.join(name), name).unwrap();
    }
    fs::write(tree.join("new\nline"), "x").unwrap();
    fs::write(tree.join(OsStr::from_bytes(b"latin\xe9")), "x").unwrap();
    symlink("plain", tree.join("link")).unwrap();
    symlink("/etc", tree.join("etc")).unwrap();
    pipe(&tree.join("pipe"));
    // One goes after it was found and before its turn, and one comes.
    for name in ["big 0", "big 1", "big 2", "gone"] {
        file(&tree, name, 1, 400_000);
    }
    let line = Held::after(&server, 0);
    let child =
        put(&line.url(), &tree, &["."]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    line.wait_held();
    fs::remove_file(tree.join("gone")).unwrap();
    fs::write(tree.join("late"), "late").unwrap();
    line.open();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = receipt(&output);
    let lost = format!("{deep}/lost");
    let expected = [
        (lost.as_str(), "too_deep"),
        ("new\nline", "name"),
        ("latin\u{fffd}", "not_text"),
        ("link", "link"),
        ("etc", "link"),
        ("pipe", "pipe"),
        ("gone", "vanished"),
        ("late", "missing"),
    ];
    let expected = expected.map(|(path, why)| (path.to_owned(), why.to_owned()));
    assert_eq!(left_out(&told), expected.into(), "{told}");
    assert_eq!((told["files"].as_u64(), told["more"].as_array().map(Vec::len)), (Some(7), Some(0)));
    assert!(told["url"].is_string());

    // Another run sends what is missing into the same folder, and only that.
    let again = receipt(&put(&line.url(), &tree, &["."]).output().unwrap());
    assert_eq!((again["files"].as_u64(), &again["url"]), (Some(8), &told["url"]), "{again}");
    assert!(!left_out(&again).contains_key("late") && !left_out(&again).contains_key("gone"));
}

#[test]
fn where_nothing_is_sent_no_folder_and_no_link_stays() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let tree = folder.path().join("tree");
    fs::create_dir(&tree).unwrap();
    symlink("/etc/hostname", tree.join("link")).unwrap();
    let output = put(&server.url, &tree, &["."]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = receipt(&output);
    assert_eq!((left_out(&told).len(), told["url"].is_null()), (1, true), "{told}");
    assert!(listed(&server, folder.path(), "/api/folder").is_empty());
    // What links lead to is a choice.
    fs::write(folder.path().join("target"), "here").unwrap();
    fs::remove_file(tree.join("link")).unwrap();
    symlink("../target", tree.join("link")).unwrap();
    let output = put(&server.url, &tree, &["--follow-links", "."]).output().unwrap();
    assert!(output.status.success() && receipt(&output)["files"] == 1);
}

#[test]
fn what_was_given_twice_is_sent_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let root = folder.path().join("here");
    fs::create_dir_all(root.join("d")).unwrap();
    file(&root, "a", 1, 600_000);
    file(&root, "b", 2, 10);
    file(&root.join("d"), "big", 3, 600_000);
    symlink("a", root.join("latest")).unwrap();
    for (args, links) in
        [(&["a", "latest", "b"][..], 2), (&["a", "./a"], 1), (&["d", "d/big"], 2), (&["d", "d/"], 1)]
    {
        let output = put(&server.url, &root, args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        let urls = events(&output).into_iter().filter(|event| event["url"].is_string());
        assert_eq!(urls.count(), links, "{args:?}");
    }
}

#[test]
fn one_bad_argument_does_not_stop_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let root = folder.path().join("here");
    fs::create_dir(&root).unwrap();
    file(&root, "small", 1, 10);
    pipe(&root.join("pipe"));
    let output = put(&server.url, &root, &["pipe", "nowhere", "/dev/null", "small"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = events(&output);
    let words = |event: &Value| event["why"].as_str().map(str::to_owned);
    assert_eq!(told.iter().filter_map(words).collect::<Vec<_>>(), ["pipe", "device"]);
    assert!(told.iter().any(|event| event["event"] == "ended" && event["state"] == "done"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("can't read nowhere"));
}

#[test]
fn a_thousand_empty_folders_below_long_names_arrive() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let tree = folder.path().join("tree");
    let above = tree.join(["x".repeat(180), "y".repeat(180), "z".repeat(180)].join("/"));
    for number in 0..1_000 {
        fs::create_dir_all(above.join(number.to_string())).unwrap();
    }
    let output = put(&server.url, &tree, &["."]).output().unwrap();
    assert!(output.status.success());
    let told = receipt(&output);
    assert_eq!((told["folders"].as_u64(), told["folders_expected"].as_u64()), (Some(1_000), Some(1_000)));
}
