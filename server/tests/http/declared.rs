//! Sessions whose rows are declared: what the engine speaks.

use cairn_shared::{ChunkRule, Manifest, ProblemCode, Row};
use serde_json::{Value, json};

use crate::site::{Answer, Site, hex, noise};

struct Client<'a> {
    site: &'a Site,
    bearer: String,
    id: String,
}

impl<'a> Client<'a> {
    fn start(site: &'a Site, bearer: &str, size: usize) -> Self {
        let fields = json!({"name": "a.bin", "size": size, "chunking": "fastcdc-2020/1"});
        let started = site.ask("POST", "/api/start").by(bearer).json(&fields).send().expect(201);
        assert_eq!(started["chunk_size"], Value::Null);
        Self { site, bearer: bearer.to_owned(), id: started["session_id"].as_str().unwrap().to_owned() }
    }

    fn check(&self, revision: u32, at: u32, chunks: &[Vec<u8>]) -> Answer {
        let rows: Vec<_> =
            chunks.iter().map(|bytes| json!({"digest": hex(bytes), "length": bytes.len()})).collect();
        self.post("check", &json!({"revision": revision, "at": at, "chunks": rows}))
    }

    fn post(&self, verb: &str, body: &Value) -> Answer {
        self.site.ask("POST", &format!("/api/{verb}/{}", self.id)).by(&self.bearer).json(body).send()
    }

    fn put(&self, index: usize, bytes: &[u8]) -> Answer {
        self.site.ask("PUT", &format!("/api/upload/{}/{index}", self.id)).by(&self.bearer).body(bytes).send()
    }

    fn status(&self) -> Value {
        self.site.ask("GET", &format!("/api/status/{}", self.id)).by(&self.bearer).send().expect(200)
    }
}

fn chunks(seed: u64, lengths: &[usize]) -> Vec<Vec<u8>> {
    lengths.iter().enumerate().map(|(at, length)| noise(seed + at as u64, *length)).collect()
}

fn manifest(chunks: &[Vec<u8>]) -> String {
    let rows =
        chunks.iter().map(|bytes| Row { digest: hex(bytes).parse().unwrap(), length: bytes.len() as u32 });
    Manifest { rule: ChunkRule::FastCdc, rows: rows.collect() }.digest().to_string()
}

#[test]
fn rows_are_asked_for_sent_and_published() {
    let site = Site::start();
    let owner = site.owner();
    let chunks = chunks(10, &[300_000, 500_000, 1_000]);
    let client = Client::start(&site, &owner, 801_000);
    assert_eq!(client.check(0, 0, &chunks).expect(200)["chunks"], json!(["need", "need", "need"]));
    client.put(1, &chunks[1]).expect(204);
    client.put(1, &chunks[1]).expect(204);
    assert_eq!(client.check(0, 0, &chunks).expect(200)["chunks"], json!(["need", "have", "need"]));
    assert_eq!(client.status()["missing"], json!([[0, 1], [2, 3]]));
    client.put(0, &chunks[0]).expect(204);
    let finish = json!({"revision": 0, "chunks": 3, "size": 801_000, "manifest_digest": manifest(&chunks)});
    client.post("finish", &finish).refused(ProblemCode::ChunksMissing);
    client.put(2, &chunks[2]).expect(204);
    let mut other = finish.clone();
    other["manifest_digest"] = manifest(&chunks[..2]).into();
    client.post("finish", &other).refused(ProblemCode::ManifestDiffers);
    other = finish.clone();
    other["size"] = 801_001.into();
    client.post("finish", &other).refused(ProblemCode::SizeDiffers);
    let finished = client.post("finish", &finish).expect(201);
    assert_eq!(finished["manifest_digest"], manifest(&chunks));
    assert_eq!(finished["blob"], hex(&chunks.concat()));
    let again = Client::start(&site, &owner, 801_000);
    assert_eq!(again.check(0, 0, &chunks).expect(200)["chunks"], json!(["have", "have", "have"]));
    again.post("finish", &finish).expect(201);
}

#[test]
fn knowing_a_digest_gives_nothing_to_others() {
    let site = Site::start();
    let chunks = chunks(20, &[300_000]);
    let first = Client::start(&site, &site.owner(), 300_000);
    first.check(0, 0, &chunks).expect(200);
    first.put(0, &chunks[0]).expect(204);
    let second = Client::start(&site, &site.owner(), 300_000);
    assert_eq!(second.check(0, 0, &chunks).expect(200)["chunks"], json!(["prove"]));
    second.post("finish", &json!({})).refused(ProblemCode::ChunksMissing);
    // Whoever can't prove sends.
    second.put(0, &chunks[0]).expect(204);
    second.post("finish", &json!({})).expect(201);
}

