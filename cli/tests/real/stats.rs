//! `cairn stats`: what two owners have of the same file is counted twice for them and once on the disk.

use std::process::Command;

use serde_json::Value;

use crate::server::{CAIRN, Server, done, file, put};

#[test]
fn shared_bytes_are_counted_once() {
    const SIZE: u64 = 20_000_000;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let settings = [("CAIRN_SWEEP_EVERY".to_owned(), "100ms".to_owned())];
    let server = Server::with(&data, 0, &settings);
    let (path, _) = file(folder.path(), "a.bin", 5, SIZE as usize);
    let first = done(&put(&server.url, &folder.path().join("one"), &path).output().unwrap());
    // Another owner proves that he has it.
    let second = done(&put(&server.url, &folder.path().join("two"), &path).output().unwrap());
    assert_eq!((first["sent"].as_u64(), first["reused"].as_u64()), (Some(SIZE), Some(0)));
    let (sent, reused) = (second["sent"].as_u64().unwrap(), second["reused"].as_u64().unwrap());
    // The short rest at the file's end is always sent.
    assert!(sent < 256 << 10 && sent + reused == SIZE, "{sent} sent, {reused} reused");
    assert_eq!(first["finished"]["blob"], second["finished"]["blob"]);

    let stats = |args: &[&str]| {
        let output = Command::new(CAIRN).arg("stats").args(args).arg("--data").arg(&data).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let figures = (0..200).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        let figures: Value = serde_json::from_str(&stats(&["--json"]).1).ok()?;
        (figures["files"] == 2).then_some(figures)
    });
    let figures = figures.expect("both files are counted");
    assert_eq!(
        (figures["logical_bytes"].as_u64(), figures["chunk_bytes"].as_u64()),
        (Some(2 * SIZE), Some(SIZE))
    );
    let (worked, text) = stats(&[]);
    assert!(worked && text.contains("dedup       2.00 : 1"), "{text}");
    assert!(text.contains("2 files of 40000000 bytes"), "{text}");
}
