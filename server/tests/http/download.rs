//! The share page and the bytes behind a link.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use cairn_shared::ProblemCode;
use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustix::net::{AddressFamily, SocketType};
use serde_json::{Value, json};

use crate::site::{Answer, Site, hex, noise, wait_for};

/// Uploads a file of several chunks; its link.
fn upload(site: &Site, name: &str, media_type: &str, bytes: &[u8]) -> Value {
    let fields =
        json!({"name": name, "size": bytes.len(), "media_type": media_type, "chunking": "fixed/65536"});
    let started = site.ask("POST", "/api/start").json(&fields).send().expect(201);
    let id = started["session_id"].as_str().unwrap();
    for (index, block) in bytes.chunks(65_536).enumerate() {
        site.ask("PUT", &format!("/api/upload/{id}/{index}")).body(block).send().expect(204);
    }
    site.ask("POST", &format!("/api/finish/{id}")).send().expect(201)
}

fn raw(finished: &Value) -> String {
    format!("{}/raw", finished["url"].as_str().unwrap())
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map_or("", String::as_str)
}

#[test]
fn ranges_and_conditions_follow_rfc_9110() {
    let site = Site::start();
    let file = noise(1, 200_000);
    let finished = upload(&site, "a.bin", "application/x-thing", &file);
    let path = raw(&finished);
    let tag = format!("\"{}\"", finished["manifest_digest"].as_str().unwrap());
    let whole = site.ask("GET", &path).send();
    assert_eq!(
        (whole.status, header(&whole, "etag"), header(&whole, "accept-ranges")),
        (200, tag.as_str(), "bytes")
    );
    let digest: [u8; 32] = data_encoding::HEXLOWER.decode(hex(&file).as_bytes()).unwrap().try_into().unwrap();
    assert_eq!(header(&whole, "repr-digest"), format!("sha-256=:{}:", data_encoding::BASE64.encode(&digest)));
    assert_eq!(whole.bytes, file);
    for (range, first, last) in [
        ("bytes=0-0", 0, 0),
        ("bytes=65535-65536", 65_535, 65_536),
        ("bytes=100000-", 100_000, 199_999),
        ("bytes=-1", 199_999, 199_999),
        ("bytes=65536-131071", 65_536, 131_071),
    ] {
        let answer = site.ask("GET", &path).header("Range", range).send();
        assert_eq!(answer.status, 206, "{range}");
        assert_eq!(header(&answer, "content-range"), format!("bytes {first}-{last}/200000"));
        assert_eq!(answer.bytes, &file[first..=last], "{range}");
    }
    let beyond = site.ask("GET", &path).header("Range", "bytes=200000-").send();
    assert_eq!(header(&beyond, "content-range"), "bytes */200000");
    beyond.refused(ProblemCode::RangeUnsatisfiable);
    let ask = |name: &str, value: &str| {
        site.ask("GET", &path).header("Range", "bytes=0-9").header(name, value).send()
    };
    assert_eq!(ask("If-Range", &tag).status, 206);
    assert_eq!(ask("If-Range", "\"other\"").status, 200);
    assert_eq!(ask("If-Range", &format!("W/{tag}")).status, 200);
    assert_eq!(ask("If-None-Match", &tag).status, 304);
    assert_eq!(ask("If-None-Match", "\"other\"").status, 206);
    assert_eq!(ask("If-Match", &tag).status, 206);
    ask("If-Match", "\"other\"").refused(ProblemCode::ConditionFailed);
}

