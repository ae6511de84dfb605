//! `put` of what has no size before it ends.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::server::{CAIRN, Server, download, events, file, hex};

struct Here {
    folder: tempfile::TempDir,
    server: Server,
}

impl Here {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(&folder.path().join("data"));
        Self { folder, server }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, args: &[&Path]) -> Command {
        let mut command = Command::new(CAIRN);
        command.args(["put", "--json", "--server", &self.server.url, "--state"]).arg(self.path("state"));
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// Gives all of it to a process's standard input.
fn fed(mut command: Command, bytes: &[u8]) -> Output {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // Whoever reads may have gone.
            let _ = input.write_all(bytes);
        });
        child.wait_with_output().unwrap()
    })
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn standard_input_is_sent_to_its_end_and_never_twice() {
    let here = Here::new();
    let (path, bytes) = file(here.folder.path(), "a.bin", 3, 20_000_000);
    let stored = here.put(&[&path]).output().unwrap();
    assert!(stored.status.success(), "{}", said(&stored));
    let mut command = here.put(&[Path::new("-")]);
    command.args(["--name", "from a pipe.bin"]);
    let output = fed(command, &bytes);
    assert!(output.status.success(), "{}", said(&output));
    let ended = &events(&output)[0];
    assert_eq!((&ended["state"], &ended["size"]), (&"done".into(), &20_000_000.into()));
    assert!(download(ended["url"].as_str().unwrap()) == bytes);
    assert!(ended["raw_url"].as_str().unwrap().ends_with("/raw/from%20a%20pipe.bin"));
    let empty = fed(here.put(&[Path::new("-")]), b"");
    assert!(!empty.status.success(), "an empty stream is no success");
    assert_eq!(events(&empty)[0]["detail"], "nothing came out of it");
}

#[test]
fn pipes_and_files_without_a_size_are_read_and_others_go_on() {
    let here = Here::new();
    let (small, _) = file(here.folder.path(), "small", 4, 70);
    let (idle, pipe) = (here.path("idle"), here.path("pipe"));
    for path in [&idle, &pipe] {
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    }
    // Opened for both, so that neither side waits for the other.
    let mut writer = fs::File::options().read(true).write(true).open(&pipe).unwrap();
    writer.write_all(b"through a pipe").unwrap();
    let version = Path::new("/proc/version");
    let mut child = here.put(&[&idle, &pipe, version, &small]).spawn().unwrap();
    // It ends once nobody writes any more, so after it has been opened.
    let folder = format!("/proc/{}/fd", child.id());
    let is_open = || {
        fs::read_dir(&folder).is_ok_and(|open| {
            open.flatten().any(|open| fs::read_link(open.path()).is_ok_and(|leads| leads == pipe))
        })
    };
    while !is_open() {
        assert!(child.try_wait().unwrap().is_none(), "it ends before it reads the pipe");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    drop(writer);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "one was not sent");
    assert!(said(&output).contains("idle: nobody writes to this pipe"), "{}", said(&output));
    let ended = events(&output);
    let url = |name: &str| {
        let it = ended
            .iter()
            .find(|event| event["path"].as_str().unwrap().ends_with(name) && event["event"] == "ended");
        it.unwrap()["url"].as_str().unwrap().to_owned()
    };
    assert_eq!(download(&url("pipe")), b"through a pipe");
    assert_eq!(download(&url("version")), fs::read(version).unwrap());
    assert_eq!(hex(&download(&url("small"))), hex(&fs::read(&small).unwrap()));
}
