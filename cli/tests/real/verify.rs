//! `cairn verify` finds what is damaged, and the next upload heals it.

use std::fs;
use std::process::Command;

use crate::server::{CAIRN, Server, done, download, file, put};

#[test]
fn a_damaged_chunk_is_named_and_healed() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = Server::start(&data);
    let (path, bytes) = file(folder.path(), "a.bin", 5, 3_000_000);
    let ended = done(&put(&server.url, &folder.path().join("state"), &path).output().unwrap());
    let verify = || {
        let output = Command::new(CAIRN).args(["verify", "--data"]).arg(&data).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let (is_sound, text) = verify();
    assert!(is_sound && text.contains("3000000 bytes: everything is what it was"), "beside a server: {text}");
    assert!(server.terminate().success());
    let (is_sound, text) = verify();
    assert!(is_sound && text.contains("3000000 bytes: everything is what it was"), "{text}");
    let chunks = fs::read_dir(data.join("chunks/00000001")).unwrap().map(|entry| entry.unwrap().path());
    let chunk = chunks.into_iter().find(|path| path.extension().is_some()).unwrap();
    let mut stored = fs::read(&chunk).unwrap();
    stored[1_000] ^= 1;
    fs::write(&chunk, stored).unwrap();
    let digest = chunk.file_name().unwrap().to_str().unwrap().split('.').next().unwrap().to_owned();
    for _ in 0..2 {
        let (is_sound, text) = verify();
        assert!(!is_sound && text.contains(&format!("damaged: chunk {digest}")), "{text}");
    }
    server.restart();
    let again = done(&put(&server.url, &folder.path().join("another"), &path).output().unwrap());
    for ended in [&ended, &again] {
        let link = ended["url"].as_str().unwrap().rsplit("/d/").next().unwrap();
        assert!(download(&format!("{}/d/{link}", server.url)) == bytes);
    }
    assert!(server.terminate().success());
    assert!(verify().0);
}
