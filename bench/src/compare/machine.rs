//! What the machine itself can do: each part of an upload alone, and what follows for the whole.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use cairn_e2e::{Browser, Server, Timer};
use cairn_engine::cutter::Cutter;
use cairn_shared::ChunkRule;

use super::sample;
use super::source::Source;

const GIB: f64 = 1_073_741_824.0;
const BLOCK: usize = 1 << 20;
/// Cutting and copying need no more to tell their rate.
const SAMPLE_BYTES: u64 = 1 << 30;
/// Of each: the best counts, because a limit is what can be reached.
const TRIES: usize = 3;
const SECONDS_MAX: u64 = 300;

/// Reads a chosen file by slices of 16 MiB, one ahead of the one that is worked on; each into new memory, or into memory that was
/// used before. A reader that nobody holds is forgotten, and never answers.
const READ: &str = "(async (again, hash) => {
    const file = document.querySelector('input').files[0], step = 16 << 20;
    const spare = [], readers = window.readers = new Set();
    const slice = async at => {
        const part = file.slice(at, at + step);
        if (!again || part.size < step) return part.arrayBuffer();
        const reader = part.stream().getReader({ mode: 'byob' });
        readers.add(reader);
        const room = new Uint8Array(spare.pop() ?? new ArrayBuffer(step));
        const { value } = await reader.read(room, { min: step });
        readers.delete(reader);
        return value.buffer;
    };
    const begun = performance.now();
    for (let at = 0, next = slice(0); at < file.size; at += step) {
        const bytes = await next;
        next = slice(at + step);
        if (hash) await crypto.subtle.digest('SHA-256', bytes);
        if (bytes.byteLength == step) spare.push(bytes);
    }
    window.took = performance.now() - begun;
})";

/// Seconds for one GiB, of time or of one processor.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Machine {
    /// Processors.
    pub(crate) cores: f64,
    /// SHA-256 by openssl on one core.
    pub(crate) hash: f64,
    /// Cutting by content, natively on one core, in cached memory.
    pub(crate) cut: f64,
    /// Reading a file natively from the page cache.
    pub(crate) read: f64,
    /// Writing a file of the large file's size, and its fsync.
    pub(crate) write: f64,
    /// Processor time of that.
    pub(crate) write_cpu: f64,
    /// One TCP connection over loopback.
    pub(crate) wire: f64,
    /// Processor time of both its ends.
    pub(crate) wire_cpu: f64,
    /// Reading a file in Chromium.
    pub(crate) blob: f64,
    /// Processor time of that, all of Chromium's processes together.
    pub(crate) blob_cpu: f64,
    /// Reading a file in Chromium and `crypto.subtle` SHA-256 of it.
    pub(crate) blob_hash: f64,
}

/// Measures all of it.
pub(crate) fn measure(source: &Source) -> anyhow::Result<Machine> {
    let file = source.new_file()?;
    source.settle(&file.path)?;
    let mut machine = Machine {
        cores: thread::available_parallelism()?.get() as f64,
        hash: hash()?,
        cut: best(cut)?.0,
        ..Machine::default()
    };
    machine.read = best(|| {
        let mut from = File::open(&file.path)?;
        each_block(file.size, |buffer| Ok(from.read_exact(buffer)?))
    })?
    .0;
    (machine.write, machine.write_cpu) = best(|| write(source))?;
    (machine.wire, machine.wire_cpu) = best(wire)?;
    browser(source, &mut machine)?;
    Ok(machine)
}

impl Machine {
    /// Seconds for one GiB of an upload from the browser that nothing stands in the way of: every processor works on what
    /// cannot be left out, all the time, and no step is slower than it is alone.
    pub(crate) fn upload(&self) -> f64 {
        let work = self.blob_cpu + self.cut + 2.0 * self.hash + self.wire_cpu + self.write_cpu;
        (work / self.cores).max(self.blob).max(self.write)
    }

    /// Seconds for one GiB that is read in Chromium, cut and hashed once, one after the other on one core.
    pub(crate) fn again_in_browser(&self) -> f64 {
        self.blob + self.cut + self.hash
    }

    /// As `again_in_browser`, read natively.
    pub(crate) fn again_by_client(&self) -> f64 {
        self.read + self.cut + self.hash
    }

    /// What was measured, with its figure.
    pub(crate) fn lines(&self) -> Vec<(String, String)> {
        let rate = |seconds: f64| format!("{:.0} MiB/s", 1_024.0 / seconds);
        let with_cpu = |seconds: f64, cpu: f64| format!("{}, {cpu:.2} CPU s/GiB", rate(seconds));
        let line = |what: &str, figure: String| (what.to_owned(), figure);
        vec![
            line("processors", format!("{}", self.cores)),
            line("SHA-256, openssl, 1 core", rate(self.hash)),
            line("cutting by content, 1 core", rate(self.cut)),
            line("reading a file from the page cache", rate(self.read)),
            line("writing a file of that size, and fsync", with_cpu(self.write, self.write_cpu)),
            line("TCP over loopback, 1 connection", with_cpu(self.wire, self.wire_cpu)),
            line("reading a file in Chromium", with_cpu(self.blob, self.blob_cpu)),
            line("reading a file in Chromium, and SHA-256", rate(self.blob_hash)),
            line("limit of an upload from Chromium", rate(self.upload())),
            line("limit of the same again from Chromium", rate(self.again_in_browser())),
            line("limit of the same again natively", rate(self.again_by_client())),
        ]
    }
}

