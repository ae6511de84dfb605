//! Many small requests in one: each item has an outcome of its own, and all of it is durable in a pack.

use cairn_shared::frame::FrameHead;
use cairn_shared::{ProblemCode, SessionId};
use serde_json::{Value, json};

use crate::site::{Site, hex, noise, wait_for};

const JSON_ITEMS: [&str; 3] = ["start", "check", "finish"];

fn batch(site: &Site, bearer: &str, verb: &str, items: &[Value]) -> Vec<Value> {
    let ask = site.ask("POST", &format!("/api/batch/{verb}")).by(bearer).json(&json!({"items": items}));
    ask.send().expect(200)["items"].as_array().unwrap().clone()
}

/// Sessions for files of these contents, their only row declared.
fn declared(site: &Site, bearer: &str, contents: &[Vec<u8>]) -> Vec<String> {
    let starts: Vec<Value> = contents
        .iter()
        .enumerate()
        .map(|(n, bytes)| {
            json!({"name": format!("{n}.bin"), "size": bytes.len(), "chunking": "fastcdc-2020/1"})
        })
        .collect();
    let started = batch(site, bearer, "start", &starts);
    let ids: Vec<String> =
        started.iter().map(|item| item["ok"]["session_id"].as_str().unwrap().to_owned()).collect();
    let checks: Vec<Value> = ids.iter().zip(contents).map(|(id, bytes)| check(id, bytes)).collect();
    for item in batch(site, bearer, "check", &checks) {
        assert_eq!(item["ok"]["chunks"].as_array().unwrap().len(), 1, "{item}");
    }
    ids
}

fn check(id: &str, bytes: &[u8]) -> Value {
    let row = json!({"digest": hex(bytes), "length": bytes.len()});
    json!({"session": id, "check": {"revision": 0, "at": 0, "chunks": [row]}})
}

fn frame(id: &str, index: u32, bytes: &[u8]) -> Vec<u8> {
    let session: SessionId = id.parse().unwrap();
    let head = FrameHead { session, index, length: bytes.len() as u32 };
    [&head.to_bytes()[..], bytes].concat()
}

fn send(site: &Site, bearer: &str, frames: &[Vec<u8>]) -> Vec<Value> {
    let ask = site.ask("POST", "/api/batch/upload").by(bearer).body(&frames.concat());
    ask.send().expect(200)["items"].as_array().unwrap().clone()
}

#[test]
fn many_small_files_come_in_four_requests_and_lie_in_one_pack() {
    let site = Site::on_disk(&[("delete_after", "1ms"), ("sweep_every", "50ms")]);
    let owner = site.owner();
    // Two files are the same: their chunk is stored once.
    let mut contents: Vec<Vec<u8>> = (0..200).map(|n| noise(n, 1 + 37 * n as usize)).collect();
    contents.push(contents[7].clone());
    let ids = declared(&site, &owner, &contents);
    let frames: Vec<Vec<u8>> = ids.iter().zip(&contents).map(|(id, bytes)| frame(id, 0, bytes)).collect();
    for item in send(&site, &owner, &frames) {
        assert_eq!(item, json!({"ok": {}}));
    }
    // A lost answer is harmless: the same again changes nothing.
    send(&site, &owner, &frames);
    assert_eq!(site.stored("chunks").iter().filter(|(path, _)| path.extension().is_some()).count(), 1);
    let finishes: Vec<Value> =
        ids.iter().map(|id| json!({"session": id, "finish": {"link": true}})).collect();
    let finished = batch(&site, &owner, "finish", &finishes);
    for (item, bytes) in finished.iter().zip(&contents) {
        assert_eq!(item["ok"]["blob"], hex(bytes), "{item}");
        let url = item["ok"]["url"].as_str().unwrap();
        assert_eq!(site.ask("GET", &format!("{url}/raw")).send().bytes, *bytes);
    }
    // The pack goes with the last file that needs it.
    for item in &finished {
        let file = item["ok"]["file"].as_str().unwrap();
        site.ask("DELETE", &format!("/api/file/{file}")).by(&owner).send().expect(204);
    }
    assert!(wait_for(|| site.stored("chunks").iter().all(|(path, _)| path.extension().is_none())));
}

#[test]
fn what_is_wrong_with_one_item_is_its_own_affair() {
    let site = Site::on_disk(&[]);
    let (owner, other) = (site.owner(), site.owner());
    let contents = [noise(1, 500), noise(2, 300_000), noise(3, 5_000), noise(4, 6_000)];
    let ids = declared(&site, &owner, &contents);
    let foreign = declared(&site, &other, &contents[..1]);
    let unknown = "00".repeat(16);
    let frames = [
        frame(&foreign[0], 0, &contents[0]),
        frame(&unknown, 0, &contents[0]),
        frame(&ids[0], 1, &contents[0]),
        frame(&ids[0], 0, &noise(9, 500)),
        frame(&ids[0], 0, &noise(9, 400)),
        frame(&ids[1], 0, &contents[1]),
        frame(&ids[2], 0, &[]),
        frame(&ids[3], 0, &contents[3]),
    ];
    let sent = send(&site, &owner, &frames);
    let codes: Vec<Value> = sent.iter().map(|i| i["problem"]["code"].clone()).collect();
    let expected = json!([
        "not_found",
        "not_found",
        "row_undeclared",
        "digest_mismatch",
        "chunk_length",
        "chunk_length",
        "chunk_length",
        null
    ]);
    assert_eq!(json!(codes), expected);
    for outside in [&sent[5], &sent[6]] {
        let detail = outside["problem"]["detail"].as_str().unwrap();
        assert!(detail.contains("1 to 262144 bytes"), "{detail}");
    }
    let row = site.ask("GET", &format!("/api/status/{}", ids[3])).by(&owner).send().expect(200);
    assert_eq!(row["missing"], json!([]));
    let starts = [json!({"name": "a", "size": 1}), json!({"name": "b", "size": 9_007_199_254_740_993u64})];
    let started = batch(&site, &owner, "start", &starts);
    assert!(started[0]["ok"].is_object() && started[1]["problem"]["field"] == "size", "{started:?}");
    let finished = batch(
        &site,
        &owner,
        "finish",
        &[json!({"session": ids[3]}), json!({"session": ids[2], "finish": {}})],
    );
    assert!(finished[0]["ok"]["url"].is_string());
    assert_eq!(finished[1]["problem"]["code"], "chunks_missing");
    let checked = batch(&site, &owner, "check", &[check(&foreign[0], b"x"), check(&ids[3], b"x")]);
    assert_eq!(checked[0]["problem"]["code"], "not_found");
    assert_eq!(checked[1]["problem"]["code"], "session_finished");
}

