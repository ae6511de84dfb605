//! Parts of the data folder go and come back under the real server.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::disks::Small;
use crate::server::{CAIRN, Server, done, download, file, put};

/// Looks until the server answers so, a minute at most.
fn wait_for(url: &str, status: u16) {
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(10)))
        .build()
        .new_agent();
    for _ in 0..600 {
        if agent.get(url).call().is_ok_and(|answer| {
            let is_told = answer.status() != 503 || answer.headers().contains_key("retry-after");
            assert!(is_told, "503 says when to ask again");
            answer.status() == status
        }) {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{url} never answers {status}");
}

fn sweeping() -> Vec<(String, String)> {
    [("CAIRN_SWEEP_EVERY", "100ms"), ("CAIRN_DELETE_AFTER", "1ms")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

fn refused(data: &Path) -> String {
    let started =
        Command::new(CAIRN).args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data).output().unwrap();
    assert!(!started.status.success());
    String::from_utf8(started.stderr).unwrap()
}

#[test]
fn a_log_that_is_not_mounted_is_refused_and_nothing_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = Server::with(&data, 0, &sweeping());
    let (path, bytes) = file(folder.path(), "a.bin", 5, 3_000_000);
    let ended = done(&put(&server.url, &folder.path().join("state"), &path).output().unwrap());
    server.kill();
    let away = folder.path().join("away");
    fs::rename(data.join("log"), &away).unwrap();
    for _ in 0..2 {
        let why = refused(&data);
        assert!(
            why.contains("log is missing. Is its disk mounted?") && !why.contains("remove them"),
            "{why}"
        );
        assert!(!why.contains("\\u{"), "it has several lines: {why}");
    }
    fs::create_dir(data.join("log")).unwrap();
    assert!(refused(&data).contains("log is empty"));
    fs::remove_dir(data.join("log")).unwrap();
    fs::rename(&away, data.join("log")).unwrap();
    server.restart();
    std::thread::sleep(Duration::from_millis(500));
    let link = ended["url"].as_str().unwrap().rsplit("/d/").next().unwrap();
    assert!(download(&format!("{}/d/{link}", server.url)) == bytes);
}

#[test]
fn a_data_folder_that_goes_while_the_server_runs_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let (data, away) = (folder.path().join("data"), folder.path().join("away"));
    let server = Server::with(&data, 0, &sweeping());
    let (path, bytes) = file(folder.path(), "a.bin", 6, 3_000_000);
    let ended = done(&put(&server.url, &folder.path().join("state"), &path).output().unwrap());
    fs::rename(&data, &away).unwrap();
    fs::create_dir(&data).unwrap();
    wait_for(&format!("{}/healthz", server.url), 503);
    // Longer than the pause between two tries to open it.
    std::thread::sleep(Duration::from_millis(2_500));
    wait_for(&format!("{}/healthz", server.url), 503);
    for part in ["format", "secret", "log", "chunks", "founding"] {
        assert!(!data.join(part).exists(), "{part} was made where the data folder is away");
    }
    fs::remove_dir_all(&data).unwrap();
    fs::rename(&away, &data).unwrap();
    wait_for(&format!("{}/healthz", server.url), 200);
    assert!(download(ended["url"].as_str().unwrap()) == bytes);
}

#[test]
fn a_folder_of_chunks_that_was_away_for_a_moment_is_whole_again() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = Server::with(&data, 0, &sweeping());
    let (path, bytes) = file(folder.path(), "a.bin", 7, 3_000_000);
    let ended = done(&put(&server.url, &folder.path().join("state"), &path).output().unwrap());
    let link = ended["url"].as_str().unwrap().rsplit("/d/").next().unwrap().to_owned();
    let (chunks, away) = (data.join("chunks/00000001"), folder.path().join("away"));
    fs::rename(&chunks, &away).unwrap();
    for _ in 0..2 {
        wait_for(&format!("{}/d/{link}/raw", server.url), 503);
    }
    fs::rename(&away, &chunks).unwrap();
    assert!(download(&format!("{}/d/{link}", server.url)) == bytes);
    // One file alone: it counts as damaged, and not for good.
    let chunk = fs::read_dir(&chunks).unwrap().map(|entry| entry.unwrap().path());
    let chunk = chunk.into_iter().find(|path| path.extension().is_some()).unwrap();
    let aside = folder.path().join("aside");
    fs::rename(&chunk, &aside).unwrap();
    let broken = ureq::get(format!("{}/d/{link}/raw", server.url)).call();
    assert!(broken.is_err() || broken.unwrap().body_mut().read_to_vec().is_err());
    fs::rename(&aside, &chunk).unwrap();
    assert!(download(&format!("{}/d/{link}", server.url)) == bytes);
    server.kill();
    server.restart();
    assert!(download(&format!("{}/d/{link}", server.url)) == bytes);
}

/// Something mounted at a path; unmounted when it is dropped.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn bind(what: &Path, at: &'a Path) -> Self {
        assert!(Command::new("mount").arg("--bind").args([what, at]).status().unwrap().success());
        Self(at)
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