#[test]
fn a_file_is_dated_as_it_was_sent_and_named_by_its_address() {
    let site = Site::start();
    let send = |fields: Value| {
        let started = site.ask("POST", "/api/start").json(&fields).send().expect(201);
        let id = started["session_id"].as_str().unwrap().to_owned();
        site.ask("PUT", &format!("/api/upload/{id}/0")).body(b"hello").send().expect(204);
        let finished = site.ask("POST", &format!("/api/finish/{id}")).send().expect(201);
        finished["url"].as_str().unwrap().to_owned()
    };
    let url = send(json!({"name": "50% off.txt", "size": 5, "mtime": 1_500_000_000_999_u64}));
    let page = site.ask("GET", &url).send().text();
    let address = format!("{url}/raw?path=50%25%20off.txt");
    assert!(page.contains(&format!("href=\"{address}\"")), "{page}");
    let given = site.ask("GET", &address).send();
    assert_eq!((given.status, header(&given, "last-modified")), (200, "Fri, 14 Jul 2017 02:40:00 GMT"));
    let since = |name: &str, date: &str| site.ask("GET", &address).header(name, date).send().status;
    assert_eq!(since("If-Modified-Since", "Fri, 14 Jul 2017 02:40:00 GMT"), 304);
    assert_eq!(since("If-Modified-Since", "Fri, 14 Jul 2017 02:39:59 GMT"), 200);
    assert_eq!(since("If-Unmodified-Since", "Fri, 14 Jul 2017 02:39:59 GMT"), 412);
    // Of a date to come nothing is said, and one that was not sent is that of the upload.
    for mtime in [json!(9_000_000_000_000_u64), json!(null)] {
        let mut fields = json!({"name": "a.txt", "size": 5});
        if !mtime.is_null() {
            fields["mtime"] = mtime;
        }
        let url = send(fields);
        assert!(site.ask("GET", &url).send().text().contains(&format!("href=\"{url}/raw/a.txt\"")));
        let given = site.ask("HEAD", &format!("{url}/raw/a.txt")).send();
        let dated = header(&given, "last-modified");
        assert!(given.status == 200 && dated.ends_with(" GMT") && !dated.contains("2255"), "{dated}");
    }
}

#[test]
fn pages_of_other_sites_may_read_what_a_link_gives_and_nothing_else() {
    let site = Site::start();
    let finished = upload(&site, "a.bin", "application/x-thing", &noise(3, 70_000));
    let url = finished["url"].as_str().unwrap();
    let from_elsewhere = |method: &str, path: &str| {
        let ask = site.ask(method, path).header("Origin", "https://o.example");
        ask.header("Sec-Fetch-Site", "cross-site").header("Access-Control-Request-Method", "GET")
    };
    for path in ["raw", "raw/a.bin", "list", "raw/nothing"] {
        let path = format!("{url}/{path}");
        let preflight = from_elsewhere("OPTIONS", &path).send();
        assert_eq!((preflight.status, header(&preflight, "access-control-allow-origin")), (204, "*"));
        assert_eq!(header(&preflight, "access-control-allow-methods"), "GET, HEAD");
        assert!(header(&preflight, "access-control-allow-headers").contains("Range"));
        let given = from_elsewhere("GET", &path).header("Range", "bytes=1-2").send();
        assert_eq!(header(&given, "access-control-allow-origin"), "*");
        assert_eq!(header(&given, "cross-origin-resource-policy"), "cross-origin");
        for exposed in ["Content-Range", "ETag", "Content-Length", "Accept-Ranges", "Content-Disposition"] {
            assert!(header(&given, "access-control-expose-headers").contains(exposed), "{exposed}");
        }
        assert_eq!(header(&given, "access-control-allow-credentials"), "");
    }
    for path in ["/api/files", "/api/start", url, "/healthz"] {
        let answer = from_elsewhere("OPTIONS", path).send();
        assert_eq!((answer.status, header(&answer, "access-control-allow-origin")), (405, ""), "{path}");
    }
    let page = from_elsewhere("GET", url).send();
    assert_eq!(header(&page, "cross-origin-resource-policy"), "same-origin");
    from_elsewhere("POST", "/api/start").json(&json!({"name": "a"})).send().refused(ProblemCode::CrossSite);
}

#[test]
fn head_tells_the_same_without_bytes() {
    let site = Site::start();
    let path = raw(&upload(&site, "a.bin", "image/png", &noise(2, 70_000)));
    let (get, head) = (site.ask("GET", &path).send(), site.ask("HEAD", &path).send());
    assert_eq!((head.status, head.bytes.len()), (200, 0));
    for name in ["content-length", "content-type", "etag", "content-disposition", "content-security-policy"] {
        assert_eq!(header(&get, name), header(&head, name), "{name}");
    }
    assert_eq!(header(&head, "content-length"), "70000");
}

#[test]
fn nothing_uploaded_runs_in_the_origin() {
    let site = Site::start();
    for (name, media_type, expected) in [
        ("a.html", "text/html", "application/octet-stream"),
        ("a.svg", "image/svg+xml", "application/octet-stream"),
        ("a.png", "image/png", "image/png"),
        ("a.txt", "text/plain", "text/plain; charset=utf-8"),
    ] {
        let answer =
            site.ask("GET", &raw(&upload(&site, name, media_type, b"<script>alert(1)</script>"))).send();
        assert_eq!(header(&answer, "content-type"), expected);
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
        assert!(header(&answer, "content-security-policy").starts_with("sandbox;"));
        assert!(header(&answer, "content-disposition").starts_with("attachment;"));
        assert_eq!(header(&answer, "referrer-policy"), "no-referrer");
    }
}

