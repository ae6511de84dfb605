//! The flow of a client that knows nothing of chunk lists.

use cairn_shared::ProblemCode;
use serde_json::{Value, json};

use crate::site::{Site, hex, noise};

const BLOCK: usize = 64 << 10;

fn start(site: &Site, size: Option<usize>) -> Value {
    let mut fields = json!({"name": "a.bin", "chunking": "fixed/65536"});
    if let Some(size) = size {
        fields["size"] = size.into();
    }
    site.ask("POST", "/api/start").json(&fields).send().expect(201)
}

fn put(site: &Site, session: &Value, index: usize, bytes: &[u8]) -> crate::site::Answer {
    site.ask("PUT", &format!("/api/upload/{}/{index}", session["session_id"].as_str().unwrap()))
        .body(bytes)
        .send()
}

fn path(verb: &str, session: &Value) -> String {
    format!("/api/{verb}/{}", session["session_id"].as_str().unwrap())
}

fn raw(site: &Site, finished: &Value) -> Vec<u8> {
    let url = finished["url"].as_str().unwrap();
    let answer = site.ask("GET", &format!("{url}/raw")).send();
    assert_eq!(answer.status, 200);
    answer.bytes
}

#[test]
fn blocks_in_any_order_come_back_as_the_file() {
    let site = Site::start();
    let file = noise(1, BLOCK * 4 + 100);
    let session = start(&site, Some(file.len()));
    assert_eq!((session["chunk_size"].as_u64(), session["chunks"].as_u64()), (Some(BLOCK as u64), Some(5)));
    for index in [4, 0, 2] {
        let end = file.len().min((index + 1) * BLOCK);
        put(&site, &session, index, &file[index * BLOCK..end]).expect(204);
    }
    let status = site.ask("GET", &path("status", &session)).send().expect(200);
    assert_eq!(status["state"], "open");
    assert_eq!(status["received"], json!([[0, 1], [2, 3], [4, 5]]));
    assert_eq!(status["missing"], json!([[1, 2], [3, 4]]));
    assert_eq!(status["size"], file.len());
    let problem = site.ask("POST", &path("finish", &session)).send().refused(ProblemCode::ChunksMissing);
    assert_eq!(problem["ranges"], json!([[1, 2], [3, 4]]));
    for index in [1, 3] {
        put(&site, &session, index, &file[index * BLOCK..(index + 1) * BLOCK]).expect(204);
    }
    let answer = site.ask("POST", &path("finish", &session)).send();
    assert_eq!(
        answer.headers.get("location").cloned(),
        Some(
            String::from_utf8_lossy(&answer.bytes)
                .split("\"url\":\"")
                .nth(1)
                .unwrap()
                .split('"')
                .next()
                .unwrap()
                .to_owned()
        )
    );
    let finished = answer.expect(201);
    assert_eq!(finished["blob"], hex(&file));
    assert_eq!(site.ask("POST", &path("finish", &session)).send().expect(201), finished);
    assert_eq!(raw(&site, &finished), file);
    let status = site.ask("GET", &path("status", &session)).send().expect(200);
    assert_eq!((status["state"].as_str(), &status["finished"]), (Some("finished"), &finished));
}

#[test]
fn a_changed_block_replaces_the_old_one_until_finish() {
    let site = Site::start();
    let file = noise(2, BLOCK * 2);
    let session = start(&site, Some(file.len()));
    put(&site, &session, 0, &noise(3, BLOCK)).expect(204);
    put(&site, &session, 1, &file[BLOCK..]).expect(204);
    put(&site, &session, 0, &file[..BLOCK]).expect(204);
    let finished = site.ask("POST", &path("finish", &session)).send().expect(201);
    assert_eq!(finished["blob"], hex(&file));
    put(&site, &session, 0, &file[..BLOCK]).refused(ProblemCode::SessionFinished);
    site.ask("DELETE", &path("session", &session)).send().refused(ProblemCode::SessionPublished);
    assert_eq!(raw(&site, &finished), file);
}

