//! Whether times tell, outside of the scope, that others have a chunk: the same upload of what they have and of what nobody has, in
//! turns. Reported and judged by nobody.

use anyhow::Context;
use cairn_e2e::{Server, Timer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::say;

const PAIRS: u64 = 500;
const LENGTH: usize = 65_536;

pub(crate) fn run() -> anyhow::Result<()> {
    let server = Server::start_with(&[("CAIRN_DEDUP", "owner")])?;
    let (first, second) = (Client::new(&server)?, Client::new(&server)?);
    for pair in 0..PAIRS {
        first.upload(&content(pair))?;
    }
    let (mut known, mut new) = ([const { Vec::new() }; 2], [const { Vec::new() }; 2]);
    for pair in 0..PAIRS {
        // Who is first may find the machine in another mood.
        let of = |is_known: bool| content(if is_known { pair } else { 10_000 + pair });
        for is_known in [pair % 2 == 0, pair % 2 == 1] {
            let took = second.upload(&of(is_known))?;
            let kept = if is_known { &mut known } else { &mut new };
            kept.iter_mut().zip(took).for_each(|(kept, took)| kept.push(took));
        }
    }
    for (step, what) in ["check", "upload"].into_iter().enumerate() {
        let (known, new) = (Sample::of(&known[step]), Sample::of(&new[step]));
        say::tell(&format!(
            "{what:<7} known {:.3} ms, new {:.3} ms, Welch's t {:+.2} ({PAIRS} of each)",
            known.mean,
            new.mean,
            known.welch_t(&new)
        ));
    }
    Ok(())
}

struct Client<'a> {
    server: &'a Server,
    agent: ureq::Agent,
    bearer: String,
}

impl<'a> Client<'a> {
    fn new(server: &'a Server) -> anyhow::Result<Self> {
        let agent = ureq::Agent::new_with_defaults();
        let mut client = Self { server, agent, bearer: String::new() };
        let made = client.ask("/api/owner", &json!({}))?;
        client.bearer = format!("Bearer {}", made["owner_key"].as_str().context("an owner has a key")?);
        Ok(client)
    }

    fn ask(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let mut request = self.agent.post(self.server.url(path)).header("Content-Type", "application/json");
        if !self.bearer.is_empty() {
            request = request.header("Authorization", &self.bearer);
        }
        Ok(serde_json::from_str(&request.send(body.to_string())?.body_mut().read_to_string()?)?)
    }

    /// A session of one chunk, never finished; how long its check and its upload took, in milliseconds.
    fn upload(&self, bytes: &[u8]) -> anyhow::Result<[f64; 2]> {
        let fields = json!({"name": "a.bin", "size": bytes.len(), "chunking": "fixed/65536"});
        let started = self.ask("/api/start", &fields)?;
        let id = started["session_id"].as_str().context("a session has an id")?.to_owned();
        let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(bytes));
        let rows = json!({"revision": 0, "at": 0, "chunks": [{"digest": digest, "length": bytes.len()}]});
        let timer = Timer::start();
        self.ask(&format!("/api/check/{id}"), &rows)?;
        let check = timer.elapsed().as_secs_f64() * 1e3;
        let timer = Timer::start();
        let put = self.agent.put(self.server.url(&format!("/api/upload/{id}/0")));
        put.header("Authorization", &self.bearer).send(bytes)?;
        Ok([check, timer.elapsed().as_secs_f64() * 1e3])
    }
}

fn content(seed: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(LENGTH);
    for block in 0u64.. {
        if bytes.len() == LENGTH {
            break;
        }
        bytes.extend_from_slice(&Sha256::digest([seed.to_be_bytes(), block.to_be_bytes()].concat()));
    }
    bytes
}

struct Sample {
    count: f64,
    mean: f64,
    variance: f64,
}

impl Sample {
    fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
        Self { count, mean, variance }
    }

    /// Welch's t (Biometrika 34, 1947): beyond about 4.5 in either direction the means are hardly the same.
    fn welch_t(&self, other: &Self) -> f64 {
        (self.mean - other.mean) / (self.variance / self.count + other.variance / other.count).sqrt()
    }
}
