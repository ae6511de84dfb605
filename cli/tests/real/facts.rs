//! A client that keeps what it was told apart from the server: the oracle of every crash test.

use std::collections::BTreeMap;
use std::time::Duration;

use cairn_shared::frame::FrameHead;
use serde_json::{Value, json};

use crate::server::hex;

const BLOCK: usize = 65_536;

/// What was acknowledged, and the one thing that was asked for when the server went away.
pub(crate) struct Facts {
    seed: u64,
    agent: ureq::Agent,
    owner: Option<String>,
    /// Blocks by session and index.
    sessions: BTreeMap<String, BTreeMap<usize, Vec<u8>>>,
    /// Bytes by file and link.
    files: BTreeMap<(String, String), Vec<u8>>,
    /// Links of files that were deleted.
    deleted: Vec<String>,
    asked: Option<Asked>,
}

enum Asked {
    Blocks(String, Vec<(usize, Vec<u8>)>),
    Finish(String),
    Delete(String, String),
}

/// The server is gone, or said that it can't now: nothing was acknowledged.
#[derive(Debug)]
pub(crate) struct Gone;

impl Facts {
    pub(crate) fn new(seed: u64) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(10)))
            .build()
            .new_agent();
        Self {
            seed,
            agent,
            owner: None,
            sessions: BTreeMap::new(),
            files: BTreeMap::new(),
            deleted: Vec::new(),
            asked: None,
        }
    }

    /// One upload of a few blocks, some of which were sent before, and now and then a delete.
    pub(crate) fn round(&mut self, url: &str) -> Result<(), Gone> {
        if self.owner.is_none() {
            let made = self.call("POST", url, "/api/owner", None)?.1;
            self.owner = Some(made["owner_key"].as_str().unwrap().to_owned());
        }
        self.seed += 1;
        let blocks = 1 + (self.seed % 3) as usize;
        let fields = json!({"name": "a", "size": blocks * BLOCK, "chunking": "fixed/65536"});
        let (_, started) = self.call("POST", url, "/api/start", Some(fields.to_string().as_bytes()))?;
        let session = started["session_id"].as_str().unwrap().to_owned();
        self.sessions.insert(session.clone(), BTreeMap::new());
        let is_packed = self.seed % 2 == 1;
        // What comes in packs is nobody else's, so that a delete frees it.
        let content = |index: usize| match is_packed {
            true => 100 + self.seed * 3 + index as u64,
            false => (self.seed * 7 + index as u64) % 11,
        };
        let blocks: Vec<_> = (0..blocks).map(|index| (index, block(content(index)))).collect();
        if is_packed {
            self.send_together(url, &session, blocks)?;
        } else {
            for (index, bytes) in blocks {
                self.asked = Some(Asked::Blocks(session.clone(), vec![(index, bytes.clone())]));
                self.call("PUT", url, &format!("/api/upload/{session}/{index}"), Some(&bytes))?;
                self.sessions.get_mut(&session).unwrap().insert(index, bytes);
            }
        }
        if self.seed % 4 != 3 {
            self.asked = Some(Asked::Finish(session.clone()));
            let (_, finished) = self.call("POST", url, &format!("/api/finish/{session}"), None)?;
            self.finished(&session, &finished);
        }
        if self.seed.is_multiple_of(3)
            && let Some((file, link)) = self.files.keys().next().cloned()
        {
            self.asked = Some(Asked::Delete(file.clone(), link.clone()));
            self.call("DELETE", url, &format!("/api/file/{file}"), None)?;
            self.files.remove(&(file, link.clone()));
            self.deleted.push(link);
        }
        self.asked = None;
        // A look at what is there keeps the readers busy too.
        let whole = self.files.iter().next().map(|((_, link), bytes)| (link.clone(), bytes.clone()));
        if let Some((link, bytes)) = whole {
            let read = self.read(url, &link)?;
            assert_eq!(hex(&read), hex(&bytes));
        }
        Ok(())
    }

    /// The blocks in one request, which the server puts into one pack. Where a clean-up was quicker than one of them, it
    /// is sent again.
    fn send_together(
        &mut self,
        url: &str,
        session: &str,
        mut blocks: Vec<(usize, Vec<u8>)>,
    ) -> Result<(), Gone> {
        for _ in 0..20 {
            blocks = self.send_once(url, session, blocks)?;
            if blocks.is_empty() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(Gone)
    }

    /// Which blocks have to be sent again.
    fn send_once(
        &mut self,
        url: &str,
        session: &str,
        blocks: Vec<(usize, Vec<u8>)>,
    ) -> Result<Vec<(usize, Vec<u8>)>, Gone> {
        let frame = |(index, bytes): &(usize, Vec<u8>)| {
            let head = FrameHead {
                session: session.parse().unwrap(),
                index: *index as u32,
                length: bytes.len() as u32,
            };
            [&head.to_bytes()[..], bytes].concat()
        };
        let body = blocks.iter().map(frame).collect::<Vec<_>>().concat();
        self.asked = Some(Asked::Blocks(session.to_owned(), blocks.clone()));
        let (_, told) = self.call("POST", url, "/api/batch/upload", Some(&body))?;
        let mut refused = Vec::new();
        for (item, (index, bytes)) in told["items"].as_array().unwrap().iter().zip(blocks) {
            if item["ok"].is_object() {
                self.sessions.get_mut(session).unwrap().insert(index, bytes);
            } else {
                let status = &item["problem"]["status"];
                assert!(*status == 503 || *status == 507, "{item}");
                refused.push((index, bytes));
            }
        }
        Ok(refused)
    }

    fn finished(&mut self, session: &str, finished: &Value) {
        let blocks = self.sessions.remove(session).unwrap();
        let key =
            (finished["file"].as_str().unwrap().to_owned(), finished["url"].as_str().unwrap().to_owned());
        self.files.insert(key, blocks.into_values().collect::<Vec<_>>().concat());
    }

    /// Finds out what became of what was asked for last.
    pub(crate) fn settle(&mut self, url: &str) {
        match self.asked.take() {
            Some(Asked::Blocks(session, blocks)) => {
                let received = self.received(url, &session);
                for (index, bytes) in blocks {
                    if received.iter().any(|(first, end)| (*first..*end).contains(&index)) {
                        self.sessions.get_mut(&session).unwrap().insert(index, bytes);
                    }
                }
            }
            Some(Asked::Finish(session)) => {
                let (status, told) = self.call("GET", url, &format!("/api/status/{session}"), None).unwrap();
                assert_eq!(status, 200, "{told}");
                if told["state"] == "finished" {
                    self.finished(&session, &told["finished"].clone());
                }
            }
            Some(Asked::Delete(file, link)) if self.status(url, &format!("{link}/raw")) == 404 => {
                self.files.remove(&(file, link.clone()));
                self.deleted.push(link);
            }
            Some(Asked::Delete(..)) | None => {}
        }
    }

    /// The same with a server that opens its store again just now.
    pub(crate) fn settle_patiently(&mut self, url: &str) {
        for _ in 0..50 {
            if self.agent.get(format!("{url}/healthz")).call().is_ok_and(|answer| answer.status() == 200)
                && self.call("POST", url, "/api/owner", None).is_ok()
            {
                break;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        self.settle(url);
    }

    /// Every acknowledged fact holds, and every byte is what it was.
    pub(crate) fn check(&self, url: &str) {
        for (session, blocks) in &self.sessions {
            let received = self.received(url, session);
            for index in blocks.keys() {
                let is_here = received.iter().any(|(first, end)| (*first..*end).contains(index));
                assert!(is_here, "block {index} of {session} was acknowledged: {received:?}");
            }
        }
        for ((_, link), bytes) in &self.files {
            assert_eq!(hex(&self.read(url, link).unwrap()), hex(bytes), "{link}");
        }
        for link in &self.deleted {
            assert_eq!(self.status(url, &format!("{link}/raw")), 404, "{link} was deleted");
        }
    }

    fn received(&self, url: &str, session: &str) -> Vec<(usize, usize)> {
        let (status, told) = self.call("GET", url, &format!("/api/status/{session}"), None).unwrap();
        assert_eq!(status, 200, "{told}");
        serde_json::from_value(told["received"].clone()).unwrap()
    }

    fn status(&self, url: &str, path: &str) -> u16 {
        self.agent.get(format!("{url}{path}")).call().unwrap().status().as_u16()
    }

    fn read(&self, url: &str, link: &str) -> Result<Vec<u8>, Gone> {
        let mut response = self.agent.get(format!("{url}{link}/raw")).call().map_err(|_| Gone)?;
        if response.status() == 503 || response.status() == 507 {
            return Err(Gone);
        }
        assert_eq!(response.status(), 200, "{link}");
        response.body_mut().read_to_vec().map_err(|_| Gone)
    }

    fn call(&self, method: &str, url: &str, path: &str, body: Option<&[u8]>) -> Result<(u16, Value), Gone> {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{url}{path}"));
        if let Some(owner) = &self.owner {
            request = request.header("Authorization", format!("Bearer {owner}"));
        }
        if method == "POST" && body.is_some() && !path.ends_with("upload") {
            request = request.header("Content-Type", "application/json");
        }
        let answer = match body {
            Some(body) => self.agent.run(request.body(body).unwrap()),
            None => self.agent.run(request.body(()).unwrap()),
        };
        let mut answer = answer.map_err(|_| Gone)?;
        let status = answer.status().as_u16();
        let text = answer.body_mut().read_to_string().map_err(|_| Gone)?;
        if status == 503 || status == 507 {
            return Err(Gone);
        }
        assert!((200..300).contains(&status), "{method} {path}: {status} {text}");
        Ok((status, if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() }))
    }
}

/// One of few blocks, so that many are there already, held or about to go.
fn block(number: u64) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(BLOCK);
    while bytes.len() < BLOCK {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes
}
