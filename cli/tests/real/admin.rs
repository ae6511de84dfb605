//! `cairn admin`: on a running server, on a stopped one, and on one that can only be read.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::disks::Small;
use crate::server::{CAIRN, Server, done, file, put};

/// How it ended, and what it said.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    /// The JSON lines.
    fn events(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The events of one name.
    fn all(&self, name: &str) -> Vec<Value> {
        self.events().into_iter().filter(|event| event["event"] == name).collect()
    }
}

fn cairn(data: &Path, args: &[&str]) -> Said {
    let mut command = Command::new(CAIRN);
    let output = command.args(args).arg("--data").arg(data).stdin(Stdio::null()).output().unwrap();
    Said {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn admin(data: &Path, args: &[&str]) -> Said {
    cairn(data, &[&["admin"], args].concat())
}

#[track_caller]
fn expect(said: &Said, code: i32, text: &str) {
    assert_eq!(said.code, Some(code), "{}{}", said.out, said.err);
    assert!(said.out.contains(text) || said.err.contains(text), "{text:?}: {}{}", said.out, said.err);
}

/// The files of all chunks.
fn chunks(data: &Path) -> Vec<PathBuf> {
    let folder = fs::read_dir(data.join("chunks/00000001")).unwrap();
    let mut chunks: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    chunks.sort();
    chunks
}

fn digest(chunk: &Path) -> String {
    chunk.file_name().unwrap().to_str().unwrap().split('.').next().unwrap().to_owned()
}

fn flip(chunk: &Path) {
    let mut stored = fs::read(chunk).unwrap();
    stored[1_000] ^= 1;
    fs::write(chunk, stored).unwrap();
}

#[test]
fn damage_and_loss_are_told_apart_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = Server::start(&data);
    let (path, _) = file(folder.path(), "a.bin", 5, 12_000_000);
    let ended = done(&put(&server.url, &folder.path().join("state"), &path).output().unwrap());
    let id = ended["finished"]["file"].as_str().unwrap();
    let chunks = chunks(&data);
    let (bad, lost) = (digest(&chunks[0]), digest(&chunks[1]));
    expect(&admin(&data, &["check"]), 0, ": all are there");
    expect(&admin(&data, &["scrub"]), 0, "12000000 bytes: everything is what it was");
    let aside = folder.path().join("aside");
    for is_running in [true, false] {
        if !is_running {
            assert!(server.terminate().success());
        }
        fs::rename(&chunks[1], &aside).unwrap();
        let checked = admin(&data, &["check", "--json"]);
        assert_eq!(checked.code, Some(1), "{}", checked.err);
        let away = checked.all("away");
        assert_eq!((away.len(), &away[0]["chunk"]), (1, &json!(lost)), "{}", checked.out);
        let named = checked.all("file");
        assert_eq!((&named[0]["file"], &named[0]["name"]), (&json!(id), &json!("a.bin")));
        assert_eq!(named[0]["chunks"], json!([lost]));
        expect(&admin(&data, &["scrub"]), 1, &format!("not there: chunk {lost}"));
        // It was not there, which is no damage: where it comes back nothing is wrong.
        fs::rename(&aside, &chunks[1]).unwrap();
        expect(&admin(&data, &["check"]), 0, ": all are there");
        expect(&admin(&data, &["scrub"]), 0, "everything is what it was");
        // A folder is told once, whatever it has. (One file of it says whose it is.)
        fs::rename(data.join("chunks/00000001"), &aside).unwrap();
        for look in ["check", "scrub"] {
            let looked = admin(&data, &[look, "--json"]);
            let folder = json!({"event": "folder", "folder": "chunks/00000001", "chunks": chunks.len() - 1});
            assert_eq!((looked.all("folder"), looked.all("away").len()), (vec![folder], 0), "{}", looked.out);
            expect(&admin(&data, &[look]), 1, "not there: chunks/00000001 with ");
        }
        fs::rename(&aside, data.join("chunks/00000001")).unwrap();
        expect(&admin(&data, &["check"]), 0, ": all are there");
    }
    server.restart();
    flip(&chunks[0]);
    expect(&admin(&data, &["check"]), 0, ": all are there");
    for _ in 0..2 {
        let scrubbed = admin(&data, &["scrub", "--json"]);
        assert_eq!(scrubbed.code, Some(1), "{}", scrubbed.err);
        assert_eq!(scrubbed.all("damaged"), [json!({"event": "damaged", "chunk": bad})]);
        assert_eq!(scrubbed.all("file")[0]["file"], id);
        assert_eq!(scrubbed.events().last(), Some(&json!({"event": "ended", "outcome": "damaged"})));
    }
    expect(&admin(&data, &["check"]), 1, "1 damaged, 0 not there");
    expect(&admin(folder.path(), &["check"]), 2, "is no data folder of a server");
}

#[test]
fn a_scrub_goes_on_where_it_was_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = Server::start(&data);
    let (path, _) = file(folder.path(), "a.bin", 6, 20_000_000);
    done(&put(&server.url, &folder.path().join("state"), &path).output().unwrap());
    for is_running in [true, false] {
        if !is_running {
            assert!(server.terminate().success());
        }
        let mut slow = Command::new(CAIRN)
            .args(["admin", "scrub", "--json", "--limit", "1MB", "--data"])
            .arg(&data)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(slow.stdout.take().unwrap()).lines();
        // It has begun to read, and at that pace is far from done.
        let is_reading = |line: std::io::Result<String>| {
            let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
            event["event"] == "progress" && event["chunks"].as_u64() >= Some(1)
        };
        assert!(lines.any(is_reading));
        if is_running {
            expect(&admin(&data, &["scrub"]), 2, "a scrub is under way");
        }
        let pid = rustix::process::Pid::from_child(&slow);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        assert_eq!(slow.wait().unwrap().code(), Some(2));
        // The server hears of it in a moment.
        let gone_on = (0..200).find_map(|_| {
            let said = admin(&data, &["scrub", "--json"]);
            if said.out.contains("a scrub is under way") {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            (!said.out.contains("a scrub is under way")).then_some(said)
        });
        let gone_on = gone_on.unwrap();
        assert_eq!(gone_on.code, Some(0), "{}{}", gone_on.out, gone_on.err);
        let first = &gone_on.events()[0];
        assert!(first["event"] == "resumed" && first["chunks"].as_u64() >= Some(1), "{}", gone_on.out);
        let last = gone_on.all("progress").pop().unwrap();
        assert_eq!((&last["bytes"], &last["permille"]), (&json!(20_000_000), &json!(1_000)));
        // What was through begins anew.
        assert_eq!(admin(&data, &["scrub", "--json"]).all("resumed"), [] as [Value; 0]);
    }
}

#[test]
fn owners_are_told_and_removed_with_all_that_is_theirs() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let put_by = |name: &str, seed: u64| {
        let (path, _) = file(folder.path(), name, seed, 300_000);
        done(&put(&server.url, &folder.path().join(format!("state-{name}")), &path).output().unwrap())
    };
    let (one, two) = (put_by("one", 1), put_by("two", 2));
    let is_there = |ended: &Value| {
        let asked = ureq::get(ended["url"].as_str().unwrap());
        asked.config().http_status_as_error(false).build().call().unwrap().status() == 200
    };
    let start = ureq::post(format!("{}/api/start", server.url)).header("Content-Type", "application/json");
    let started = start.send(r#"{"name": "c"}"#).unwrap();
    let started: Value = serde_json::from_reader(started.into_body().into_reader()).unwrap();
    let owners = || admin(&data, &["owners", "--json"]);
    let said = owners();
    let shares: Vec<_> = said.all("owner").iter().map(|owner| owner["files"].as_u64().unwrap()).collect();
    assert_eq!((shares, said.all("ownerless")[0]["sessions"].as_u64()), (vec![1, 1], Some(1)));
    expect(&admin(&data, &["owners"]), 0, "300000");

    expect(&admin(&data, &["rm", started["session_id"].as_str().unwrap()]), 2, "say --yes");
    expect(&admin(&data, &["rm", &"0".repeat(32)]), 2, "there is nothing with the id");
    let rm = |what: &str| admin(&data, &["rm", "--yes", what]);
    expect(&rm(started["session_id"].as_str().unwrap()), 0, "removed: session");
    expect(&rm("00112233445566778899aabbccddeeff"), 2, "there is nothing with the id");
    assert_eq!(owners().all("ownerless")[0]["sessions"], 0);

    // A link alone; its file stays.
    expect(&rm(one["url"].as_str().unwrap()), 0, "removed: link");
    assert!(!is_there(&one) && is_there(&two));
    assert_eq!(owners().all("owner").iter().map(|owner| owner["files"].as_u64().unwrap()).sum::<u64>(), 2);
    expect(&rm(one["finished"]["file"].as_str().unwrap()), 0, "removed: file");

    let said = owners();
    let owner = said.all("owner").into_iter().find(|owner| owner["files"] == 1).unwrap();
    expect(&rm(owner["owner"].as_str().unwrap()), 0, "with 1 files, 0 folders and 0 unfinished uploads");
    assert!(!is_there(&two));
    assert_eq!(owners().all("owner").len(), 1);

    let made = ureq::post(format!("{}/api/owner", server.url)).send_empty().unwrap();
    let made: Value = serde_json::from_reader(made.into_body().into_reader()).unwrap();
    let lists = || {
        let bearer = format!("Bearer {}", made["owner_key"].as_str().unwrap());
        let asked = ureq::get(format!("{}/api/files", server.url)).header("Authorization", bearer);
        asked.config().http_status_as_error(false).build().call().unwrap().status().as_u16()
    };
    assert_eq!(lists(), 200);
    expect(&rm(made["owner"].as_str().unwrap()), 0, "with 0 files, 0 folders and 0 unfinished uploads");
    assert_eq!(lists(), 401);
}

#[test]
fn a_folder_that_can_only_be_read_is_read() {
    let Some(disk) = Small::mount(64 * 1_024) else {
        eprintln!(
            "SKIPPED: a read-only disk needs the right to mount a tmpfs, which this machine does not give"
        );
        return;
    };
    let data = disk.path().join("data");
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(&data);
    let (path, _) = file(folder.path(), "a.bin", 5, 3_000_000);
    done(&put(&server.url, &folder.path().join("state"), &path).output().unwrap());
    // As after a kill, and after a clean end.
    server.kill();
    for round in 0..2 {
        disk.set_read_only(true);
        for command in [&["verify"][..], &["admin", "scrub"]] {
            expect(&cairn(&data, command), 0, "3000000 bytes: everything is what it was");
        }
        expect(&admin(&data, &["check"]), 0, ": all are there");
        expect(&admin(&data, &["stats", "--json"]), 0, "\"logical_bytes\"");
        expect(&admin(&data, &["owners"]), 0, "3000000");
        expect(&admin(&data, &["rm", "--yes", &"0".repeat(32)]), 2, "nothing can be removed there");
        disk.set_read_only(false);
        if round == 0 {
            server.restart();
            assert!(server.terminate().success());
        }
    }
    flip(&chunks(&data)[0]);
    disk.set_read_only(true);
    expect(&cairn(&data, &["verify"]), 1, &format!("damaged: chunk {}", digest(&chunks(&data)[0])));
    disk.set_read_only(false);
}

#[test]
fn the_socket_is_the_users_own_and_a_killed_servers_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    // Longer than an address takes.
    let data = folder.path().join("d".repeat(120));
    let mut server = Server::start(&data);
    let socket = data.join("admin.sock");
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    expect(&admin(&data, &["check"]), 0, "0 chunks: all are there");
    server.kill();
    assert!(socket.exists());
    expect(&admin(&data, &["check"]), 0, "0 chunks: all are there");
    server.restart();
    expect(&admin(&data, &["stats"]), 0, "0 files of 0 bytes");
    let (path, _) = file(folder.path(), "a.bin", 5, 1_000);
    done(&put(&server.url, &folder.path().join("state"), &path).output().unwrap());
    assert!(server.terminate().success());
    assert!(!socket.exists());
    expect(&admin(&data, &["stats"]), 0, "1 files of 1000 bytes");
}

#[test]
fn what_is_no_command_is_refused_and_the_socket_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let say = |line: &[u8]| {
        let mut stream = UnixStream::connect(data.join("admin.sock")).unwrap();
        // It may be sent away before it has said everything.
        let _ = stream.write_all(line);
        let mut answer = String::new();
        let _ = BufReader::new(stream).read_line(&mut answer);
        answer
    };
    let long = [b"{\"command\":\"find\",\"what\":\"".as_slice(), &[b'a'; 10_000], b"\"}\n"].concat();
    for line in
        [b"\n".as_slice(), b"{}\n", b"GET / HTTP/1.1\r\n", b"{\"command\":\"reboot\"}\n", b"\xff\n", &long]
    {
        assert!(say(line).contains("\"refused\""), "{:?}", String::from_utf8_lossy(line));
    }
    assert!(say(b"{\"command\":\"stats\"}\n").contains("\"logical_bytes\":0"));
    drop(server);
}
