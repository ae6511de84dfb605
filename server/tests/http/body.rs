//! Bodies that lie, stall, or come while the answer is known already.

use cairn_shared::ProblemCode;
use serde_json::json;

use crate::site::{Site, noise};

fn session(site: &Site, size: usize) -> String {
    let fields = json!({"name": "a", "size": size, "chunking": "fixed/8388608"});
    let started = site.ask("POST", "/api/start").json(&fields).send().expect(201);
    started["session_id"].as_str().unwrap().to_owned()
}

fn head(path: &str, more: &str) -> Vec<u8> {
    format!("PUT {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n").into_bytes()
}

#[track_caller]
fn assert_refused(answer: &str, code: ProblemCode) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {}", code.status())), "{answer}");
    assert!(answer.contains(code.as_str()), "{answer}");
}

#[test]
fn a_body_shorter_than_declared_is_refused_and_nothing_changes() {
    let site = Site::start();
    let id = session(&site, 1_000);
    let mut request = head(&format!("/api/upload/{id}/0"), "Content-Length: 1000\r\n");
    request.extend_from_slice(&[7; 500]);
    assert_refused(&site.raw(&request, true), ProblemCode::BodyShort);
    let status = site.ask("GET", &format!("/api/status/{id}")).send().expect(200);
    assert_eq!(status["missing"], json!([[0, 1]]));
}

#[test]
fn a_chunked_body_may_not_be_longer_or_shorter_than_the_chunk() {
    let site = Site::start();
    let id = session(&site, 1_000);
    let send = |bytes: usize| {
        let mut request = head(&format!("/api/upload/{id}/0"), "Transfer-Encoding: chunked\r\n");
        request.extend_from_slice(format!("{bytes:x}\r\n").as_bytes());
        request.extend_from_slice(&vec![7; bytes]);
        request.extend_from_slice(b"\r\n0\r\n\r\n");
        site.raw(&request, false)
    };
    assert_refused(&send(1_001), ProblemCode::BodyLarge);
    assert_refused(&send(999), ProblemCode::ChunkLength);
    assert!(send(1_000).starts_with("HTTP/1.1 204"));
}

#[test]
fn lying_framing_is_refused() {
    let site = Site::start();
    let id = session(&site, 10);
    let path = format!("/api/upload/{id}/0");
    for more in [
        "Transfer-Encoding: chunked\r\nContent-Length: 10\r\n",
        "Content-Length: 10\r\nContent-Length: 11\r\n",
        "Content-Length: +10\r\n",
        "Content-Length: -1\r\n",
        "Transfer-Encoding: gzip\r\n",
    ] {
        let mut request = head(&path, more);
        request.extend_from_slice(b"0123456789");
        let answer = site.raw(&request, true);
        assert!(answer.starts_with("HTTP/1.1 400"), "{more:?}: {answer}");
    }
    let mut request = head(&path, "Transfer-Encoding: chunked\r\n");
    request.extend_from_slice(b"zz\r\n0123456789\r\n0\r\n\r\n");
    // Framing that can't be read leaves no way to tell where an answer would belong: a 400, or a closed line.
    let answer = site.raw(&request, true);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    let status = site.ask("GET", &format!("/api/status/{id}")).send().expect(200);
    assert_eq!(status["missing"], json!([[0, 1]]));
}

#[test]
fn more_than_any_chunk_is_refused_before_it_is_read() {
    let site = Site::start();
    let id = session(&site, 8 << 20);
    let request = head(&format!("/api/upload/{id}/0"), "Content-Length: 8388609\r\n");
    assert_refused(&site.raw(&request, false), ProblemCode::BodyLarge);
}

#[test]
fn a_stalled_body_gets_408() {
    let site = Site::with(&[("body_idle", "300ms")]);
    let id = session(&site, 1_000);
    let mut request = head(&format!("/api/upload/{id}/0"), "Content-Length: 1000\r\n");
    request.extend_from_slice(&[7; 500]);
    assert_refused(&site.raw(&request, false), ProblemCode::BodySlow);
    let mut request = b"POST /api/start HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{".to_vec();
    request.extend_from_slice(b"\"na");
    assert_refused(&site.raw(&request, false), ProblemCode::BodySlow);
}

#[test]
fn an_early_error_reaches_a_client_that_is_still_sending() {
    let site = Site::start();
    let bytes = noise(1, 8 << 20);
    for (path, code) in [
        ("/api/upload/00112233445566778899aabbccddeeff/0".to_owned(), ProblemCode::NotFound),
        (format!("/api/upload/{}/9", session(&site, 8 << 20)), ProblemCode::IndexOutOfRange),
    ] {
        for _ in 0..5 {
            site.ask("PUT", &path).body(&bytes).send().refused(code);
            let mut request = head(&path, &format!("Content-Length: {}\r\n", bytes.len()));
            request.extend_from_slice(&bytes);
            // The sending side ends behind the body, as curl's does; the server need not wait for more.
            assert_refused(&site.raw(&request, true), code);
        }
    }
}

#[test]
fn what_nobody_reads_does_not_keep_the_connection_open() {
    let site = Site::start();
    for (request, status) in [
        ("GET /healthz", 200),
        ("POST /api/nothing", 404),
        ("DELETE /api/start", 405),
        ("PUT /api/upload/x/0", 404),
    ] {
        let endless = format!(
            "{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n01"
        );
        let answer = site.raw(endless.as_bytes(), false);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request}: {answer}");
    }
}
