//! The page: precompressed, under its policy, and never in the way of the routes.

use std::fs;

use cairn_shared::ProblemCode;

use crate::site::Site;

fn page() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [
        ("index.html", "<!doctype html>plain"),
        ("index.html.br", "squeezed"),
        ("app-0123456789abcdef.js", "plain"),
        ("worker.js", "plain"),
    ] {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

#[test]
fn the_page_comes_squeezed_and_under_its_policy() {
    let folder = page();
    let site = Site::with(&[("page", folder.path().to_str().unwrap())]);
    let plain = site.ask("GET", "/").header("Accept-Encoding", "identity").send();
    assert_eq!((plain.status, plain.text().as_str()), (200, "<!doctype html>plain"));
    let squeezed = site.ask("GET", "/").header("Accept-Encoding", "gzip, br").send();
    assert_eq!(squeezed.headers.get("content-encoding").map(String::as_str), Some("br"));
    assert_eq!(squeezed.headers.get("content-type").map(String::as_str), Some("text/html; charset=utf-8"));
    let policy = &squeezed.headers["content-security-policy"];
    assert!(policy.starts_with("default-src 'none'; script-src 'self' 'wasm-unsafe-eval';"), "{policy}");
    assert!(!policy.contains("unsafe-inline"));
    assert_eq!(squeezed.headers.get("x-content-type-options").map(String::as_str), Some("nosniff"));
}

#[test]
fn only_names_with_a_hash_are_kept_for_ever() {
    let folder = page();
    let site = Site::with(&[("page", folder.path().to_str().unwrap())]);
    let cache = |path: &str| site.ask("GET", path).send().headers["cache-control"].clone();
    assert!(cache("/app-0123456789abcdef.js").contains("immutable"));
    assert_eq!(cache("/worker.js"), "no-cache");
    assert_eq!(cache("/"), "no-cache");
    let worker = site.ask("GET", "/worker.js").send();
    let again = site.ask("GET", "/worker.js").header("If-None-Match", &worker.headers["etag"]).send();
    assert_eq!(again.status, 304);
}

#[test]
fn the_page_hides_no_route_and_serves_no_other_file() {
    let folder = page();
    let site = Site::with(&[("page", folder.path().to_str().unwrap())]);
    assert_eq!(site.ask("GET", "/healthz").send().text(), "ready\n");
    site.ask("POST", "/api/nothing").send().refused(ProblemCode::NotFound);
    for path in ["/../secret", "/%2e%2e/secret", "/..%2fsecret", "/nothing", "//etc/passwd", "/.hidden"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let answer = site.raw(request.as_bytes(), false);
        assert!(answer.starts_with("HTTP/1.1 4"), "{path}: {answer}");
    }
}
