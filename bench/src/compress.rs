//! Compression at rest, on and off in turns: stored bytes, the server's processor time, MiB/s both ways.

use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use cairn_e2e::{Server, Timer, random_file};

use crate::say;

const SIZE: u64 = 256 << 20;
const SMALL_FILES: usize = 10_000;
const SMALL_BYTES: usize = 4_096;
const ROUNDS: usize = 5;
/// Downloads that are timed together: one alone takes too little time to tell.
const DOWNLOADS: u32 = 4;
const MIB: f64 = 1_048_576.0;
/// A server that works less than a fiftieth of a second in this time rests.
const SETTLE_LOOK_EVERY: Duration = Duration::from_millis(250);
const SETTLE_LOOKS: usize = 240;

/// What one run tells.
#[derive(Clone, Copy, Default)]
struct Figures {
    stored: f64,
    put_seconds: f64,
    put_cpu: f64,
    get_seconds: f64,
    get_cpu: f64,
    cold_seconds: f64,
    memory: f64,
}

/// One table, in the form of docs/STORAGE.md.
pub(crate) fn run() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let sources = sources(folder.path())?;
    let mut lines = Vec::new();
    for (name, path) in &sources {
        let size = size_of(path)? as f64;
        let mut off = Vec::new();
        let mut on = Vec::new();
        for round in 0..ROUNDS {
            // In turns, and each goes first as often as the other.
            for is_on in [round % 2 == 0, round % 2 == 1] {
                let state = folder.path().join(format!("state-{name}-{is_on}-{round}"));
                let runs = if is_on { &mut on } else { &mut off };
                runs.push(measure(path, &state, is_on)?);
            }
        }
        for (kind, runs) in [("off", off), ("on", on)] {
            lines.push(row(name, size, kind, &median(&runs)));
        }
    }
    say::tell(
        "| content, MiB | compression | stored, MiB | of it | in, MiB/s | ... CPU s/GiB | out, MiB/s | ... CPU s/GiB | ... from the disk, MiB/s | memory, MiB |",
    );
    say::tell("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    lines.iter().for_each(|line| say::tell(line));
    Ok(())
}

fn row(name: &str, size: f64, kind: &str, figures: &Figures) -> String {
    let rate =
        |seconds: f64| if seconds > 0.0 { format!("{:.0}", size / MIB / seconds) } else { "-".to_owned() };
    let cpu = |seconds: f64| {
        if seconds > 0.0 { format!("{:.2}", seconds * 1_024.0 * MIB / size) } else { "-".to_owned() }
    };
    format!(
        "| {name}, {:.0} | {kind} | {:.0} | {:.0} % | {} | {} | {} | {} | {} | {:.0} |",
        size / MIB,
        figures.stored / MIB,
        figures.stored / size * 100.0,
        rate(figures.put_seconds),
        cpu(figures.put_cpu),
        rate(figures.get_seconds),
        cpu(figures.get_cpu),
        rate(figures.cold_seconds),
        figures.memory / MIB,
    )
}

/// Of each figure by itself.
fn median(runs: &[Figures]) -> Figures {
    let of = |field: fn(&Figures) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(field).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    Figures {
        stored: of(|run| run.stored),
        put_seconds: of(|run| run.put_seconds),
        put_cpu: of(|run| run.put_cpu),
        get_seconds: of(|run| run.get_seconds),
        get_cpu: of(|run| run.get_cpu),
        cold_seconds: of(|run| run.cold_seconds),
        memory: of(|run| run.memory),
    }
}

fn measure(path: &Path, state: &Path, compress: bool) -> anyhow::Result<Figures> {
    let server = Server::start_with(&[("CAIRN_COMPRESS", &compress.to_string())])?;
    let (timer, before) = (Timer::start(), server.cpu_seconds()?);
    let link = put(path, state, &server.url(""))?;
    let put_seconds = timer.elapsed().as_secs_f64();
    settle(&server)?;
    let put_cpu = server.cpu_seconds()? - before;
    let mut figures =
        Figures { stored: server.stored_bytes()? as f64, put_seconds, put_cpu, ..Figures::default() };
    if path.is_file() {
        let url = format!("{link}/raw");
        server.forget_pages()?;
        let timer = Timer::start();
        download(&url)?;
        figures.cold_seconds = timer.elapsed().as_secs_f64();
        let (timer, before) = (Timer::start(), server.cpu_seconds()?);
        for _ in 0..DOWNLOADS {
            anyhow::ensure!(download(&url)? == size_of(path)?, "the download is not whole");
        }
        figures.get_seconds = timer.elapsed().as_secs_f64() / f64::from(DOWNLOADS);
        figures.get_cpu = (server.cpu_seconds()? - before) / f64::from(DOWNLOADS);
    }
    figures.memory = server.memory_max_bytes()? as f64;
    Ok(figures)
}

