//! SIGKILLs at random moments under `cairn put`, with a log of acknowledged facts kept outside the server.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use crate::server::{Server, done, download, file, hex, put};

const KILLS: u64 = 25;

#[test]
fn nothing_acknowledged_is_missing_after_25_kills() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(&folder.path().join("data"));
    let mut links: BTreeMap<String, String> = BTreeMap::new();
    for round in 0..KILLS {
        let state = folder.path().join(format!("state-{round}"));
        let (path, bytes) = file(folder.path(), &format!("{round}.bin"), 100 + round, 12_000_000);
        let mut child = put(&server.url, &state, &path).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (tell, told) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            for line in lines {
                let _ = tell.send(serde_json::from_str::<serde_json::Value>(&line.unwrap()).unwrap());
            }
        });
        let mut stored = BTreeMap::new();
        let mut session = String::new();
        let wanted = usize::try_from(round % 9 + 1).unwrap();
        while stored.len() < wanted {
            let Ok(fact) = told.recv_timeout(Duration::from_secs(20)) else { break };
            note(&fact, &mut stored, &mut session);
        }
        // Between two acknowledgements, not only right after one.
        std::thread::sleep(Duration::from_micros(round * 700));
        server.kill();
        while let Ok(fact) = told.recv_timeout(Duration::from_millis(100)) {
            note(&fact, &mut stored, &mut session);
        }
        let finished_before = child.try_wait().unwrap().is_some();
        server.restart();
        if !finished_before && !session.is_empty() {
            check_rows(&server, &state, &session, &stored);
        }
        for fact in told {
            note(&fact, &mut stored, &mut session);
        }
        child.wait().unwrap();
        reader.join().unwrap();
        let ended = done(&put(&server.url, &state, &path).output().unwrap());
        assert_eq!(ended["sent"], 0, "round {round}: what was acknowledged had to be sent again");
        links.insert(ended["url"].as_str().unwrap().to_owned(), hex(&bytes));
    }
    for (url, digest) in links {
        assert_eq!(hex(&download(&url)), digest, "{url}");
    }
}

fn note(fact: &serde_json::Value, stored: &mut BTreeMap<u64, u64>, session: &mut String) {
    if fact["event"] == "stored" {
        stored.insert(fact["index"].as_u64().unwrap(), fact["length"].as_u64().unwrap());
        *session = fact["session"].as_str().unwrap().to_owned();
    }
}

/// Every chunk that was acknowledged before the kill is there right after the restart.
fn check_rows(server: &Server, state: &std::path::Path, session: &str, stored: &BTreeMap<u64, u64>) {
    let key = std::fs::read_dir(state).unwrap().filter_map(Result::ok).map(|entry| entry.path());
    let key = key.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("owner-"));
    let key = std::fs::read_to_string(key.last().unwrap()).unwrap();
    let status = ureq::get(format!("{}/api/status/{session}", server.url))
        .header("Authorization", format!("Bearer {}", key.trim()))
        .call();
    let text = status.unwrap().body_mut().read_to_string().unwrap();
    let status: serde_json::Value = serde_json::from_str(&text).unwrap();
    let received: Vec<(u64, u64)> = serde_json::from_value(status["received"].clone()).unwrap();
    for index in stored.keys() {
        assert!(
            received.iter().any(|(first, end)| (first..end).contains(&index)),
            "row {index} was acknowledged: {text}"
        );
    }
}
