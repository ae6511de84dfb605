//! A full disk takes what it has already, and `put` says why the rest waits.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::disks::{Loop, Small};
use crate::server::{Server, done, download, file, put};

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

/// A store on a disk of its own, whose owner uploads and deletes.
struct Disk {
    disk: Loop,
    server: Server,
    agent: ureq::Agent,
    owner: String,
    seed: u64,
}

impl Disk {
    fn make(image: &std::path::Path, kib: u64) -> Option<Self> {
        let disk = Loop::make(image, "ext4", kib)?;
        let settings = [("CAIRN_SWEEP_EVERY", "200ms"), ("CAIRN_DELETE_AFTER", "1ms")];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let server = Server::with(&disk.path().join("data"), 0, &settings);
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        let mut disk = Self { disk, server, agent, owner: String::new(), seed: 0 };
        disk.owner = disk.post("/api/owner", "{}").1["owner_key"].as_str().unwrap().to_owned();
        Some(disk)
    }

    fn post(&self, path: &str, body: &str) -> (u16, serde_json::Value) {
        let request = self.agent.post(format!("{}{path}", self.server.url));
        let request = request.header("Content-Type", "application/json");
        let mut answer = match &self.owner[..] {
            "" => request.send(body).unwrap(),
            owner => request.header("Authorization", format!("Bearer {owner}")).send(body).unwrap(),
        };
        let text = answer.body_mut().read_to_string().unwrap();
        (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or_default())
    }

    /// A file of a MiB: its id and link, or the status of the refusal.
    fn upload(&mut self) -> Result<(String, String, Vec<u8>), u16> {
        self.seed += 1;
        let folder = tempfile::tempdir().unwrap();
        let (_, bytes) = file(folder.path(), "a", self.seed, 1 << 20);
        let (status, started) = self.post("/api/start", r#"{"name": "a", "size": 1048576}"#);
        let session = started["session_id"].as_str().ok_or(status)?.to_owned();
        let request = self.agent.put(format!("{}/api/upload/{session}/0", self.server.url));
        let request = request.header("Authorization", format!("Bearer {}", self.owner));
        let status = request.send(&bytes).unwrap().status().as_u16();
        if status != 204 {
            return Err(status);
        }
        let (status, finished) = self.post(&format!("/api/finish/{session}"), "{}");
        let id = finished["file"].as_str().ok_or(status)?.to_owned();
        Ok((id, format!("{}{}", self.server.url, finished["url"].as_str().unwrap()), bytes))
    }

    fn delete(&self, id: &str) -> u16 {
        let request = self.agent.delete(format!("{}/api/file/{id}", self.server.url));
        let request = request.header("Authorization", format!("Bearer {}", self.owner));
        request.call().unwrap().status().as_u16()
    }

    /// Somebody else takes every block that is left.
    fn take_the_rest(&self) -> std::path::PathBuf {
        use std::io::Write;
        let path = self.disk.path().join("others");
        let mut file = fs::File::create(&path).unwrap();
        while file.write_all(&[1; 4_096]).is_ok() {}
        let _ = file.sync_all();
        path
    }
}

#[track_caller]
fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let came = (0..600).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        is_so()
    });
    assert!(came, "{what}");
}

#[test]
fn a_disk_without_a_block_left_starts_and_takes_deletes_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut disk) = Disk::make(folder.path(), 48 * 1_024) else {
        eprintln!("SKIPPED: a full disk needs the right to mount ext4, which this machine does not give");
        return;
    };
    let ballast = disk.disk.path().join("data/ballast");
    let mut kept = Vec::new();
    for round in 0..2 {
        wait_for("the ballast is taken where there is room", || ballast.exists());
        let refused = loop {
            match disk.upload() {
                Ok(uploaded) => kept.push(uploaded),
                Err(status) => break status,
            }
        };
        assert_eq!(refused, 507, "round {round}");
        assert!(kept.len() >= 8, "{} files fit", kept.len());

        let others = disk.take_the_rest();
        if round == 1 {
            // A start has to do with what the ballast gives.
            disk.server.kill();
            disk.server.restart();
        }
        let (id, _, _) = kept.pop().unwrap();
        assert_eq!(disk.delete(&id), 204, "round {round}");
        let (_, link, bytes) = &kept[0];
        assert!(download(link) == *bytes);

        disk.server.kill();
        disk.take_the_rest();
        disk.server.restart();
        let (_, link, bytes) = &kept[0];
        assert!(download(link) == *bytes);
        // Nothing is left of the ballast: until there is room, files are only given out.
        assert_eq!(disk.delete(&kept[0].0), 507);
        fs::remove_file(&others).unwrap();
        for (id, _, _) in kept.drain(..) {
            wait_for("a delete goes on when there is room", || disk.delete(&id) == 204);
        }
        wait_for("what was deleted leaves room", || match disk.upload() {
            Ok(uploaded) => {
                kept.push(uploaded);
                true
            }
            Err(status) => {
                assert!(matches!(status, 507 | 503), "{status}");
                false
            }
        });
    }
}