/// Waits until the follower is through: what it does is the upload's, and shall not disturb the downloads.
fn settle(server: &Server) -> anyhow::Result<()> {
    for _ in 0..SETTLE_LOOKS {
        let before = server.cpu_seconds()?;
        std::thread::sleep(SETTLE_LOOK_EVERY);
        if server.cpu_seconds()? - before < 0.02 {
            return Ok(());
        }
    }
    anyhow::bail!("the server does not come to rest")
}

/// Gives the link.
fn put(path: &Path, state: &Path, url: &str) -> anyhow::Result<String> {
    let binary = std::env::var_os("CAIRN_BIN").context("CAIRN_BIN is not set")?;
    let mut command = Command::new(binary);
    command.args(["put", "--server", url.trim_end_matches('/')]).arg("--state").arg(state).arg(path);
    let output = command.stderr(Stdio::null()).output()?;
    anyhow::ensure!(output.status.success(), "cairn put failed ({})", output.status);
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Reads and forgets all of it.
fn download(url: &str) -> anyhow::Result<u64> {
    let mut body = cairn_e2e::body(url)?;
    let (mut buffer, mut size) = (vec![0; 1 << 20], 0);
    loop {
        match body.read(&mut buffer)? {
            0 => return Ok(size),
            some => size += some as u64,
        }
    }
}

/// What is uploaded: names and paths.
fn sources(folder: &Path) -> anyhow::Result<Vec<(&'static str, PathBuf)>> {
    let path = |name: &str| folder.join(name);
    random_file(&path("random.bin"), SIZE, 1)?;
    let registry = registry()?;
    tar(&registry.join("src"), &path("sources.tar"))?;
    log(&path("server.log"))?;
    tar(&registry.join("cache"), &path("crates.tar"))?;
    small(&path("sources.tar"), &path("small"))?;
    Ok(vec![
        ("random", path("random.bin")),
        ("sources (tar)", path("sources.tar")),
        ("text log", path("server.log")),
        (".crate archives", path("crates.tar")),
        ("10,000 files of 4 KiB", path("small")),
    ])
}

/// Sources of the crates that this machine has, and their archives.
fn registry() -> anyhow::Result<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cargo")));
    Ok(home.context("neither CARGO_HOME nor HOME is set")?.join("registry"))
}

fn tar(from: &Path, to: &Path) -> anyhow::Result<()> {
    let mut command = Command::new("tar");
    command.args(["--sort=name", "-cf", "-", "-C"]).arg(from).arg(".").stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::null()).spawn().context("can't start tar")?;
    let stdout = child.stdout.take().context("tar has no output")?;
    std::io::copy(&mut stdout.take(SIZE), &mut File::create(to)?)?;
    // It may still write: there is more than enough.
    let _ = child.kill();
    child.wait()?;
    Ok(())
}

/// Lines as a web server writes them: times go on, addresses and paths repeat.
fn log(path: &Path) -> anyhow::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let (mut seed, mut written) = (1_u64, 0);
    while written < SIZE {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (a, b, c) = (seed >> 33 & 0xff, seed >> 41 & 0x3f, seed >> 47);
        let second = written / 20_000;
        let line = format!(
            "10.0.{b}.{a} - - [01/Jan/2026:{:02}:{:02}:{:02} +0000] \"GET /d/{:08x}/page-{b}.html HTTP/1.1\" 200 {c} \"-\" \"Mozilla/5.0 (X11; Linux x86_64; rv:{}.0)\"\n",
            second / 3_600 % 24,
            second / 60 % 60,
            second % 60,
            seed >> 32,
            100 + a % 30
        );
        file.write_all(line.as_bytes())?;
        written += line.len() as u64;
    }
    Ok(file.flush()?)
}

/// Pieces of the sources, each a file.
fn small(from: &Path, to: &Path) -> anyhow::Result<()> {
    let mut from = File::open(from)?;
    let mut bytes = [0; SMALL_BYTES];
    for number in 0..SMALL_FILES {
        let folder = to.join(format!("{:03}", number % 50));
        fs::create_dir_all(&folder)?;
        from.read_exact(&mut bytes)?;
        fs::write(folder.join(format!("{number:05}.rs")), bytes)?;
    }
    Ok(())
}

fn size_of(path: &Path) -> anyhow::Result<u64> {
    let is_file = path.is_file();
    Ok(if is_file { path.metadata()?.len() } else { (SMALL_FILES * SMALL_BYTES) as u64 })
}
