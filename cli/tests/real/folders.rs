//! Folders with `put`: one link, and a receipt that says what the server has.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;

use crate::held::Held;
use crate::server::{Server, events, file, hex, put};

/// Size, mtime and SHA-256 of a file; `None` for an empty folder.
type Entry = Option<(u64, u64, String)>;

/// What is below a folder on this machine.
fn tree(root: &Path) -> BTreeMap<String, Entry> {
    let mut entries = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let inside: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        let name = |path: &Path| path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        if inside.is_empty() {
            entries.insert(name(&folder), None);
        }
        for path in inside {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path).unwrap();
            let mtime = fs::metadata(&path).unwrap().modified().unwrap();
            let mtime = mtime.duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
            entries.insert(name(&path), Some((bytes.len() as u64, mtime, hex(&bytes))));
        }
    }
    entries
}

/// What the server lists of the owner's only folder.
fn listed(server: &Server, state: &Path) -> BTreeMap<String, Entry> {
    let keys = fs::read_dir(state).unwrap().map(|entry| entry.unwrap().path());
    let key = keys.into_iter().find(|path| path.to_str().unwrap().contains("owner-")).unwrap();
    let key = fs::read_to_string(key).unwrap();
    let ask = |path: &str| -> Value {
        let request = ureq::get(format!("{}{path}", server.url));
        let mut answer = request.header("Authorization", format!("Bearer {}", key.trim())).call().unwrap();
        serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
    };
    let folders = ask("/api/folder");
    assert_eq!(folders["items"].as_array().unwrap().len(), 1, "{folders}");
    let folder = format!("/api/folder/{}", folders["items"][0]["folder"].as_str().unwrap());
    let (mut entries, mut after) = (BTreeMap::new(), String::new());
    loop {
        let page = ask(&format!("{folder}?limit=300{after}"));
        for item in page["items"].as_array().unwrap() {
            let entry = (item["kind"] == "file").then(|| {
                let text = item["blob"].as_str().unwrap().to_owned();
                (item["size"].as_u64().unwrap(), item["mtime"].as_u64().unwrap(), text)
            });
            entries.insert(item["path"].as_str().unwrap().to_owned(), entry);
        }
        let Some(next) = page["next"].as_str() else { return entries };
        let next = percent_encoding::utf8_percent_encode(next, percent_encoding::NON_ALPHANUMERIC);
        after = format!("&after={next}");
    }
}

/// `count` small files in folders of a hundred, some empty folders, names in several scripts.
fn make(root: &Path, count: u64) {
    for number in 0..count {
        let folder = root.join(["daten", "данные", "データ", "a/b/c/d"][number as usize % 4]);
        let folder = folder.join(format!("{:03}", number / 100));
        fs::create_dir_all(&folder).unwrap();
        let length = [0, 1, 300, 4_096, 20_000][number as usize % 5];
        file(&folder, &format!("größe {number} 文.bin"), number, length);
    }
    for number in 0..count / 160 {
        fs::create_dir_all(root.join(format!("leer/{number}"))).unwrap();
    }
}

fn receipt(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let last = events(output).pop().unwrap();
    assert_eq!(last["event"], "receipt");
    last
}

#[test]
fn a_folder_is_one_link_and_comes_whole() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let (root, state) = (folder.path().join("tree"), folder.path().join("state"));
    make(&root, 2_000);
    file(&root, "large.bin", 1, 9_000_000);
    let output = put(&server.url, &state, &root).output().unwrap();
    let told = receipt(&output);
    assert_eq!((told["files"].as_u64(), told["folders"].as_u64()), (Some(2_001), Some(12)), "{told}");
    assert!(tree(&root) == listed(&server, &state), "the tree is what it was");
    let page = ureq::get(told["url"].as_str().unwrap()).call().unwrap().body_mut().read_to_string().unwrap();
    assert!(page.contains("large.bin") && page.contains("данные"), "{page}");
    // Nothing of it is left in the journal.
    assert_eq!(fs::read_dir(state.join("journal")).unwrap().count(), 0);
}

#[test]
fn a_killed_put_of_a_folder_goes_on_in_the_same_folder() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let (root, state) = (folder.path().join("tree"), folder.path().join("state"));
    make(&root, 1_500);
    let line = Held::after(&server, 0);
    // Bytes that get through, less than all, and files that are done by then at least.
    for (bytes, kill_after) in [(1_500_000, 50), (4_000_000, 400)] {
        line.hold_after(bytes);
        let mut child = put(&line.url(), &state, &root).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ended = lines.map_while(Result::ok).filter(|line| line.contains("\"ended\""));
        assert_eq!(ended.take(kill_after).count(), kill_after);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    line.open();
    // A file is edited meanwhile, and one is new.
    std::thread::sleep(Duration::from_millis(5));
    let edited = tree(&root).into_iter().find(|(_, entry)| entry.is_some()).unwrap().0;
    fs::write(root.join(edited), "edited").unwrap();
    fs::write(root.join("new"), "new").unwrap();
    let output = put(&line.url(), &state, &root).output().unwrap();
    let told = receipt(&output);
    assert_eq!(told["files"], 1_501, "{told}");
    let sent = events(&output).iter().filter(|event| event["event"] == "ended").count();
    assert!(sent < 1_200, "{sent} files were begun again");
    assert!(tree(&root) == listed(&server, &state), "the tree is what it is now");
}