#[test]
fn the_share_page_needs_no_script_and_breaks_on_no_name() {
    let site = Site::start();
    let name = "<img src=x onerror=alert(1)>\u{202e}fdp\"';.exe";
    let finished = upload(&site, name, "text/html", b"hello");
    let url = finished["url"].as_str().unwrap();
    let page = site.ask("GET", url).send();
    assert_eq!((page.status, header(&page, "content-type")), (200, "text/html; charset=utf-8"));
    let html = page.text();
    assert!(!html.contains("<script") && !html.contains("<img") && !html.contains('\u{202e}'), "{html}");
    assert!(
        html.contains("\\u{202E}fdp")
            && html.contains(&format!("{url}/raw"))
            && html.contains(&hex(b"hello"))
    );
    let policy = header(&page, "content-security-policy");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let raw = site.ask("GET", &format!("{url}/raw")).send();
    assert!(
        header(&raw, "content-disposition").contains(
            "filename*=UTF-8''%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E%E2%80%AEfdp%22%27%3B.exe"
        )
    );
}

#[test]
fn unknown_links_give_a_page_and_no_bytes() {
    let site = Site::start();
    for token in ["AAAAAAAAAAAAAAAAAAAAAA", "x", "..%2f..%2fetc%2fpasswd"] {
        let page = site.ask("GET", &format!("/d/{token}")).send();
        assert_eq!(page.status, 404);
        assert!(page.text().contains("<h1>"));
        site.ask("GET", &format!("/d/{token}/raw")).send().refused(ProblemCode::NotFound);
    }
}

/// Asks for all bytes, reads none for a while and then as many as come: how many came, and whether the line broke.
fn pause(site: &Site, raw: &str, pause: Duration) -> (usize, bool) {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    // Little fits on the way.
    set_socket_recv_buffer_size(&socket, 65_536).unwrap();
    rustix::net::connect(&socket, &site.address).unwrap();
    let mut socket = TcpStream::from(socket);
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(socket, "GET {raw} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    std::thread::sleep(pause);
    let mut bytes = Vec::new();
    let ended = socket.read_to_end(&mut bytes);
    (bytes.len(), ended.is_err())
}

/// One who leaves answers unread behind a known proxy takes no more than his share of its connections.
#[test]
fn what_a_client_has_under_way_behind_a_known_proxy_is_counted() {
    let site = Site::with(&[("trusted_proxies", "127.0.0.1"), ("address_connections", "2")]);
    let raw = raw(&upload(&site, "a.bin", "application/x-thing", &noise(1, 16 << 20)));
    let stalled = |client: &str| {
        let mut socket = TcpStream::connect(site.address).unwrap();
        write!(socket, "GET {raw} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {client}\r\n\r\n").unwrap();
        // Its answer has begun, so it counts.
        socket.read_exact(&mut [0; 1_024]).unwrap();
        socket
    };
    let health = |client: &str| site.ask("GET", "/healthz").header("X-Forwarded-For", client).send();
    let _first = stalled("2001:db8::1");
    let second = stalled("2001:db8::2");
    let told = health("2001:db8::3");
    assert_eq!(header(&told, "retry-after"), "1");
    told.refused(ProblemCode::TooManyRequests);
    assert_eq!(health("192.0.2.1").status, 200, "somebody else");
    assert_eq!(site.ask("GET", "/healthz").send().status, 200, "the proxy itself");
    drop(second);
    assert!(wait_for(|| health("2001:db8::3").status == 200), "there is room again");
}

#[test]
fn an_answer_that_nobody_reads_is_not_kept_for_ever() {
    let site = Site::with(&[("answer_idle", "2s")]);
    let size = 16 << 20;
    let raw = raw(&upload(&site, "a.bin", "application/x-thing", &noise(1, size)));
    std::thread::scope(|scope| {
        let long = scope.spawn(|| pause(&site, &raw, Duration::from_secs(6)));
        let short = scope.spawn(|| pause(&site, &raw, Duration::from_millis(200)));
        let (bytes, is_broken) = short.join().unwrap();
        assert!(bytes > size && !is_broken, "{bytes} bytes");
        let (bytes, _) = long.join().unwrap();
        assert!(bytes < size, "{bytes} bytes");
    });
}