#[test]
fn a_batch_that_breaks_off_or_is_too_large_changes_nothing() {
    let site = Site::on_disk(&[]);
    let owner = site.owner();
    let contents = [noise(1, 500), noise(2, 700)];
    let ids = declared(&site, &owner, &contents);
    let before = site.stored("");
    let whole = [frame(&ids[0], 0, &contents[0]), frame(&ids[1], 0, &contents[1])].concat();
    for cut in [1, 23, 30, 600, whole.len() - 1] {
        let ask = site.ask("POST", "/api/batch/upload").by(&owner).body(&whole[..cut]);
        ask.send().refused(ProblemCode::BodyShort);
    }
    let large = vec![7; 8 * 1_048_576 + 1];
    site.ask("POST", "/api/batch/upload").by(&owner).body(&large).send().refused(ProblemCode::BodyLarge);
    let many: Vec<Value> = (0..1_001).map(|_| json!({"session": ids[0]})).collect();
    let ask = site.ask("POST", "/api/batch/finish").by(&owner).json(&json!({"items": many}));
    assert_eq!(ask.send().refused(ProblemCode::FieldInvalid)["field"], "items");
    let row = json!({"digest": hex(b"x"), "length": 1});
    let rows = json!({"revision": 0, "at": 0, "chunks": vec![row; 2_049]});
    let two = json!({"items": [{"session": ids[0], "check": rows}, {"session": ids[1], "check": rows}]});
    site.ask("POST", "/api/batch/check").by(&owner).json(&two).send().refused(ProblemCode::FieldInvalid);
    for verb in JSON_ITEMS {
        let route = format!("/api/batch/{verb}");
        site.ask("POST", &route)
            .by(&owner)
            .json(&json!({"items": [7]}))
            .send()
            .refused(ProblemCode::FieldInvalid);
        site.ask("POST", &route).by(&owner).body(b"{}").send().refused(ProblemCode::MediaTypeWrong);
    }
    assert!(wait_for(|| site.stored("tmp").is_empty()));
    assert_eq!(site.stored("log"), before.into_iter().filter(|(path, _)| is_log(path)).collect());
    assert_eq!(site.stored("chunks").into_iter().filter(|(path, _)| path.extension().is_some()).count(), 0);
}

fn is_log(path: &std::path::Path) -> bool {
    path.parent().is_some_and(|folder| folder.ends_with("log"))
}

#[test]
fn what_others_hold_in_a_folder_that_is_away_is_stored_again() {
    stored_again(false);
}

/// As a mount point leaves one whose disk is not mounted.
#[test]
fn what_others_hold_is_stored_again_where_an_empty_folder_lies_in_its_place() {
    stored_again(true);
}

fn stored_again(is_empty_there: bool) {
    let site = Site::on_disk(&[("dedup", "owner")]);
    let contents = [noise(1, 1_000)];
    let link = |owner: &str| {
        // Nobody asks before it is sent.
        let start = json!({"name": "a", "size": 1_000, "chunking": "fixed/65536"});
        let started = batch(&site, owner, "start", &[start]);
        let id = started[0]["ok"]["session_id"].as_str().unwrap();
        let sent = send(&site, owner, &[frame(id, 0, &contents[0])]);
        assert!(sent[0]["ok"].is_object(), "{sent:?}");
        let finish = json!({"session": id, "finish": {"size": 1_000}});
        let finished = batch(&site, owner, "finish", &[finish]);
        format!("{}/raw", finished[0]["ok"]["url"].as_str().unwrap())
    };
    let first = link(&site.owner());
    let (path, _) = site
        .stored("chunks")
        .into_iter()
        .find(|(_, stored)| stored.windows(1_000).any(|bytes| bytes == contents[0]))
        .unwrap();
    let folder = path.parent().unwrap();
    let away = folder.with_file_name("away");
    std::fs::rename(folder, &away).unwrap();
    if is_empty_there {
        std::fs::create_dir(folder).unwrap();
    }
    site.ask("GET", &first).send().refused(ProblemCode::Unavailable);
    let second = link(&site.owner());
    assert_eq!(site.ask("GET", &second).send().bytes, contents[0]);
    if is_empty_there {
        std::fs::remove_dir(folder).unwrap();
    }
    std::fs::rename(&away, folder).unwrap();
    for link in [&first, &second] {
        assert_eq!(site.ask("GET", link).send().bytes, contents[0]);
    }
}