#[test]
fn what_lies_on_a_disk_that_is_not_mounted_is_stored_again_by_whoever_has_it() {
    let Some(disk) = Small::mount(64 * 1_024) else {
        eprintln!(
            "SKIPPED: a disk of its own needs the right to mount a tmpfs, which this machine does not give"
        );
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = Server::start(&data);
    let (path, bytes) = file(folder.path(), "a.bin", 9, 2_000_000);
    let (other, _) = file(folder.path(), "b.bin", 10, 2_000_000);
    let send = |server: &Server, state: &str, path: &Path| {
        let ended = done(&put(&server.url, &folder.path().join(state), path).output().unwrap());
        ended["url"].as_str().unwrap().rsplit("/d/").next().unwrap().to_owned()
    };
    let first = send(&server, "one", &path);
    server.kill();
    let chunks = data.join("chunks/00000001");
    let moved = Command::new("cp").arg("-a").arg(chunks.join(".")).arg(disk.path()).status().unwrap();
    assert!(moved.success());
    fs::remove_dir_all(&chunks).unwrap();
    fs::create_dir(&chunks).unwrap();
    let mounted = Mounted::bind(disk.path(), &chunks);
    server.restart();
    assert!(download(&format!("{}/d/{first}", server.url)) == bytes);
    // What comes lies elsewhere: a file can't be renamed onto another disk.
    send(&server, "one", &other);
    drop(mounted);
    wait_for(&format!("{}/d/{first}/raw", server.url), 503);
    let second = send(&server, "two", &path);
    assert!(download(&format!("{}/d/{second}", server.url)) == bytes);
    let _mounted = Mounted::bind(disk.path(), &chunks);
    for link in [first, second] {
        assert!(download(&format!("{}/d/{link}", server.url)) == bytes);
    }
}

#[test]
fn a_disk_that_can_only_be_read_is_read() {
    let Some(disk) = Small::mount(64 * 1_024) else {
        eprintln!(
            "SKIPPED: a disk of its own needs the right to mount a tmpfs, which this machine does not give"
        );
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let data = disk.path().join("data");
    let mut server = Server::start(&data);
    let (path, bytes) = file(folder.path(), "a.bin", 8, 2_000_000);
    let ended = done(&put(&server.url, &folder.path().join("state"), &path).output().unwrap());
    let link = ended["url"].as_str().unwrap().rsplit("/d/").next().unwrap().to_owned();
    server.kill();
    disk.set_read_only(true);
    server.restart();
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    let owner = |server: &Server| agent.post(format!("{}/api/owner", server.url)).send_empty().unwrap();
    for _ in 0..2 {
        assert!(download(&format!("{}/d/{link}", server.url)) == bytes);
        let answer = owner(&server);
        assert!(answer.status() == 503 && answer.headers().contains_key("retry-after"));
    }
    disk.set_read_only(false);
    // It notices by itself.
    for _ in 0..600 {
        if agent.post(format!("{}/api/owner", server.url)).send_empty().is_ok_and(|a| a.status() == 201) {
            assert!(download(&format!("{}/d/{link}", server.url)) == bytes);
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("the disk can be written again, and nobody noticed");
}

#[test]
fn a_part_of_another_kind_is_named_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    drop(Server::with(&data, 0, &[]));
    for part in ["format", "secret"] {
        let (path, away) = (data.join(part), folder.path().join(part));
        fs::rename(&path, &away).unwrap();
        fs::create_dir(&path).unwrap();
        let why = refused(&data);
        assert!(why.contains(&format!("{} is a folder, and has to be a file", path.display())), "{why}");
        fs::remove_dir(&path).unwrap();
        fs::rename(&away, &path).unwrap();
    }
    let file = folder.path().join("file");
    fs::write(&file, "no folder").unwrap();
    let why = refused(&file);
    assert!(why.contains(&format!("{} is not a folder", file.display())), "{why}");
}

#[test]
fn adoption_counts_first_and_leaves_a_whole_folder_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = Server::with(&data, 0, &[]);
    let (path, _) = file(folder.path(), "a.bin", 7, 3_000_000);
    done(&put(&server.url, &folder.path().join("state"), &path).output().unwrap());
    assert!(server.terminate().success());
    let adopt = |args: &[&str]| {
        let mut command = Command::new(CAIRN);
        let run = command.args(["admin", "adopt", "--data"]).arg(&data).args(args).output().unwrap();
        let said = [run.stdout, run.stderr].concat();
        (run.status.code(), String::from_utf8(said).unwrap())
    };
    let format = fs::read(data.join("format")).unwrap();
    for args in [&[][..], &["--yes"]] {
        let (code, said) = adopt(args);
        assert!(code == Some(0) && said.contains("Nothing is missing"), "{said}");
    }
    assert_eq!(fs::read(data.join("format")).unwrap(), format);
    fs::remove_file(data.join("chunks/witness")).unwrap();
    assert!(refused(&data).contains("It counts them and asks first"));
    let (code, said) = adopt(&[]);
    assert!(code == Some(2) && said.contains("name 1 files in "), "{said}");
    assert!(said.contains("0 more chunks are there"), "{said}");
    assert_eq!(adopt(&["--yes"]).0, Some(0));
    server.restart();
}

#[test]
fn of_servers_that_start_at_once_one_founds_the_store() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..8 {
        let data = folder.path().join(format!("data{round}"));
        let start = || {
            let mut command = Command::new(CAIRN);
            let command = command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&data);
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let (mut first, mut second) = (start(), start());
        let mut tries = 0;
        let (lost, won) = loop {
            if first.try_wait().unwrap().is_some() {
                break (&mut first, &mut second);
            }
            if second.try_wait().unwrap().is_some() {
                break (&mut second, &mut first);
            }
            tries += 1;
            assert!(tries < 6_000, "both go on");
            std::thread::sleep(Duration::from_millis(5));
        };
        let mut said = String::new();
        lost.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(said.contains("is in use by another server"), "{said}");
        assert!(won.try_wait().unwrap().is_none(), "one goes on");
        won.kill().unwrap();
        won.wait().unwrap();
    }
}
