//! What no cache is to keep and no search engine to list; and numbers that JSON doesn't carry.

use cairn_shared::ProblemCode;
use serde_json::{Value, json};

use crate::site::{Answer, Site};

fn header(answer: &Answer, name: &str) -> String {
    answer.headers.get(name).cloned().unwrap_or_default()
}

#[test]
fn answers_of_the_api_are_kept_by_no_cache_and_links_are_listed_by_nobody() {
    let site = Site::start();
    let owner = site.owner();
    let ask = |method: &str, path: &str, body: &Value| {
        let asked = site.ask(method, path).by(&owner);
        let answer = if body.is_null() { asked.send() } else { asked.json(body).send() };
        assert_eq!(header(&answer, "cache-control"), "no-store", "{method} {path}");
        assert_eq!(header(&answer, "x-robots-tag"), "", "{method} {path}");
        answer
    };
    let started = ask("POST", "/api/start", &json!({"name": "a", "size": 0})).expect(201);
    let finish = format!("/api/finish/{}", started["session_id"].as_str().unwrap());
    let finished = ask("POST", &finish, &Value::Null).expect(201);
    let made = ask("POST", "/api/folder", &json!({"name": "f"})).expect(201);
    let file = finished["file"].as_str().unwrap();
    ask("POST", "/api/owner", &Value::Null).expect(201);
    ask("POST", &format!("/api/share/{file}"), &Value::Null).expect(201);
    for path in ["/api/files", "/api/folder", &finish.replace("finish", "status")] {
        ask("GET", path, &Value::Null).expect(200);
    }
    // Refusals may hold what was asked for.
    ask("GET", "/api/folder/00", &Value::Null).refused(ProblemCode::NotFound);
    ask("GET", "/api/nothing", &Value::Null).refused(ProblemCode::NotFound);

    let (url, folder) = (finished["url"].as_str().unwrap(), made["url"].as_str().unwrap());
    let raw = format!("{url}/raw");
    for (path, cache) in [
        (url, "no-store"),
        (folder, "no-store"),
        (&raw, "private, no-cache"),
        ("/d/AAAAAAAAAAAAAAAAAAAAAA", "no-store"),
        ("/d/AAAAAAAAAAAAAAAAAAAAAA/raw", "no-store"),
        ("/d", "no-store"),
    ] {
        let answer = site.ask("GET", path).send();
        assert_eq!(header(&answer, "x-robots-tag"), "noindex", "{path}");
        assert_eq!(header(&answer, "cache-control"), cache, "{path}");
    }
    assert_eq!(header(&site.ask("GET", "/healthz").send(), "x-robots-tag"), "");
}

#[test]
fn no_number_is_larger_than_json_carries() {
    const LARGEST: u64 = (1 << 53) - 1;
    let site = Site::start();
    let owner = site.owner();
    let post = |path: &str, body: &Value| site.ask("POST", path).by(&owner).json(body).send();
    let started = post("/api/start", &json!({"name": "a", "size": 0, "mtime": LARGEST})).expect(201);
    let open = post("/api/start", &json!({"name": "b"})).expect(201);
    let of = |verb: &str, session: &Value| format!("/api/{verb}/{}", session["session_id"].as_str().unwrap());
    let finished = post(&of("finish", &started), &json!({})).expect(201);
    let share = format!("/api/share/{}", finished["file"].as_str().unwrap());
    let link = post(&share, &json!({"expires_at": LARGEST})).expect(201);
    assert_eq!(link["expires_at"], LARGEST);
    assert_eq!(site.ask("GET", link["url"].as_str().unwrap()).send().status, 200);
    for large in [LARGEST + 1, u64::MAX] {
        let check = json!({"revision": 1, "at": 0, "chunks": [], "size": large});
        for (path, body, field) in [
            ("/api/start", json!({"name": "a", "size": large}), "size"),
            ("/api/start", json!({"name": "a", "mtime": large}), "mtime"),
            (&of("check", &open), check, "size"),
            (&of("finish", &open), json!({"size": large}), "size"),
            (&share, json!({"expires_at": large}), "expires_at"),
        ] {
            assert_eq!(post(path, &body).refused(ProblemCode::FieldInvalid)["field"], field, "{path}");
        }
        let made = post("/api/folder", &json!({"name": "f"})).expect(201);
        let list = format!("/api/folder/{}?since={large}", made["folder"].as_str().unwrap());
        let refused = site.ask("GET", &list).by(&owner).send().refused(ProblemCode::FieldInvalid);
        assert_eq!(refused["field"], "since");
    }
}
