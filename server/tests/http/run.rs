//! Several rows in one body: as durable, and as strict, as one by one.

use std::io::Write;
use std::net::TcpStream;

use cairn_shared::ProblemCode;
use serde_json::{Value, json};

use crate::site::{Ask, Site, hex, noise, wait_for};

/// A session whose rows are these, all of them declared.
pub(crate) fn declared(site: &Site, owner: &str, rows: &[Vec<u8>]) -> String {
    let size: usize = rows.iter().map(Vec::len).sum();
    let start = json!({"name": "run.bin", "size": size, "chunking": "fastcdc-2020/1"});
    let started = site.ask("POST", "/api/start").by(owner).json(&start).send().expect(201);
    let id = started["session_id"].as_str().unwrap().to_owned();
    let chunks: Vec<Value> =
        rows.iter().map(|row| json!({"digest": hex(row), "length": row.len()})).collect();
    let check = json!({"revision": 0, "at": 0, "chunks": chunks});
    site.ask("POST", &format!("/api/check/{id}")).by(owner).json(&check).send().expect(200);
    id
}

fn put<'a>(site: &'a Site, owner: &str, id: &str, at: u32, rows: &str) -> Ask<'a> {
    site.ask("PUT", &format!("/api/upload/{id}/{at}?rows={rows}")).by(owner)
}

pub(crate) fn missing(site: &Site, owner: &str, id: &str) -> Value {
    site.ask("GET", &format!("/api/status/{id}")).by(owner).send().expect(200)["missing"].clone()
}

pub(crate) fn rows() -> Vec<Vec<u8>> {
    // The first length is no multiple of what is written at once, the second one is.
    vec![noise(1, 700_001), noise(2, 256 * 1_024), noise(3, 300_000), noise(4, 1)]
}

#[test]
fn rows_that_come_together_are_a_file() {
    let site = Site::on_disk(&[]);
    let (owner, rows) = (site.owner(), rows());
    let id = declared(&site, &owner, &rows);
    put(&site, &owner, &id, 1, "2").body(&rows[1..3].concat()).send().expect(204);
    assert_eq!(missing(&site, &owner, &id), json!([[0, 1], [3, 4]]));
    // Again, and over what is there, changes nothing.
    put(&site, &owner, &id, 0, "4").body(&rows.concat()).send().expect(204);
    put(&site, &owner, &id, 0, "1").body(&rows[0]).send().expect(204);
    assert_eq!(missing(&site, &owner, &id), json!([]));
    let finished = site.ask("POST", &format!("/api/finish/{id}")).by(&owner).send().expect(201);
    let url = finished["url"].as_str().unwrap();
    assert_eq!(site.ask("GET", &format!("{url}/raw")).send().bytes, rows.concat());
}

#[test]
fn what_came_whole_before_a_wrong_row_or_a_break_is_stored() {
    let site = Site::on_disk(&[]);
    let (owner, rows) = (site.owner(), rows());
    let id = declared(&site, &owner, &rows);
    let wrong = [&rows[0][..], &noise(9, rows[1].len()), &rows[2]].concat();
    let refused = put(&site, &owner, &id, 0, "3").body(&wrong).send().refused(ProblemCode::DigestMismatch);
    assert_eq!(refused["at"], 1);
    assert_eq!(missing(&site, &owner, &id), json!([[1, 4]]));
    // The sender goes away inside the third row.
    let (body, whole) = (rows[1..].concat(), rows[1].len());
    let head = format!(
        "PUT /api/upload/{id}/1?rows=3 HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {owner}\r\nContent-Length: {}\r\n\r\n",
        site.address,
        body.len()
    );
    let mut socket = TcpStream::connect(site.address).unwrap();
    socket.write_all(&[head.as_bytes(), &body[..whole + 1_000]].concat()).unwrap();
    drop(socket);
    assert!(wait_for(|| missing(&site, &owner, &id) == json!([[2, 4]])));
    assert!(wait_for(|| site.stored("tmp").is_empty()));
}

#[test]
fn a_long_run_arrives_a_few_rows_at_a_time() {
    let site = Site::on_disk(&[]);
    let owner = site.owner();
    let rows: Vec<Vec<u8>> = (0..11).map(|n| noise(40 + n, 3_000 + n as usize)).collect();
    let id = declared(&site, &owner, &rows);
    let mut wrong = rows.concat();
    let at: usize = rows[..9].iter().map(Vec::len).sum();
    wrong[at] ^= 1;
    let refused = put(&site, &owner, &id, 0, "11").body(&wrong).send().refused(ProblemCode::DigestMismatch);
    assert_eq!(refused["at"], 9);
    assert_eq!(missing(&site, &owner, &id), json!([[9, 11]]));
    put(&site, &owner, &id, 9, "2").body(&rows[9..].concat()).send().expect(204);
    assert_eq!(missing(&site, &owner, &id), json!([]));
}

#[test]
fn a_run_that_cannot_be_is_refused_before_it_is_read() {
    let site = Site::on_disk(&[]);
    let (owner, rows) = (site.owner(), rows());
    let id = declared(&site, &owner, &rows);
    for number in ["0", "65"] {
        let refused = put(&site, &owner, &id, 0, number).body(b"x").send();
        assert_eq!(refused.refused(ProblemCode::FieldInvalid)["field"], "rows", "{number}");
    }
    for nonsense in ["-1", "x", "", "1&more=2"] {
        put(&site, &owner, &id, 0, nonsense).body(b"x").send().refused(ProblemCode::PathInvalid);
    }
    let refused = put(&site, &owner, &id, 2, "3").body(&rows[2..].concat()).send();
    assert_eq!(refused.refused(ProblemCode::RowUndeclared)["at"], 4);
    let short = rows[..2].concat();
    let refused = put(&site, &owner, &id, 0, "2").body(&short[1..]).send();
    assert_eq!(refused.refused(ProblemCode::ChunkLength)["at"], 0);
    let digest = ("content-digest", "sha-256=:AAAA:");
    put(&site, &owner, &id, 0, "2")
        .header(digest.0, digest.1)
        .body(&short)
        .send()
        .refused(ProblemCode::HeaderInvalid);
    let large: Vec<Vec<u8>> = (0..3).map(|n| noise(20 + n, 3 << 20)).collect();
    let id = declared(&site, &owner, &large);
    put(&site, &owner, &id, 0, "3").body(&large.concat()).send().refused(ProblemCode::BodyLarge);
    put(&site, &owner, &id, 0, "2").body(&large[..2].concat()).send().expect(204);
    let (start, fixed) = (json!({"name": "fixed", "size": 200_000}), noise(30, 200_000));
    let started = site.ask("POST", "/api/start").by(&owner).json(&start).send().expect(201);
    let id = started["session_id"].as_str().unwrap();
    let refused = put(&site, &owner, id, 0, "1").body(&fixed).send();
    assert_eq!(refused.refused(ProblemCode::RowUndeclared)["at"], 0);
}
