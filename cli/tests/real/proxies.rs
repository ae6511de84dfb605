//! Real proxies before a real server: who is local behind them, and that everything gets through.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::proxy::{Kind, Lines, Proxy};
use crate::server::{Server, done, file, hex, put};

/// People use this name.
const NAME: &str = "files.example.org";

fn server(folder: &tempfile::TempDir, settings: &[(&str, &str)]) -> (Server, u16) {
    let settings: Vec<_> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let server = Server::with(&folder.path().join("data"), 0, &settings);
    let port = server.url.rsplit(':').next().unwrap().parse().unwrap();
    (server, port)
}

/// A request without a body, as `curl -X` sends it; status and answer.
fn ask(port: u16, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    socket.write_all(format!("{head}\r\n").as_bytes()).unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no answer: {answer:?}")), answer)
}

#[test]
fn nobody_behind_a_proxy_is_local() {
    for kind in Kind::ALL {
        for lines in [Lines::Default, Lines::Documented] {
            for settings in [
                &[("CAIRN_PUBLIC_URL", "http://files.example.org")][..],
                &[("CAIRN_HOSTS", "files.example.org")],
                &[("CAIRN_LOCAL_UPLOAD", "false"), ("CAIRN_TRUSTED_PROXIES", "127.0.0.1")],
            ] {
                let folder = tempfile::tempdir().unwrap();
                let (_server, upstream) = server(&folder, settings);
                let Some(proxy) = Proxy::start(kind, upstream, lines) else { break };
                for host in [NAME, "localhost", "127.0.0.1"] {
                    let (status, answer) = ask(proxy.port, "POST", "/api/owner", &[("Host", host)]);
                    let is_refused = (status == 403 && answer.contains("guests_off"))
                        || status == 421
                        // A site of another name, where the proxy has only the one.
                        || !answer.contains("application/problem+json");
                    assert!(is_refused && status != 201, "{kind:?} {lines:?} {settings:?} {host}: {answer}");
                }
            }
        }
    }
}

/// With nothing set at all, what proxies add, the protocol that they speak, or the account that they run under tells of them.
#[test]
fn the_marks_of_proxies_are_seen_without_any_setting() {
    let haproxy = if rustix::process::geteuid().is_root() {
        Some("global\n    user nobody\n    group nogroup")
    } else {
        // Under one's own account, or root's, it can't be told from a person where it listens on loopback alone, as everything that a test
        // starts has to: docs/OPERATIONS.md says so. What it takes to be told, an address of other machines, is tried in `platform/peer.rs`.
        None
    };
    for kind in Kind::ALL {
        let mut all = vec![Lines::Default, Lines::Documented];
        if kind == Kind::Haproxy {
            all = haproxy.map(Lines::And).into_iter().chain([Lines::Documented]).collect();
        }
        for lines in all {
            let folder = tempfile::tempdir().unwrap();
            let (_server, upstream) = server(&folder, &[]);
            let Some(proxy) = Proxy::start(kind, upstream, lines) else { break };
            for host in ["localhost", "127.0.0.1", NAME] {
                let (status, answer) = ask(proxy.port, "POST", "/api/owner", &[("Host", host)]);
                assert_ne!(status, 201, "{kind:?} {lines:?} {host}: {answer}");
            }
            let (status, answer) = ask(upstream, "POST", "/api/owner", &[("Host", "localhost")]);
            assert_eq!(status, 201, "without a proxy: {answer}");
        }
    }
}

#[test]
fn uploads_and_downloads_go_through_every_proxy() {
    for kind in Kind::ALL {
        for lines in [Lines::Default, Lines::Documented] {
            let folder = tempfile::tempdir().unwrap();
            let (_server, upstream) = server(
                &folder,
                &[("CAIRN_PUBLIC_URL", "http://files.example.org"), ("CAIRN_GUESTS", "true")],
            );
            let Some(proxy) = Proxy::start(kind, upstream, lines) else { break };
            // Caddy's lines have names.
            let host = if kind == Kind::Caddy { "localhost" } else { "127.0.0.1" };
            let url = format!("http://{host}:{}", proxy.port);
            let (path, bytes) = file(folder.path(), "a.bin", 7, 9_000_000);
            let put = put(&url, &folder.path().join("state"), &path).output().unwrap();
            let link = done(&put)["url"].as_str().unwrap().to_owned();
            let path = link.strip_prefix(&url).unwrap();
            let (status, _) = ask(proxy.port, "HEAD", &format!("{path}/raw"), &[("Host", NAME)]);
            assert_eq!(status, 200, "{kind:?} {lines:?}");
            let whole = crate::server::download(&link);
            assert!(whole.len() == bytes.len() && hex(&whole) == hex(&bytes), "{kind:?} {lines:?}");
        }
    }
}

