//! `start`: fields, keys, limits.

use cairn_shared::ProblemCode;
use serde_json::{Value, json};

use crate::site::{Answer, Site};

fn start(site: &Site, bearer: &str, fields: &Value) -> Answer {
    site.ask("POST", "/api/start").by(bearer).json(fields).send()
}

#[test]
fn the_same_key_finds_the_same_session() {
    let site = Site::start();
    let key = "00112233445566778899aabbccddeeff";
    for bearer in [site.owner(), String::new()] {
        let fields = json!({"name": "a", "size": 5, "key": key, "mtime": 1_700_000_000_000u64, "meta": "m", "media_type": "text/plain", "path": "x/a"});
        let first = start(&site, &bearer, &fields).expect(201);
        let again = start(&site, &bearer, &fields).expect(200);
        assert_eq!(first, again);
        for (field, value) in [
            ("name", json!("b")),
            ("size", json!(6)),
            ("mtime", json!(1)),
            ("meta", json!("n")),
            ("path", json!("y/a")),
        ] {
            let mut other = fields.clone();
            other[field] = value;
            start(&site, &bearer, &other).refused(ProblemCode::KeyReused);
        }
    }
    let other = start(&site, &site.owner(), &json!({"name": "other", "key": key})).expect(201);
    assert!(other["session_key"].as_str().unwrap().starts_with("ses_"));
}

#[test]
fn every_bad_field_is_named() {
    let site = Site::start();
    let refused = |field: &str, value: Value| {
        let mut fields = json!({"name": "a"});
        fields[field] = value;
        let problem = start(&site, "", &fields).refused(ProblemCode::FieldInvalid);
        assert_eq!(problem["field"], field, "{problem}");
    };
    for name in ["", "a/b", "..", ".", "a\u{0}b", "a\nb", &"x".repeat(1_025)] {
        refused("name", name.into());
    }
    for size in [json!(9_007_199_254_740_992u64), json!(-1), json!(1.5), json!("5"), json!(1e300), json!([])]
    {
        refused("size", size);
    }
    // 2^53-1 bytes fit into JSON, but not into the rows of one session.
    refused("size", json!(9_007_199_254_740_991u64));
    refused("path", "../a".into());
    refused("chunking", "fixed/1".into());
    refused("chunking", "fixed/8388609".into());
    refused("chunking", "fastcdc-2021/1".into());
    refused("media_type", "text".into());
    refused("meta", "x".repeat(4_097).into());
    refused("key", "short".into());
    refused("mtime", json!(-5));
    refused("folder", "00112233445566778899aabbccddeeff".into());
    refused("surprise", json!(1));
}

#[test]
fn bodies_that_are_no_json_are_refused() {
    let site = Site::start();
    let post = |kind: &str, body: &[u8]| {
        site.ask("POST", "/api/start").header("Content-Type", kind).body(body).send()
    };
    post("application/json", b"{\"name\": ").refused(ProblemCode::JsonInvalid);
    post("application/json", b"\xff\xfe").refused(ProblemCode::JsonInvalid);
    post("application/json", b"{\"name\": \"a\"} trailing").refused(ProblemCode::JsonInvalid);
    post("application/json", b"[]").refused(ProblemCode::FieldInvalid);
    post("application/json; charset=utf-8", b"{\"name\": \"a\"}").expect(201);
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx"]
    {
        post(kind, b"{\"name\": \"a\"}").refused(ProblemCode::MediaTypeWrong);
    }
    let squeezed =
        site.ask("POST", "/api/start").header("Content-Encoding", "gzip").json(&json!({"name": "a"})).send();
    squeezed.refused(ProblemCode::MediaTypeWrong);
    let large = format!("{{\"name\": \"a\", \"meta\": \"{}\"}}", "x".repeat(70_000));
    post("application/json", large.as_bytes()).refused(ProblemCode::BodyLarge);
}