#[test]
fn revisions_replace_and_never_go_back() {
    let site = Site::start();
    let old = chunks(30, &[300_000, 300_000, 300_000]);
    let client = Client::start(&site, &site.owner(), 900_000);
    client.check(0, 0, &old).expect(200);
    for (index, bytes) in old.iter().enumerate() {
        client.put(index, bytes).expect(204);
    }
    let new = vec![old[0].clone(), noise(99, 400_000), old[2].clone()];
    let problem = client.check(0, 0, &new).refused(ProblemCode::RowDiffers);
    assert_eq!((&problem["at"], &problem["revision"]), (&json!(1), &json!(0)));
    client.check(2, 1, &new[1..]).refused(ProblemCode::RevisionGap);
    assert_eq!(client.check(1, 1, &new[1..]).expect(200)["chunks"], json!(["need", "have"]));
    let problem = client.check(0, 0, &old).refused(ProblemCode::RevisionOld);
    assert_eq!(problem["revision"], 1);
    client.check(1, 9, &new).refused(ProblemCode::IndexOutOfRange);
    client.put(1, &old[1]).refused(ProblemCode::ChunkLength);
    client.put(1, &new[1]).expect(204);
    client.post("finish", &json!({"revision": 0})).refused(ProblemCode::RevisionOld);
    let finished = client.post("finish", &json!({"revision": 1, "chunks": 3, "size": 1_000_000})).expect(201);
    assert_eq!(finished["blob"], hex(&new.concat()));
    client.check(1, 0, &new).refused(ProblemCode::SessionFinished);
}

#[test]
fn undeclared_and_wrong_chunks_change_nothing() {
    let site = Site::start();
    let chunks = chunks(40, &[300_000]);
    let client = Client::start(&site, &site.owner(), 300_000);
    client.put(0, &chunks[0]).refused(ProblemCode::RowUndeclared);
    client.check(0, 0, &chunks).expect(200);
    let problem = client.put(0, &noise(41, 300_000)).refused(ProblemCode::DigestMismatch);
    assert_eq!(problem["at"], 0);
    client.put(0, &chunks[0][1..]).refused(ProblemCode::ChunkLength);
    client.put(1, &chunks[0]).refused(ProblemCode::RowUndeclared);
    assert_eq!(client.status()["missing"], json!([[0, 1]]));
    client.put(0, &chunks[0]).expect(204);
}

#[test]
fn malformed_checks_name_the_field() {
    let site = Site::start();
    let client = Client::start(&site, &site.owner(), 300_000);
    let field = |body: Value| client.post("check", &body).refused(ProblemCode::FieldInvalid)["field"].clone();
    let row = json!({"digest": hex(b"x"), "length": 1});
    assert_eq!(
        field(json!({"revision": 0, "at": 0, "chunks": [row, {"digest": "zz", "length": 1}]})),
        "chunks[1].digest"
    );
    assert_eq!(
        field(json!({"revision": 0, "at": 0, "chunks": [{"digest": hex(b"x"), "length": 0}]})),
        "chunks[0].length"
    );
    assert_eq!(
        field(json!({"revision": 0, "at": 0, "chunks": [{"digest": hex(b"x"), "length": 4_194_305}]})),
        "chunks[0].length"
    );
    assert_eq!(field(json!({"revision": -1, "at": 0, "chunks": []})), "revision");
    assert_eq!(field(json!({"revision": 0, "at": 4_294_967_296u64, "chunks": []})), "at");
    let many: Vec<_> = (0..4_097).map(|_| row.clone()).collect();
    assert_eq!(field(json!({"revision": 0, "at": 0, "chunks": many})), "chunks");
    client.post("finish", &json!({"surprise": 1})).refused(ProblemCode::FieldInvalid);
}

#[test]
fn a_range_finds_its_row_among_many() {
    let site = Site::start();
    let few = chunks(70, &[1_000, 1_300, 900, 1_100, 1_001]);
    let all: Vec<_> = few.iter().cycle().take(1_203).cloned().collect();
    let bytes = all.concat();
    let client = Client::start(&site, &site.owner(), bytes.len());
    client.check(0, 0, &all).expect(200);
    for (index, bytes) in few.iter().enumerate() {
        client.put(index, bytes).expect(204);
    }
    let finished = client.post("finish", &json!({})).expect(201);
    let raw = format!("{}/raw", finished["url"].as_str().unwrap());
    // Far, near and far again: nothing is found in the wrong place, whatever was kept of the looks before.
    for first in [1_200_000, 0, 700_000, 271_350, 271_351, 271_352, bytes.len() - 1, 999, 1_000, 1_200_000] {
        let last = (first + 300_000).min(bytes.len() - 1);
        let answer = site.ask("GET", &raw).header("Range", &format!("bytes={first}-{last}")).send();
        assert_eq!(answer.status, 206);
        assert!(answer.bytes == bytes[first..=last], "from {first}");
    }
}