#[test]
fn an_empty_file_has_a_link() {
    let site = Site::start();
    let session = start(&site, Some(0));
    assert_eq!(session["chunks"], 0);
    let finished = site.ask("POST", &path("finish", &session)).send().expect(201);
    assert_eq!(finished["blob"], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!(raw(&site, &finished), b"");
}

#[test]
fn a_size_that_was_unknown_is_said_at_the_end() {
    let site = Site::start();
    let file = noise(4, BLOCK * 2 + 7);
    let session = start(&site, None);
    assert_eq!(session["chunks"], Value::Null);
    put(&site, &session, 0, &file[..BLOCK]).expect(204);
    put(&site, &session, 2, &file[BLOCK * 2..]).expect(204);
    let status = site.ask("GET", &path("status", &session)).send().expect(200);
    assert_eq!((&status["missing"], &status["size"]), (&json!([[1, 2]]), &Value::Null));
    put(&site, &session, 1, &file[BLOCK..BLOCK * 2]).expect(204);
    let finish = path("finish", &session);
    site.ask("POST", &finish).send().refused(ProblemCode::SizeRequired);
    site.ask("POST", &finish).json(&json!({"size": file.len() + 1})).send().refused(ProblemCode::SizeDiffers);
    let finished = site.ask("POST", &finish).json(&json!({"size": file.len()})).send().expect(201);
    assert_eq!(finished["blob"], hex(&file));
    assert_eq!(raw(&site, &finished), file);
}

#[test]
fn a_file_that_grew_or_shrank_is_revised() {
    let site = Site::start();
    let old = noise(5, BLOCK * 3 + 10);
    let session = start(&site, Some(old.len()));
    for index in 0..4 {
        put(&site, &session, index, &old[index * BLOCK..old.len().min((index + 1) * BLOCK)]).expect(204);
    }
    let mut new = old.clone();
    new.extend_from_slice(&noise(6, BLOCK));
    let check = path("check", &session);
    let revise = json!({"revision": 1, "at": old.len() / BLOCK, "size": new.len(), "chunks": []});
    site.ask("POST", &check).json(&revise).send().expect(200);
    let status = site.ask("GET", &path("status", &session)).send().expect(200);
    assert_eq!((&status["missing"], &status["revision"]), (&json!([[3, 5]]), &json!(1)));
    for index in 3..5 {
        put(&site, &session, index, &new[index * BLOCK..new.len().min((index + 1) * BLOCK)]).expect(204);
    }
    let finished = site.ask("POST", &path("finish", &session)).send().expect(201);
    assert_eq!(finished["blob"], hex(&new));
    assert_eq!(raw(&site, &finished), new);
}

#[test]
fn a_block_of_the_wrong_length_or_place_changes_nothing() {
    let site = Site::start();
    let file = noise(7, BLOCK + 10);
    let session = start(&site, Some(file.len()));
    put(&site, &session, 0, &file[..BLOCK - 1]).refused(ProblemCode::ChunkLength);
    put(&site, &session, 0, &file[..BLOCK + 1]).refused(ProblemCode::ChunkLength);
    put(&site, &session, 1, &file[BLOCK - 1..]).refused(ProblemCode::ChunkLength);
    put(&site, &session, 2, &file[..10]).refused(ProblemCode::IndexOutOfRange);
    put(&site, &session, 0, b"").refused(ProblemCode::ChunkLength);
    let status = site.ask("GET", &path("status", &session)).send().expect(200);
    assert_eq!((&status["received"], &status["missing"]), (&json!([]), &json!([[0, 2]])));
    for index in ["x", "-1", "4294967296", "1.0"] {
        let path = format!("/api/upload/{}/{index}", session["session_id"].as_str().unwrap());
        site.ask("PUT", &path).body(b"x").send().refused(ProblemCode::PathInvalid);
    }
}

#[test]
fn giving_up_is_final() {
    let site = Site::start();
    let session = start(&site, Some(10));
    let delete = path("session", &session);
    site.ask("DELETE", &delete).send().expect(204);
    site.ask("DELETE", &delete).send().expect(204);
    put(&site, &session, 0, &[0; 10]).refused(ProblemCode::SessionEnded);
    site.ask("GET", &path("status", &session)).send().refused(ProblemCode::SessionEnded);
    site.ask("POST", &path("finish", &session)).send().refused(ProblemCode::SessionEnded);
}

#[test]
fn content_digest_is_verified() {
    let site = Site::start();
    let session = start(&site, Some(5));
    let upload = format!("/api/upload/{}/0", session["session_id"].as_str().unwrap());
    let put = |digest: &str| site.ask("PUT", &upload).header("Content-Digest", digest).body(b"hello").send();
    put("sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:").expect(204);
    put("sha-512=:abc=:").expect(204);
    put("sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:").refused(ProblemCode::DigestMismatch);
    put("sha-256=nonsense").refused(ProblemCode::HeaderInvalid);
}
