//! Two hundred clients at once that read one file slowly: the server's memory, and how fast another one gets it beside them.

use std::io::Read;
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use cairn_e2e::{Server, Timer};
use serde_json::json;

use super::client::{CHUNK_BYTES, Client, content, mib};
use crate::{room, say};

const CHUNKS: usize = 512;
const CLIENTS: usize = 200;
const THREADS: usize = 4;
/// What one client reads at once, and how often: 100 kB/s.
const SIP_BYTES: usize = 10_000;
const SIP_EVERY: Duration = Duration::from_millis(100);
const SECONDS: u64 = 20;

/// One table: what doesn't compress, and what does.
pub(crate) fn run() -> anyhow::Result<()> {
    if !room::is_there(&std::env::temp_dir(), 2 << 30)? {
        return Ok(());
    }
    say::tell(
        "| 200 clients at 100 kB/s, 512 MiB | before, MiB | after 5 s | after 20 s | at most | they got, kB/s each | fast client alone, MiB/s | \
         ... beside them | server's CPU, s in 20 s |",
    );
    say::tell("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for (what, compressible) in [("random bytes", false), ("what compresses", true)] {
        say::tell(&measure(what, compressible)?);
    }
    Ok(())
}

fn measure(what: &str, compressible: bool) -> anyhow::Result<String> {
    let server = Server::start()?;
    let client = Client::new(&server)?;
    let path = upload(&client, compressible)?;
    let alone = (0..3).map(|_| fast(&server, &path)).collect::<anyhow::Result<Vec<f64>>>()?;
    let before = server.memory_bytes()?;
    let sockets = (0..CLIENTS).map(|_| client.open(&path)).collect::<anyhow::Result<Vec<_>>>()?;
    let cpu = server.cpu_seconds()?;
    let got = AtomicU64::new(0);
    let (mut at_5, mut beside) = (0, Vec::new());
    let (mut at_20, mut cpu_20) = (0, 0.0);
    thread::scope(|scope| -> anyhow::Result<()> {
        let mut sockets = sockets.into_iter();
        for _ in 0..THREADS {
            let part: Vec<TcpStream> = sockets.by_ref().take(CLIENTS / THREADS).collect();
            let got = &got;
            scope.spawn(move || sip(part, got));
        }
        thread::sleep(Duration::from_secs(5));
        at_5 = server.memory_bytes()?;
        for _ in 0..3 {
            beside.push(fast(&server, &path)?);
        }
        thread::sleep(Duration::from_secs(SECONDS - 6).saturating_sub(Duration::from_secs(1)));
        at_20 = server.memory_bytes()?;
        cpu_20 = server.cpu_seconds()? - cpu;
        Ok(())
    })?;
    let each = got.load(Ordering::Relaxed) as f64 / CLIENTS as f64 / SECONDS as f64 / 1e3;
    Ok(format!(
        "| {what} | {:.0} | {:.0} | {:.0} | {:.0} | {each:.0} | {:.0} | {:.0} | {cpu_20:.1} |",
        mib(before),
        mib(at_5),
        mib(at_20),
        mib(server.memory_max_bytes()?),
        median(alone),
        median(beside),
    ))
}

/// Reads a little of each, again and again.
fn sip(mut sockets: Vec<TcpStream>, got: &AtomicU64) {
    let timer = Timer::start();
    let mut buffer = vec![0; SIP_BYTES];
    for round in 1.. {
        for socket in &mut sockets {
            let read = socket.read(&mut buffer).unwrap_or_default();
            got.fetch_add(read as u64, Ordering::Relaxed);
        }
        if timer.elapsed() >= Duration::from_secs(SECONDS) {
            break;
        }
        thread::sleep((SIP_EVERY * round).saturating_sub(timer.elapsed()));
    }
}

/// MiB/s of a client that reads as fast as it can.
fn fast(server: &Server, path: &str) -> anyhow::Result<f64> {
    let timer = Timer::start();
    let url = server.url(path);
    let mut body = cairn_e2e::body(&url)?;
    let (mut buffer, mut size) = (vec![0; 1 << 20], 0);
    loop {
        match body.read(&mut buffer)? {
            0 => break,
            some => size += some as u64,
        }
    }
    anyhow::ensure!(size == (CHUNKS * CHUNK_BYTES) as u64, "the download is not whole");
    Ok(mib(size) / timer.elapsed().as_secs_f64())
}

/// Gives the path of the file's bytes.
fn upload(client: &Client, compressible: bool) -> anyhow::Result<String> {
    let session = client.start(CHUNKS)?;
    for index in 0..CHUNKS {
        client.put(&session, index, &content(index as u64, CHUNK_BYTES, compressible))?;
    }
    let finished = client.ask(&format!("/api/finish/{session}"), &json!({}))?;
    let link = finished["url"].as_str().or_else(|| finished["path"].as_str());
    let link = link.with_context(|| format!("a file has a link: {finished}"))?;
    let at = link.find("/d/").context("a link goes to /d/")?;
    Ok(format!("{}/raw", &link[at..]))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
