//! An owner's files and links: listed, revoked, deleted.

use cairn_shared::ProblemCode;
use serde_json::{Value, json};

use crate::site::{Site, hex, noise};

fn upload(site: &Site, bearer: &str, bytes: &[u8], link: bool) -> Value {
    let fields = json!({"name": "a.bin", "size": bytes.len()});
    let started = site.ask("POST", "/api/start").by(bearer).json(&fields).send().expect(201);
    let id = started["session_id"].as_str().unwrap();
    site.ask("PUT", &format!("/api/upload/{id}/0")).by(bearer).body(bytes).send().expect(204);
    let finish = site.ask("POST", &format!("/api/finish/{id}")).by(bearer).json(&json!({"link": link}));
    let mut finished = finish.send().expect(201);
    finished["session_key"] = started["session_key"].clone();
    finished
}

#[test]
fn files_are_listed_in_pages_with_every_link() {
    let site = Site::start();
    let (owner, other) = (site.owner(), site.owner());
    let files: Vec<_> = (0..5).map(|seed| upload(&site, &owner, &noise(seed, 1_000), true)).collect();
    upload(&site, &other, b"foreign", true);
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let page = site.ask("GET", &format!("/api/files?limit=2{after}")).by(&owner).send().expect(200);
        for item in page["items"].as_array().unwrap() {
            assert_eq!(item["links"].as_array().unwrap().len(), 1);
            seen.push((item["file"].clone(), item["links"][0]["url"].clone(), item["blob"].clone()));
        }
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    let mut expected: Vec<_> =
        files.iter().map(|file| (file["file"].clone(), file["url"].clone(), file["blob"].clone())).collect();
    expected.sort_by_key(|file| file.0.to_string());
    assert_eq!(seen, expected);
    for limit in ["0", "1001", "x"] {
        assert_eq!(site.ask("GET", &format!("/api/files?limit={limit}")).by(&owner).send().status, 400);
    }
}

#[test]
fn a_revoked_link_is_dead_and_others_live() {
    let site = Site::start();
    let owner = site.owner();
    let file = upload(&site, &owner, b"hello", false);
    assert_eq!(file["url"], Value::Null);
    let share = format!("/api/share/{}", file["file"].as_str().unwrap());
    let links: Vec<_> = (0..2).map(|_| site.ask("POST", &share).by(&owner).send().expect(201)).collect();
    let raw = |link: &Value| site.ask("GET", &format!("{}/raw", link["url"].as_str().unwrap())).send();
    assert_eq!(raw(&links[0]).bytes, b"hello");
    let delete = format!("/api/share/{}", links[0]["link"].as_str().unwrap());
    site.ask("DELETE", &delete).by(&site.owner()).send().refused(ProblemCode::NotFound);
    site.ask("DELETE", &delete).send().refused(ProblemCode::CredentialMissing);
    for _ in 0..2 {
        site.ask("DELETE", &delete).by(&owner).send().expect(204);
    }
    raw(&links[0]).refused(ProblemCode::NotFound);
    assert_eq!(raw(&links[1]).status, 200);
    let past = site.ask("POST", &share).by(&owner).json(&json!({"expires_at": 1})).send();
    assert_eq!(past.refused(ProblemCode::FieldInvalid)["field"], "expires_at");
}

#[test]
fn a_link_ends_when_its_time_is_over() {
    let site = Site::start();
    let owner = site.owner();
    let file = upload(&site, &owner, b"hello", false);
    let soon = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64 + 700;
    let share = site.ask("POST", &format!("/api/share/{}", file["file"].as_str().unwrap())).by(&owner);
    let link = share.json(&json!({"expires_at": soon})).send().expect(201);
    let url = link["url"].as_str().unwrap();
    assert_eq!(site.ask("GET", url).send().status, 200);
    while (std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64) <= soon {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    site.ask("GET", &format!("{url}/raw")).send().refused(ProblemCode::LinkEnded);
    assert_eq!(site.ask("GET", url).send().status, 410);
}

#[test]
fn a_deleted_file_takes_its_links_along() {
    let site = Site::start();
    let owner = site.owner();
    let (first, second) = (upload(&site, &owner, b"same", true), upload(&site, &owner, b"same", true));
    let delete = format!("/api/file/{}", first["file"].as_str().unwrap());
    site.ask("DELETE", &delete).by(&site.owner()).send().refused(ProblemCode::NotFound);
    for _ in 0..2 {
        site.ask("DELETE", &delete).by(&owner).send().expect(204);
    }
    let raw = |file: &Value| site.ask("GET", &format!("{}/raw", file["url"].as_str().unwrap())).send();
    raw(&first).refused(ProblemCode::NotFound);
    assert_eq!(raw(&second).bytes, b"same");
    let listed = site.ask("GET", "/api/files").by(&owner).send().expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
}

#[test]
fn whoever_uploaded_without_a_credential_deletes_by_the_session_key() {
    let site = Site::start();
    let file = upload(&site, "", b"mine", true);
    let delete = format!("/api/file/{}", file["file"].as_str().unwrap());
    site.ask("DELETE", &delete).send().refused(ProblemCode::CredentialMissing);
    site.ask("DELETE", &delete).by(&site.owner()).send().refused(ProblemCode::NotFound);
    let key = file["session_key"].as_str().unwrap();
    for _ in 0..2 {
        site.ask("DELETE", &delete).by(key).send().expect(204);
    }
    let raw = site.ask("GET", &format!("{}/raw", file["url"].as_str().unwrap())).send();
    raw.refused(ProblemCode::NotFound);
}

#[test]
fn a_blob_is_found_by_its_owner_only() {
    let site = Site::start();
    let owner = site.owner();
    let file = upload(&site, &owner, b"hello", true);
    let check = format!("/api/check?h={}", hex(b"hello"));
    let found = site.ask("POST", &check).by(&owner).send().expect(200);
    assert_eq!(found, json!({"blob": file["manifest_digest"], "size": 5, "url": file["url"]}));
    site.ask("POST", &check).by(&site.owner()).send().refused(ProblemCode::NotFound);
    site.ask("POST", &check).send().refused(ProblemCode::NotFound);
    site.ask("POST", &format!("/api/check?h={}", hex(b"other")))
        .by(&owner)
        .send()
        .refused(ProblemCode::NotFound);
    site.ask("POST", "/api/check?h=zz").by(&owner).send().refused(ProblemCode::PathInvalid);
    site.ask("POST", "/api/check").by(&owner).send().refused(ProblemCode::PathInvalid);
}
