//! What proxies make of requests: other hosts and origins, a path in front, HTTP/1.0.

use std::net::TcpStream;

use cairn_shared::ProblemCode;
use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;

use crate::folder::Tree;
use crate::site::{Settings, Site};

/// A file of 5 bytes through `base`; what finish answers, and its `Location`.
fn upload(site: &Site, base: &str) -> (Value, String) {
    let fields = json!({"name": "a.txt", "size": 5});
    let started = site.ask("POST", &format!("{base}/api/start")).json(&fields).send().expect(201);
    let id = started["session_id"].as_str().unwrap();
    site.ask("PUT", &format!("{base}/api/upload/{id}/0")).body(b"hello").send().expect(204);
    let answer = site.ask("POST", &format!("{base}/api/finish/{id}")).send();
    let location = answer.headers["location"].clone();
    (answer.expect(201), location)
}

const BELOW: Settings<'_> = &[("public_url", "https://x.example/cairn/"), ("local_upload", "true")];

#[test]
fn all_works_below_the_path_of_the_public_address() {
    let site = Site::with(BELOW);
    // The proxy takes the path off, or it doesn't.
    for base in ["", "/cairn"] {
        let (finished, location) = upload(&site, base);
        let url = finished["url"].as_str().unwrap();
        assert!(url.starts_with("/d/"), "relative to the server's address: {url}");
        assert_eq!(location, format!("/cairn{url}"), "relative to the origin, as RFC 9110 has it");
        let page = site.ask("GET", &format!("{base}{url}")).send();
        assert_eq!(page.status, 200);
        let text = page.text();
        assert!(text.contains(&format!("href=\"/cairn{url}/raw/a.txt\"")), "{text}");
        assert!(text.contains("href=\"/cairn/\""), "{text}");
        let raw = site.ask("GET", &format!("{base}{url}/raw")).send();
        assert_eq!((raw.status, raw.bytes.as_slice()), (200, &b"hello"[..]));
        let request = format!("ws://{}{base}/api/channel", site.address).into_client_request().unwrap();
        let stream = TcpStream::connect(site.address).unwrap();
        assert_eq!(tungstenite::client(request, stream).unwrap().1.status(), 101);
    }
    let answer = site.raw(b"GET /cairn HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", false);
    assert!(
        answer.starts_with("HTTP/1.1 308") && answer.to_lowercase().contains("location: /cairn/\r\n"),
        "{answer}"
    );
    site.ask("GET", "/cairns/healthz").send().refused(ProblemCode::NotFound);
    assert_eq!(site.ask("GET", "/cairn/healthz").send().status, 200);
}

#[test]
fn the_pages_of_a_folder_lead_on_below_the_path() {
    let site = Site::with(BELOW);
    let tree = Tree::new(&site, &json!({"name": "t", "folders": ["empty"]}));
    tree.put("in/a", b"hello");
    let mut seen = Vec::new();
    for level in [tree.url.clone(), format!("{}?in=in", tree.url)] {
        let html = site.ask("GET", &level).send().text();
        let addresses: Vec<_> =
            html.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert!(addresses.iter().all(|address| address.starts_with("/cairn/")), "{addresses:?}");
        seen.extend(addresses.iter().map(|address| site.ask("GET", address).send().status));
    }
    // Two folders, the page twice, the way up and a file. There is no page in this server.
    seen.sort_unstable();
    assert_eq!(seen, [200, 200, 200, 200, 200, 200], "{seen:?}");
}

#[test]
fn the_page_is_served_below_the_path() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), "<p>the page").unwrap();
    std::fs::write(folder.path().join("boot.js"), "0").unwrap();
    let page = folder.path().display().to_string();
    let site = Site::with(&[("public_url", "https://x.example/cairn"), ("page", &page)]);
    for base in ["", "/cairn"] {
        assert_eq!(site.ask("GET", &format!("{base}/")).send().text(), "<p>the page");
        assert_eq!(site.ask("GET", &format!("{base}/boot.js")).send().text(), "0");
    }
}

#[test]
fn browsers_are_told_of_tls_where_people_use_it() {
    let told = |site: &Site, host: &str, path: &str| {
        let answer = site.ask("GET", path).header("Host", host).send();
        answer.headers.get("strict-transport-security").cloned()
    };
    let site = Site::with(&[("public_url", "https://f.example.org"), ("hosts", "nas.lan")]);
    for path in ["/healthz", "/d/nothing", "/api/files"] {
        assert_eq!(told(&site, "f.example.org", path).as_deref(), Some("max-age=31536000"), "{path}");
        assert_eq!(told(&site, "nas.lan", path), None, "another name of it may have no TLS");
        assert_eq!(told(&site, "localhost", path), None);
    }
    assert_eq!(
        told(&Site::with(&[("public_url", "http://f.example.org")]), "f.example.org", "/healthz"),
        None
    );
}

#[test]
fn bytes_are_passed_on_as_they_come() {
    let site = Site::start();
    let (finished, _) = upload(&site, "");
    let raw = format!("{}/raw", finished["url"].as_str().unwrap());
    for range in ["", "bytes=1-2"] {
        let answer = site.ask("GET", &raw).header("Range", range).send();
        assert_eq!(answer.headers.get("x-accel-buffering").map(String::as_str), Some("no"), "{range}");
    }
}

#[test]
fn a_port_that_the_proxy_dropped_is_not_missed() {
    let site = Site::with(&[
        ("hosts", "nas.lan, *.home.lan"),
        ("guests", "true"),
        ("public_url", "https://bücher.example"),
    ]);
    let post = |host: &str, origin: &str| {
        site.ask("POST", "/api/owner").header("Host", host).header("Origin", origin).send()
    };
    post("nas.lan", "http://nas.lan:8081").expect(201);
    post("files.home.lan", "http://files.home.lan:8081").expect(201);
    post("127.0.0.1:8080", "https://xn--bcher-kva.example").expect(201);
    post("xn--bcher-kva.example", "https://xn--bcher-kva.example").expect(201);
    let problem = post("nas.lan:9000", "http://nas.lan:8081").refused(ProblemCode::CrossSite);
    assert!(problem["detail"].as_str().unwrap().contains("proxy_set_header Host $http_host"), "{problem}");
    post("nas.lan", "http://evil.lan").refused(ProblemCode::CrossSite);
    post("home.lan", "http://home.lan").refused(ProblemCode::HostUnknown);
}

#[test]
fn an_old_post_without_a_length_has_no_body() {
    let site = Site::with(&[("guests", "true")]);
    let post = |path: &str, more: &str| {
        site.raw(
            format!("POST {path} HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n").as_bytes(),
            false,
        )
    };
    let made = post("/api/owner", "");
    assert!(made.contains(" 201 ") && made.contains("own_"), "{made}");
    assert!(post("/api/start", "").contains("media_type_wrong"));
    let id = site.ask("POST", "/api/start").json(&json!({"name": "a", "size": 0})).send().expect(201);
    let finished = post(&format!("/api/finish/{}", id["session_id"].as_str().unwrap()), "");
    assert!(finished.contains(" 201 ") && finished.contains("/d/"), "{finished}");
    // With a length that is said, nothing is added.
    assert!(
        post("/api/start", "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
            .contains("field_invalid")
    );
}
