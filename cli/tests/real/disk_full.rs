//! A full disk is an ordinary day: 507, nothing lost, and on it goes when there is room.

use std::fs;

use crate::disks::Small;
use crate::server::{Server, download, file, hex};

#[test]
fn a_full_disk_answers_507_and_goes_on_when_there_is_room() {
    let Some(disk) = Small::mount(24 * 1_024) else {
        eprintln!("SKIPPED: a full disk needs the right to mount a tmpfs, which this machine does not give");
        return;
    };
    let server = Server::start(&disk.path().join("data"));
    let folder = tempfile::tempdir().unwrap();
    let (_, bytes) = file(folder.path(), "a.bin", 7, 6 << 20);
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    let text = agent
        .post(format!("{}/api/start", server.url))
        .header("Content-Type", "application/json")
        .send(&format!("{{\"name\": \"a.bin\", \"size\": {}}}", bytes.len())[..])
        .unwrap()
        .body_mut()
        .read_to_string()
        .unwrap();
    let started: serde_json::Value = serde_json::from_str(&text).unwrap();
    let session = started["session_id"].as_str().unwrap();
    let others = disk.path().join("others");
    fs::write(&others, vec![1; 15 << 20]).unwrap();
    let put = |index: usize| {
        let block = &bytes[index << 20..(index + 1) << 20];
        let answer = agent.put(format!("{}/api/upload/{session}/{index}", server.url)).send(block).unwrap();
        (answer.status().as_u16(), answer.headers().contains_key("retry-after"))
    };
    let answers: Vec<_> = (0..6).map(put).collect();
    assert!(
        answers.iter().all(|(status, again)| *status == 204 || (*status == 507 && *again)),
        "{answers:?}"
    );
    assert!(answers.iter().any(|(status, _)| *status == 507), "the disk never was full: {answers:?}");
    fs::remove_file(&others).unwrap();
    for index in 0..6 {
        assert_eq!(put(index).0, 204, "block {index}");
    }
    let text = agent
        .post(format!("{}/api/finish/{session}", server.url))
        .send_empty()
        .unwrap()
        .body_mut()
        .read_to_string()
        .unwrap();
    let finished: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(finished["blob"], hex(&bytes), "{text}");
    assert!(download(&format!("{}{}", server.url, finished["url"].as_str().unwrap())) == bytes);
}