/// How the limits follow from the rest, for the report.
pub(crate) const FORMULAS: &str = "Limit of an upload from Chromium: the largest of three times for one GiB: reading in \
    Chromium alone; writing with fsync alone; and the processor time of what can't be left out (reading in Chromium, cutting, \
    SHA-256 on both sides, both ends of the TCP connection, writing), spread over all processors without a gap. Limit of the \
    same again: the times of reading, cutting and hashing once, added up on one core. Each part is the best of three; \
    reading in Chromium by the better of two ways, into new memory and into memory that was used before.";

fn best(mut measure: impl FnMut() -> anyhow::Result<(f64, f64)>) -> anyhow::Result<(f64, f64)> {
    let mut best = measure()?;
    for _ in 1..TRIES {
        let next = measure()?;
        best = (best.0.min(next.0), best.1.min(next.1));
    }
    Ok(best)
}

/// `+F:..:NAME:BYTES PER SECOND`.
fn hash() -> anyhow::Result<f64> {
    let args = ["speed", "-mr", "-evp", "sha256", "-bytes", "1048576", "-seconds", "2"];
    let output = Command::new("openssl").args(args).output().context("can't start openssl")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find(|line| line.starts_with("+F:")).context("openssl tells no speed")?;
    let rate: f64 = line.rsplit(':').next().unwrap_or_default().trim().parse()?;
    Ok(GIB / rate)
}

fn cut() -> anyhow::Result<(f64, f64)> {
    let mut random = vec![0; 64 * BLOCK];
    File::open("/dev/urandom")?.read_exact(&mut random)?;
    let mut cutter = Cutter::new(ChunkRule::FastCdc);
    let mut blocks = random.chunks(8 * BLOCK).cycle();
    let timer = Timer::start();
    let mut done = 0;
    while done < SAMPLE_BYTES {
        let block = blocks.next().context("there are blocks")?;
        cutter.push(block);
        done += block.len() as u64;
        while cutter.next_chunk().is_some() {}
    }
    Ok((per_gib(timer, done), 0.0))
}

fn write(source: &Source) -> anyhow::Result<(f64, f64)> {
    let path = source.folder.join("written.bin");
    rustix::fs::sync();
    let mut file = File::create(&path)?;
    let cpu = sample::own_cpu()?;
    let mut took = each_block(source.size, |buffer| Ok(file.write_all(buffer)?))?;
    let timer = Timer::start();
    file.sync_all()?;
    took.0 += per_gib(timer, source.size);
    took.1 = (sample::own_cpu()? - cpu) * GIB / source.size as f64;
    std::fs::remove_file(path)?;
    Ok(took)
}

fn wire() -> anyhow::Result<(f64, f64)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut from = TcpStream::connect(listener.local_addr()?)?;
    let (mut to, _) = listener.accept()?;
    let cpu = sample::own_cpu()?;
    let receiving = thread::spawn(move || each_block(SAMPLE_BYTES, |buffer| Ok(to.read_exact(buffer)?)));
    let sending = each_block(SAMPLE_BYTES, |buffer| Ok(from.write_all(buffer)?))?;
    let received = receiving.join().map_err(|_| anyhow::anyhow!("the receiver panicked"))??;
    Ok((sending.0.max(received.0), (sample::own_cpu()? - cpu) * GIB / SAMPLE_BYTES as f64))
}

/// Seconds for one GiB; the second figure is for who measures processor time.
fn each_block(
    bytes: u64,
    mut step: impl FnMut(&mut [u8]) -> anyhow::Result<()>,
) -> anyhow::Result<(f64, f64)> {
    let mut buffer = vec![0x5a; BLOCK];
    let timer = Timer::start();
    for _ in 0..bytes / BLOCK as u64 {
        step(&mut buffer)?;
    }
    Ok((per_gib(timer, bytes), 0.0))
}

fn per_gib(timer: Timer, bytes: u64) -> f64 {
    timer.elapsed().as_secs_f64() * GIB / bytes as f64
}

fn browser(source: &Source, machine: &mut Machine) -> anyhow::Result<()> {
    let file = source.new_file()?;
    // Any page on this machine will do: it is a secure context, which `crypto.subtle` wants.
    let (server, browser) = (Server::start()?, Browser::start()?);
    let tab = browser.open(&server.url("/healthz"))?;
    tab.evaluate("document.body.innerHTML = '<input type=file>'; 0")?;
    tab.choose_files("input", &[&file.path])?;
    let read = |again: bool, hash: bool| {
        tab.evaluate(&format!("window.took = 0; {READ}({again}, {hash}); 0"))?;
        tab.wait_for("window.took > 0", Duration::from_secs(SECONDS_MAX))?;
        let millis = tab.evaluate("window.took")?.as_f64().context("a time")?;
        anyhow::Ok(millis / 1_000.0 * GIB / file.size as f64)
    };
    let alone = |again: bool| {
        best(|| {
            let (run, took) = sample::measure(server.pid()?, || read(again, false))?;
            Ok((took, run.client_cpu * GIB / file.size as f64))
        })
    };
    let (new, again) = (alone(false)?, alone(true)?);
    (machine.blob, machine.blob_cpu) = (new.0.min(again.0), new.1.min(again.1));
    machine.blob_hash = best(|| Ok((read(true, true)?, 0.0)))?.0;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_is_below_its_slowest_part() {
        let machine =
            Machine { cores: 2.0, hash: 1.0, cut: 1.0, blob: 3.0, write: 9.0, ..Machine::default() };
        assert_eq!(machine.upload(), 9.0);
        let machine = Machine { blob_cpu: 5.0, write: 1.0, ..machine };
        assert_eq!(machine.upload(), 4.0, "eight seconds of work on two cores");
        assert_eq!(machine.again_in_browser(), 5.0);
    }
}
