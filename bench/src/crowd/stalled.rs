//! Five hundred uploads at once, each of which stops in the middle of a body: memory, and how others are answered meanwhile.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use cairn_e2e::{Server, Timer};

use super::client::{CHUNK_BYTES, Client, content, mib, status};
use crate::say;

const UPLOADS: u64 = 500;
/// Of a chunk of 1 MiB, and no whole number of anybody's buffers.
const SENT_BYTES: usize = 700_000;
const LIMIT_MIB: f64 = 200.0;
/// The others ask this often, until the server gives the stalled ones up.
const PROBES: usize = 20;
const PROBE_EVERY: Duration = Duration::from_millis(200);

/// One table: what doesn't compress, and what does.
pub(crate) fn run() -> anyhow::Result<()> {
    say::tell(
        "| 500 bodies that stall | before, MiB | all stalled, MiB | at most, MiB (goal 200) | afterwards, MiB | health, ms: median, worst | \
         a chunk of 1 MiB, ms: median, worst | ... alone, ms | answers (after s) |",
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
    let mine = client.start(3 * PROBES)?;
    let probe = |from: usize| -> anyhow::Result<[Vec<f64>; 2]> {
        let (mut health, mut chunks) = (Vec::new(), Vec::new());
        for index in from..from + PROBES {
            let timer = Timer::start();
            client.health()?;
            health.push(timer.elapsed().as_secs_f64() * 1e3);
            let bytes = content(1_000_000 + index as u64, CHUNK_BYTES, compressible);
            let timer = Timer::start();
            client.put(&mine, index, &bytes)?;
            chunks.push(timer.elapsed().as_secs_f64() * 1e3);
            thread::sleep(PROBE_EVERY.saturating_sub(timer.elapsed()));
        }
        Ok([sorted(health), sorted(chunks)])
    };
    let [_, alone] = probe(0)?;
    let before = server.memory_bytes()?;
    let sessions = (0..UPLOADS).map(|_| client.start(1)).collect::<anyhow::Result<Vec<_>>>()?;
    let timer = Timer::start();
    let stalled = sessions.iter().zip(0..).map(|(session, seed)| {
        let bytes = content(seed, SENT_BYTES, compressible);
        client.begin(session, &bytes)
    });
    let mut stalled = stalled.collect::<anyhow::Result<Vec<TcpStream>>>()?;
    let sent = timer.elapsed();
    let [health, chunks] = probe(PROBES)?;
    let all = server.memory_bytes()?;
    let mut answers = BTreeMap::<String, usize>::new();
    for socket in &mut stalled {
        let told = status(socket)?.map_or("none".to_owned(), |status| status.to_string());
        *answers.entry(told).or_default() += 1;
    }
    let took = timer.elapsed().as_secs_f64();
    let answers: Vec<String> = answers.iter().map(|(status, times)| format!("{times} x {status}")).collect();
    let most = mib(server.memory_max_bytes()?);
    let met = if most <= LIMIT_MIB { "met" } else { "MISSED" };
    Ok(format!(
        "| {what} (sent in {:.1} s) | {:.0} | {:.0} | {most:.0}: {met} | {:.0} | {} | {} | {} | {} ({took:.1}) |",
        sent.as_secs_f64(),
        mib(before),
        mib(all),
        mib(server.memory_bytes()?),
        two(&health),
        two(&chunks),
        two(&alone),
        answers.join(", "),
    ))
}

fn sorted(mut times: Vec<f64>) -> Vec<f64> {
    times.sort_by(f64::total_cmp);
    times
}

fn two(times: &[f64]) -> String {
    let at = |at: usize| times.get(at).copied().unwrap_or_default();
    format!("{:.1}, {:.1}", at(times.len() / 2), at(times.len().saturating_sub(1)))
}
