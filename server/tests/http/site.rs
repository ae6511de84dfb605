//! A server of its own for a test, and a small client.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use cairn_server::config::Given;
use cairn_server::{Config, Stores};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Everything a test may change.
pub(crate) type Settings<'a> = &'a [(&'static str, &'a str)];

/// A running server; it stops when it is dropped.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    stop: Option<actix_web::dev::ServerHandle>,
    thread: Option<std::thread::JoinHandle<()>>,
    data: tempfile::TempDir,
}

impl Site {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// Over memory stores.
    pub(crate) fn with(settings: Settings<'_>) -> Self {
        let stores = Stores { meta: cairn_store::meta::memory(), chunks: cairn_store::chunk::memory() };
        Self::over(settings, Some(stores))
    }

    /// Over a data folder on disk.
    pub(crate) fn on_disk(settings: Settings<'_>) -> Self {
        Self::over(settings, None)
    }

    pub(crate) fn over(settings: Settings<'_>, stores: Option<Stores>) -> Self {
        let data = tempfile::tempdir().unwrap();
        let config = config(data.path(), settings);
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async {
                let running = cairn_server::start(config, stores).await.unwrap();
                tell.send((running.address, running.handle())).unwrap();
                let ended = running.wait(std::future::pending()).await.unwrap();
                assert!(matches!(ended, cairn_server::Ended::Stopped));
            });
        });
        let (address, stop) = told.recv().unwrap();
        Self { address, stop: Some(stop), thread: Some(thread), data }
    }

    /// Every file below a folder of the data folder, with its bytes.
    pub(crate) fn stored(&self, folder: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.data.path().join(folder)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if ["store", "witness", "lock", "last"].iter().any(|name| path.ends_with(name)) {
                    // They say whose the chunks are, and which folder is the last.
                } else if let Ok(bytes) = std::fs::read(&path) {
                    // One that went between listing and reading is a temporary file.
                    files.insert(path, bytes);
                }
            }
        }
        files
    }

    pub(crate) fn ask(&self, method: &str, path: &str) -> Ask<'_> {
        Ask {
            site: self,
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// An owner's bearer credential.
    pub(crate) fn owner(&self) -> String {
        let made = self.ask("POST", "/api/owner").send().expect(201);
        made["owner_key"].as_str().unwrap().to_owned()
    }

    /// Writes raw bytes, ends the sending side where asked to, and reads until the server closes.
    pub(crate) fn raw(&self, bytes: &[u8], half_close: bool) -> String {
        let mut socket = TcpStream::connect(self.address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        socket.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
        // The server may close while we are still sending: what it said before counts.
        let _ = socket.write_all(bytes);
        if half_close {
            let _ = socket.shutdown(std::net::Shutdown::Write);
        }
        let mut answer = Vec::new();
        let mut buffer = [0; 4_096];
        loop {
            match socket.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => answer.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
                Err(error) => panic!("the connection stays open: {error}"),
            }
        }
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            drop(stop.stop(false));
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn config(data: &Path, settings: Settings<'_>) -> Config {
    let mut given = Given::new();
    given.insert("listen", "127.0.0.1:0".to_owned());
    given.insert("data", data.display().to_string());
    for (key, value) in settings {
        given.insert(key, (*value).to_owned());
    }
    Config::read(&given, |_| None, &data.join("none.toml"), false).unwrap()
}

/// One request on its way.
pub(crate) struct Ask<'a> {
    site: &'a Site,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Ask<'_> {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a bearer credential; none for an empty one.
    pub(crate) fn by(self, bearer: &str) -> Self {
        if bearer.is_empty() { self } else { self.header("Authorization", &format!("Bearer {bearer}")) }
    }

    pub(crate) fn body(mut self, bytes: &[u8]) -> Self {
        self.body = bytes.to_vec();
        self
    }

    pub(crate) fn json(self, value: &Value) -> Self {
        self.header("Content-Type", "application/json").body(value.to_string().as_bytes())
    }

    pub(crate) fn send(self) -> Answer {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .timeout_global(Some(Duration::from_secs(30)))
            .build()
            .new_agent();
        let mut request = ureq::http::Request::builder()
            .method(self.method.as_str())
            .uri(format!("http://{}{}", self.site.address, self.path));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let response = match self.body.is_empty() {
            true => agent.run(request.body(()).unwrap()),
            false => agent.run(request.body(&self.body[..]).unwrap()),
        };
        let mut response = response.unwrap();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
            .collect();
        let status = response.status().as_u16();
        let bytes = response.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap();
        Answer { status, headers, bytes }
    }
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The JSON body of an answer with this status; null where it has none.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        if self.bytes.is_empty() { Value::Null } else { serde_json::from_slice(&self.bytes).unwrap() }
    }

    /// The problem body of a refusal with this code, whose form is checked.
    #[track_caller]
    pub(crate) fn refused(self, code: cairn_shared::ProblemCode) -> Value {
        assert_eq!(
            self.headers.get("content-type").map(String::as_str),
            Some("application/problem+json"),
            "{}",
            self.text()
        );
        let problem = self.expect(code.status());
        assert_eq!(problem["code"], code.as_str(), "{problem}");
        assert_eq!(problem["status"], code.status());
        assert_eq!(problem["type"], format!("urn:cairn:problem:{code}"));
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{problem}");
        problem
    }
}

/// Whether it holds within 20 s.
pub(crate) fn wait_for(holds: impl Fn() -> bool) -> bool {
    (0..1_000).any(|_| {
        let now = holds();
        if !now {
            std::thread::sleep(Duration::from_millis(20));
        }
        now
    })
}

/// SHA-256 in hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

/// `length` bytes that look random and are always the same for a seed.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