/// The lines pass `Host` as it was; an origin is compared with that where browsers send nothing better.
#[test]
fn the_lines_pass_the_host_that_people_use() {
    for kind in Kind::ALL {
        let folder = tempfile::tempdir().unwrap();
        let (_server, upstream) =
            server(&folder, &[("CAIRN_HOSTS", "files.example.org"), ("CAIRN_GUESTS", "true")]);
        let Some(proxy) = Proxy::start(kind, upstream, Lines::Documented) else { continue };
        let host = format!("{NAME}:{}", proxy.port);
        let own = format!("http://{host}");
        let (status, answer) = ask(proxy.port, "POST", "/api/owner", &[("Host", &host), ("Origin", &own)]);
        assert_eq!(status, 201, "{kind:?}: {answer}");
        let foreign = [("Host", host.as_str()), ("Origin", "http://evil.example")];
        let (status, answer) = ask(proxy.port, "POST", "/api/owner", &foreign);
        assert_eq!(status, 403, "{kind:?}: {answer}");
    }
    let folder = tempfile::tempdir().unwrap();
    let (_server, upstream) =
        server(&folder, &[("CAIRN_HOSTS", "files.example.org"), ("CAIRN_GUESTS", "true")]);
    let Some(proxy) = Proxy::start(Kind::Nginx, upstream, Lines::Default) else { return };
    let headers = [("Host", NAME), ("Origin", "http://files.example.org")];
    let (status, answer) = ask(proxy.port, "POST", "/api/owner", &headers);
    assert!(status == 403 && answer.contains("proxy_set_header Host $http_host"), "{answer}");
}

/// HAProxy sends nothing to a server that does not answer when it looks: at its defaults by HTTP/1.0, without `Host`.
#[test]
fn haproxy_finds_the_server_well() {
    for look in ["option httpchk", "option httpchk GET /healthz"] {
        let folder = tempfile::tempdir().unwrap();
        let (_server, upstream) = server(&folder, &[("CAIRN_PUBLIC_URL", "http://files.example.org")]);
        let lines = format!("    {look}\n    stats enable");
        let Some(proxy) = Proxy::start(Kind::Haproxy, upstream, Lines::And(&lines)) else { return };
        let state = || ask(proxy.port, "GET", "/haproxy?stats;csv", &[("Host", NAME)]).1;
        let looked = (0..200).find_map(|_| {
            std::thread::sleep(Duration::from_millis(100));
            Some(state()).filter(|state| state.contains(",L7"))
        });
        let looked = looked.unwrap_or_else(state);
        assert!(looked.contains(",L7OK,"), "{look}: {looked}");
        assert_eq!(ask(proxy.port, "GET", "/healthz", &[("Host", NAME)]).0, 200, "{look}");
    }
}

/// nginx speaks HTTP/1.0 to what is behind it, and adds no length to a POST that has none.
#[test]
fn a_post_without_a_body_is_an_empty_one_behind_a_plain_nginx() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, upstream) = server(&folder, &[("CAIRN_GUESTS", "true")]);
    let Some(proxy) = Proxy::start(Kind::Nginx, upstream, Lines::Default) else { return };
    let (status, answer) = ask(proxy.port, "POST", "/api/owner", &[("Host", "127.0.0.1")]);
    assert_eq!(status, 201, "{answer}");
    let (status, answer) = ask(proxy.port, "POST", "/api/start", &[("Host", "127.0.0.1")]);
    assert!(status == 415 && answer.contains("application/problem+json"), "{answer}");
}

/// A proxy that keeps an answer on its own disk reads nothing while that drains. It is asked not to: here that would take longer than
/// `answer_idle`.
#[test]
fn a_slow_reader_behind_nginx_gets_the_whole_of_a_large_file() {
    slow_reader_gets_all(&[("CAIRN_ANSWER_IDLE", "2s")], "proxy_max_temp_file_size 16m;");
}

/// One that does not listen reads nothing for eleven seconds, and then the rest.
#[test]
fn a_slow_reader_behind_an_nginx_that_buffers_gets_the_whole_of_a_large_file() {
    slow_reader_gets_all(&[], "proxy_max_temp_file_size 44m; proxy_ignore_headers X-Accel-Buffering;");
}

fn slow_reader_gets_all(settings: &[(&str, &str)], lines: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (server, upstream) = server(&folder, settings);
    let (path, bytes) = file(folder.path(), "a.bin", 8, 48_000_000);
    let put = put(&server.url, &folder.path().join("state"), &path).output().unwrap();
    let link = done(&put)["url"].as_str().unwrap().strip_prefix(&server.url).unwrap().to_owned();
    let lines = format!("{lines} proxy_temp_file_write_size 64k;");
    let Some(proxy) = Proxy::start(Kind::Nginx, upstream, Lines::And(&lines)) else { return };
    let received = read_slowly(proxy.port, &format!("{link}/raw"));
    assert!(received.ends_with(&bytes), "{} of {} bytes came", received.len(), bytes.len());
}

/// Reads 4 MB/s through a small window.
fn read_slowly(port: u16, path: &str) -> Vec<u8> {
    use rustix::net::{AddressFamily, SocketAddrV4, SocketType, connect, socket, sockopt};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    sockopt::set_socket_recv_buffer_size(&socket, 65_536).unwrap();
    connect(&socket, &SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, port)).unwrap();
    let mut socket = TcpStream::from(socket);
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    socket
        .write_all(format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").as_bytes())
        .unwrap();
    let mut all = Vec::new();
    let mut piece = vec![0; 40_000];
    loop {
        match socket.read(&mut piece).unwrap() {
            0 => return all,
            length => all.extend_from_slice(&piece[..length]),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
