//! The upload channel: what PUT takes, by WebSocket.

use std::net::TcpStream;
use std::time::Duration;

use cairn_server::config::Given;
use cairn_server::{Config, Ended};
use cairn_shared::ProblemCode;
use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::{Message, WebSocket};

use crate::run::{declared, missing, rows};
use crate::site::{Site, noise, wait_for};

/// A channel, as a client has it.
struct Channel(WebSocket<TcpStream>);

impl Channel {
    fn open(site: &Site) -> Self {
        Self::open_as(site, &[]).unwrap_or_else(|status| panic!("refused with {status}"))
    }

    /// With further headers; the status where it is refused.
    fn open_as(site: &Site, headers: &[(&'static str, &str)]) -> Result<Self, u16> {
        let stream = TcpStream::connect(site.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut request = format!("ws://{}/api/channel", site.address).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match tungstenite::client(request, stream) {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) => {
                Err(response.status().as_u16())
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn say(&mut self, text: &Value) -> &mut Self {
        self.0.send(Message::text(text.to_string())).unwrap();
        self
    }

    fn put(&mut self, owner: &str, id: &str, index: u32, rows: &[Vec<u8>]) -> &mut Self {
        let bytes = rows.concat();
        self.say(&announced(owner, id, index, rows.len(), bytes.len())).bytes(&bytes)
    }

    /// In messages of an odd length.
    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        for part in bytes.chunks(100_003) {
            self.0.send(Message::binary(part.to_vec())).unwrap();
        }
        self
    }

    fn answer(&mut self) -> Value {
        serde_json::from_str(self.0.read().unwrap().to_text().unwrap()).unwrap()
    }

    #[track_caller]
    fn refused(&mut self, code: ProblemCode) -> Value {
        let answer = self.answer();
        assert_eq!(answer["problem"]["code"], code.as_str(), "{answer}");
        answer["problem"].clone()
    }

    /// Whether the server closes it without another answer.
    fn closes(&mut self) -> bool {
        loop {
            match self.0.read() {
                Err(tungstenite::Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    panic!("it stays open")
                }
                Ok(Message::Close(_)) | Err(_) => return true,
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                Ok(Message::Text(_) | Message::Binary(_)) => return false,
            }
        }
    }
}

fn announced(owner: &str, id: &str, index: u32, rows: usize, length: usize) -> Value {
    json!({"session": id, "index": index, "rows": rows, "length": length, "bearer": owner})
}

#[test]
fn runs_that_come_one_after_the_other_are_a_file() {
    let site = Site::on_disk(&[]);
    let (owner, rows) = (site.owner(), rows());
    let id = declared(&site, &owner, &rows);
    let mut channel = Channel::open(&site);
    assert_eq!(channel.put(&owner, &id, 1, &rows[1..3]).answer(), json!({"ok": {}}));
    assert_eq!(missing(&site, &owner, &id), json!([[0, 1], [3, 4]]));
    // Again, and over what is there, changes nothing.
    for run in [0..4, 0..1, 3..4] {
        let first = run.start as u32;
        assert_eq!(channel.put(&owner, &id, first, &rows[run]).answer(), json!({"ok": {}}));
    }
    let finished = site.ask("POST", &format!("/api/finish/{id}")).by(&owner).send().expect(201);
    let url = finished["url"].as_str().unwrap();
    assert_eq!(site.ask("GET", &format!("{url}/raw")).send().bytes, rows.concat());
}

/// As browsers send what is long.
#[test]
fn messages_may_come_in_fragments_with_pings_between_them() {
    let site = Site::start();
    let (owner, rows) = (site.owner(), rows());
    let id = declared(&site, &owner, &rows);
    let (text, bytes) = (announced(&owner, &id, 0, 1, rows[0].len()).to_string(), &rows[0]);
    let mut channel = Channel::open(&site);
    let mut fragments = |bytes: &[u8], kind: Data| {
        let parts: Vec<&[u8]> = bytes.chunks(bytes.len() / 3).collect();
        for (number, part) in parts.iter().enumerate() {
            let kind = if number == 0 { kind } else { Data::Continue };
            let is_last = number + 1 == parts.len();
            let frame = Frame::message(part.to_vec(), OpCode::Data(kind), is_last);
            channel.0.send(Message::Frame(frame)).unwrap();
            channel.0.send(Message::Ping(vec![number as u8].into())).unwrap();
        }
    };
    fragments(text.as_bytes(), Data::Text);
    fragments(bytes, Data::Binary);
    let mut pongs = 0;
    let answer = loop {
        match channel.0.read().unwrap() {
            Message::Text(text) => break text.to_string(),
            Message::Pong(_) => pongs += 1,
            Message::Binary(_) | Message::Ping(_) | Message::Close(_) | Message::Frame(_) => {
                panic!("not an answer")
            }
        }
    };
    assert_eq!(answer, r#"{"ok":{}}"#);
    assert!(pongs > 0);
    assert_eq!(missing(&site, &owner, &id), json!([[1, 4]]));
}

#[test]
fn what_is_refused_leaves_the_channel_as_it_was() {
    let site = Site::on_disk(&[]);
    let (owner, other, rows) = (site.owner(), site.owner(), rows());
    let id = declared(&site, &owner, &rows);
    let mut channel = Channel::open(&site);
    let unknown = "00112233445566778899aabbccddeeff";
    channel.put(&owner, unknown, 0, &rows[..1]).refused(ProblemCode::NotFound);
    channel.put(&other, &id, 0, &rows[..1]).refused(ProblemCode::NotFound);
    channel
        .put(&format!("own_{}", "A".repeat(43)), &id, 0, &rows[..1])
        .refused(ProblemCode::CredentialUnknown);
    channel.put(&owner, &id, 9, &rows[..1]).refused(ProblemCode::RowUndeclared);
    channel.put(&owner, &id, 1, &rows[..1]).refused(ProblemCode::ChunkLength);
    let wrong = [rows[0].clone(), noise(9, rows[1].len()), rows[2].clone()];
    assert_eq!(channel.put(&owner, &id, 0, &wrong).refused(ProblemCode::DigestMismatch)["at"], 1);
    assert_eq!(missing(&site, &owner, &id), json!([[1, 4]]), "what came whole before is stored");
    assert_eq!(channel.put(&owner, &id, 1, &rows[1..]).answer(), json!({"ok": {}}));
    assert_eq!(missing(&site, &owner, &id), json!([]));
    assert!(wait_for(|| site.stored("tmp").is_empty()));
}

#[test]
fn whoever_opens_it_with_a_credential_need_not_repeat_it() {
    let site = Site::start();
    let (owner, rows) = (site.owner(), rows());
    let id = declared(&site, &owner, &rows);
    let mut channel = Channel::open_as(&site, &[("authorization", &format!("Bearer {owner}"))]).unwrap();
    let mut text = announced("", &id, 0, 1, rows[0].len());
    text.as_object_mut().unwrap().remove("bearer");
    assert_eq!(channel.say(&text).bytes(&rows[0]).answer(), json!({"ok": {}}));
    let mut channel = Channel::open(&site);
    channel.say(&text).bytes(&rows[0]).refused(ProblemCode::NotFound);
}

#[test]
fn what_is_out_of_turn_closes_it() {
    let site = Site::on_disk(&[]);
    let (owner, rows) = (site.owner(), rows());
    let id = declared(&site, &owner, &rows);
    let first = announced(&owner, &id, 0, 1, rows[0].len());

    // No JSON, a field too many, more bytes than anybody may send.
    for (text, code) in [
        (json!("hello"), ProblemCode::FieldInvalid),
        (json!({"session": id, "index": 0, "rows": 1, "length": 1, "more": 1}), ProblemCode::FieldInvalid),
        (announced(&owner, &id, 0, 1, 9 << 20), ProblemCode::BodyLarge),
    ] {
        let mut channel = Channel::open(&site);
        channel.say(&text).refused(code);
        assert!(channel.closes(), "{text}");
    }
    // Bytes that nobody announced.
    assert!(Channel::open(&site).bytes(&[1, 2, 3]).closes());
    // A text before all of the bytes, and more bytes than announced.
    let mut channel = Channel::open(&site);
    channel.say(&first).bytes(&rows[0][..1_000]).say(&first).refused(ProblemCode::BodyBroken);
    assert!(channel.closes());
    let mut channel = Channel::open(&site);
    let (half, _) = rows[0].split_at(400_000);
    channel.say(&first).bytes(half).0.send(Message::binary(vec![7; 300_002])).unwrap();
    channel.refused(ProblemCode::BodyBroken);
    assert!(channel.closes());
    // The client goes away in the middle.
    let mut channel = Channel::open(&site);
    channel.say(&first).bytes(&rows[0][..1_000]);
    drop(channel);
    assert!(wait_for(|| site.stored("tmp").is_empty()));
    assert_eq!(missing(&site, &owner, &id), json!([[0, 4]]));
}

#[test]
fn bytes_that_stall_are_not_waited_for() {
    let site = Site::with(&[("body_idle", "200ms")]);
    let (owner, rows) = (site.owner(), rows());
    let id = declared(&site, &owner, &rows);
    let mut channel = Channel::open(&site);
    channel.say(&announced(&owner, &id, 0, 1, rows[0].len())).bytes(&rows[0][..1_000]);
    channel.refused(ProblemCode::BodySlow);
    assert!(channel.closes());
}

#[test]
fn a_page_of_another_site_gets_none() {
    let site = Site::start();
    let own = format!("http://{}", site.address);
    // As proxies ask that are set up for WebSockets everywhere.
    let page = site.ask("GET", "/healthz").header("connection", "upgrade");
    assert_eq!(page.header("sec-fetch-site", "cross-site").send().status, 200);
    assert!(Channel::open_as(&site, &[("origin", &own)]).is_ok());
    assert!(Channel::open_as(&site, &[("sec-fetch-site", "same-origin"), ("origin", &own)]).is_ok());
    for headers in
        [[("origin", "http://evil.test")], [("origin", "null")], [("sec-fetch-site", "cross-site")]]
    {
        assert_eq!(Channel::open_as(&site, &headers).err(), Some(403), "{headers:?}");
    }
    assert_eq!(Channel::open_as(&site, &[("authorization", "Bearer own_nobody")]).err(), Some(401));
    assert_eq!(Channel::open_as(&site, &[("sec-websocket-version", "7")]).err(), Some(400));
}

/// Else a tab that is left open would hold up the server's end.
#[test]
fn a_server_that_stops_closes_those_that_rest() {
    let data = tempfile::tempdir().unwrap();
    let mut given = Given::new();
    given.insert("listen", "127.0.0.1:0".to_owned());
    given.insert("data", data.path().display().to_string());
    let config = Config::read(&given, |_| None, &data.path().join("none.toml"), false).unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (tell, told) = std::sync::mpsc::channel();
    let server = std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async {
            let running = cairn_server::start(config, None).await.unwrap();
            tell.send(running.address).unwrap();
            running.wait(async { drop(stopped.await) }).await.unwrap()
        })
    });
    let address = told.recv().unwrap();
    let stream = TcpStream::connect(address).unwrap();
    let (mut socket, _) = tungstenite::client(format!("ws://{address}/api/channel"), stream).unwrap();
    stop.send(()).unwrap();
    assert!(matches!(socket.read(), Ok(Message::Close(Some(_)))));
    assert!(matches!(server.join().unwrap(), Ended::Stopped));
}
