//! An upload that another owner began is finished here, by the link that the page gives.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use cairn_shared::HandOver;

use crate::held::{BODY_BYTES_MAX, Held};
use crate::server::{CAIRN, Server, done, file, hex, put};

/// What the journal in `state` has of the one file that is unfinished there.
fn kept(state: &std::path::Path) -> serde_json::Value {
    let entries = fs::read_dir(state.join("journal")).unwrap().map(|entry| entry.unwrap().path());
    let mut entries = entries.filter(|path| path.extension().is_some_and(|end| end == "json"));
    serde_json::from_slice(&fs::read(entries.next().unwrap()).unwrap()).unwrap()
}

#[test]
fn another_owner_goes_on_by_the_link() {
    const SIZE: u64 = 40_000_000;
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let (path, bytes) = file(folder.path(), "a & b.bin", 3, SIZE as usize);
    let here = folder.path().join("here");
    let line = Held::after(&server, SIZE / 2);
    let mut child = put(&line.url(), &here, &path).stdout(Stdio::piped()).spawn().unwrap();
    let mut stored = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let event: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        stored += event["length"].as_u64().unwrap();
        if stored > SIZE / 2 - BODY_BYTES_MAX {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    line.open();

    let entry = &kept(&here)["entry"];
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let handed = HandOver {
        session: text(&entry["session"]["id"]).parse().unwrap(),
        key: text(&entry["session"]["key"]).parse().unwrap(),
        rule: text(&entry["rule"]).parse().unwrap(),
        name: text(&entry["name"]).parse().unwrap(),
        size: SIZE,
        mtime: None,
        stored,
    };
    let link = format!("{}/#{}", line.url(), handed.fragment());
    let go_on = |link: &str, state: &str| {
        let mut command = Command::new(CAIRN);
        command.args(["put", "--json", "--go-on", link, "--state"]).arg(folder.path().join(state)).arg(&path);
        command.output().unwrap()
    };
    let finished = done(&go_on(&link, "there"));
    assert_eq!(finished["finished"]["blob"], hex(&bytes));
    let sent = finished["sent"].as_u64().unwrap();
    assert!(sent <= SIZE - stored, "sent {sent} after {stored} were stored");

    // Where it began it is done too, with the same file and link.
    let again = done(&put(&line.url(), &here, &path).output().unwrap());
    assert_eq!(
        (again["sent"].as_u64(), &again["finished"]["file"]),
        (Some(0), &finished["finished"]["file"])
    );
    let broken = go_on(&link[..link.len() / 2], "there");
    assert!(String::from_utf8_lossy(&broken.stderr).contains("copy all of it"), "{broken:?}");
}
