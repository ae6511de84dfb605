//! Hosts, origins, credentials, guests.

use cairn_shared::ProblemCode;
use serde_json::json;

use crate::site::Site;

#[test]
fn foreign_hosts_are_told_off() {
    let site = Site::with(&[("hosts", "files.example.org"), ("public_url", "https://f.example.org")]);
    let ask = |host: &str| site.ask("GET", "/healthz").header("Host", host).send();
    for known in ["localhost", "127.0.0.1:1", "files.example.org", "f.example.org:443", "10.0.0.7"] {
        assert_eq!(ask(known).status, 200, "{known}");
    }
    for foreign in ["evil.test", "files.example.org.evil.test"] {
        ask(foreign).refused(ProblemCode::HostUnknown);
    }
    let answer = site
        .raw(b"GET http://evil.test/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", false);
    assert!(answer.starts_with("HTTP/1.1 421"), "{answer}");
    let answer = site.raw(b"GET /api/files HTTP/1.0\r\n\r\n", false);
    assert!(answer.starts_with("HTTP/1.0 421") || answer.starts_with("HTTP/1.1 421"), "{answer}");
}

#[test]
fn other_sites_may_not_send() {
    let site = Site::start();
    let post = |name: &str, value: &str| {
        site.ask("POST", "/api/start").header(name, value).json(&json!({"name": "a"})).send()
    };
    post("Sec-Fetch-Site", "cross-site").refused(ProblemCode::CrossSite);
    post("Sec-Fetch-Site", "same-site").refused(ProblemCode::CrossSite);
    post("Origin", "https://evil.test").refused(ProblemCode::CrossSite);
    post("Origin", "null").refused(ProblemCode::CrossSite);
    post("Origin", &format!("http://{}", site.address)).expect(201);
    post("Sec-Fetch-Site", "same-origin").expect(201);
    assert_eq!(site.ask("GET", "/healthz").header("Sec-Fetch-Site", "cross-site").send().status, 200);
    let answer = site.ask("GET", "/healthz").header("Origin", "https://evil.test").send();
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
}

#[test]
fn only_this_machine_uploads_unless_guests_may() {
    let site = Site::start();
    let post = |site: &Site, name: &str, value: &str| {
        site.ask("POST", "/api/start").header(name, value).json(&json!({"name": "a"})).send()
    };
    for (name, value) in [
        ("Host", "192.168.1.5"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Forwarded-Proto", "http"),
        ("Forwarded", "for=127.0.0.1"),
        ("Via", "1.1 proxy"),
        ("X-Real-IP", "192.0.2.1"),
        ("CF-Connecting-IP", "192.0.2.1"),
        ("True-Client-IP", "192.0.2.1"),
        ("CDN-Loop", "cdn"),
    ] {
        let problem = post(&site, name, value).refused(ProblemCode::GuestsOff);
        assert!(problem["detail"].as_str().unwrap().contains("CAIRN_GUESTS=true"), "{problem}");
    }
    let old = "POST /api/owner HTTP/1.0\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
    assert!(site.raw(old.as_bytes(), false).contains("guests_off"));
    site.ask("POST", "/api/owner").header("Via", "1.1 proxy").send().refused(ProblemCode::GuestsOff);
    let open = Site::with(&[("guests", "true")]);
    post(&open, "X-Forwarded-For", "10.1.1.1").expect(201);
}

#[test]
fn nobody_is_local_where_others_are_to_come() {
    let post = |site: &Site| site.ask("POST", "/api/owner").send();
    for (key, value) in
        [("public_url", "https://f.example.org"), ("hosts", "f.example.org"), ("local_upload", "false")]
    {
        let problem = post(&Site::with(&[(key, value)])).refused(ProblemCode::GuestsOff);
        let variable = format!("CAIRN_{}", key.to_uppercase());
        assert!(problem["detail"].as_str().unwrap().contains(&variable), "{problem}");
        // A trusted proxy makes nobody local either.
        let trusting = Site::with(&[(key, value), ("trusted_proxies", "127.0.0.1")]);
        post(&trusting).refused(ProblemCode::GuestsOff);
    }
    let trusting = Site::with(&[("trusted_proxies", "127.0.0.1")]);
    let forwarded = trusting.ask("POST", "/api/owner").header("X-Forwarded-For", "127.0.0.1").send();
    forwarded.refused(ProblemCode::GuestsOff);
    post(&Site::with(&[("public_url", "https://f.example.org"), ("local_upload", "true")])).expect(201);
}

#[test]
fn unknown_credentials_are_401_everywhere() {
    let site = Site::start();
    let key = "A".repeat(43);
    for bearer in [format!("own_{key}"), format!("tok_{key}"), "own_short".to_owned(), "nonsense".to_owned()]
    {
        site.ask("POST", "/api/start")
            .by(&bearer)
            .json(&json!({"name": "a"}))
            .send()
            .refused(ProblemCode::CredentialUnknown);
        let answer = site.ask("GET", "/api/files").by(&bearer).send();
        assert_eq!(answer.headers.get("www-authenticate").map(String::as_str), Some("Bearer"));
        answer.refused(ProblemCode::CredentialUnknown);
    }
    site.ask("GET", "/api/files")
        .header("Authorization", "Basic YTpi")
        .send()
        .refused(ProblemCode::CredentialUnknown);
    site.ask("GET", "/api/files").send().refused(ProblemCode::CredentialMissing);
}

#[test]
fn a_session_key_opens_its_session_and_nothing_else() {
    let site = Site::start();
    let owner = site.owner();
    let fields = json!({"name": "a", "size": 0});
    let session = site.ask("POST", "/api/start").by(&owner).json(&fields).send().expect(201);
    let other = site.ask("POST", "/api/start").by(&owner).json(&fields).send().expect(201);
    let key = session["session_key"].as_str().unwrap();
    let status =
        |session: &serde_json::Value| format!("/api/status/{}", session["session_id"].as_str().unwrap());
    site.ask("GET", &status(&session)).by(key).send().expect(200);
    site.ask("GET", &status(&other)).by(key).send().refused(ProblemCode::NotFound);
    site.ask("GET", &status(&session)).by(&site.owner()).send().refused(ProblemCode::NotFound);
    site.ask("GET", &status(&session)).send().refused(ProblemCode::NotFound);
    site.ask("GET", "/api/files").by(key).send().refused(ProblemCode::CredentialUnknown);
    site.ask("POST", "/api/start").by(key).json(&fields).send().refused(ProblemCode::CredentialUnknown);
}

#[test]
fn other_methods_and_addresses_say_so() {
    let site = Site::start();
    for method in ["PATCH", "TRACE", "OPTIONS", "PUT", "DELETE", "GET"] {
        site.ask(method, "/api/start").send().refused(ProblemCode::MethodNotAllowed);
    }
    site.ask("POST", "/api/nothing").send().refused(ProblemCode::NotFound);
    site.ask("GET", "/api/status/xyz").send().refused(ProblemCode::NotFound);
    site.ask("GET", "/api/status/00112233445566778899aabbccddeeff").send().refused(ProblemCode::NotFound);
    let answer = site.ask("GET", "/healthz").send();
    assert_eq!(answer.headers.get("x-content-type-options").map(String::as_str), Some("nosniff"));
    assert_eq!(site.ask("HEAD", "/healthz").send().status, 200);
}
