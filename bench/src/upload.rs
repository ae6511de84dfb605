//! MiB/s of 1 GiB of random bytes, through Chromium and by `cairn put`.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use cairn_e2e::{Browser, Page, Server, Timer, random_file};

use crate::say;

const SIZE: u64 = 1 << 30;
const NAME: &str = "random.bin";
const LONG: Duration = Duration::from_secs(600);

/// Measures both, each with a server and a data folder of its own: nothing is there already.
pub(crate) fn run() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join(NAME);
    random_file(&file, SIZE, 1)?;
    tell("Chromium", in_browser(&file)?);
    tell("cairn put", by_put(&file, folder.path())?);
    Ok(())
}

/// As many bytes in four files, read by one worker and by two, in turns, so that the machine's mood is the same.
pub(crate) fn compare_workers() -> anyhow::Result<()> {
    const FILES: u64 = 4;
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    let names: Vec<String> = (0..FILES).map(|index| format!("quarter {index}.bin")).collect();
    let paths: Vec<_> = names.iter().map(|name| folder.join(name)).collect();
    for (path, seed) in paths.iter().zip(2..) {
        random_file(path, SIZE / FILES, seed)?;
    }
    for round in 1..=2 {
        for workers in [1, 2] {
            let (server, browser) = (Server::start()?, Browser::start()?);
            let tab = browser.open(&server.url(&format!("/?workers={workers}")))?;
            let page = Page::ready(&tab)?;
            let timer = Timer::start();
            page.drop_files(&paths.iter().map(|path| path.as_path()).collect::<Vec<_>>())?;
            for name in &names {
                page.wait_state(name, "done", LONG)?;
            }
            let took = timer.elapsed();
            say::tell(&format!(
                "4 x 256 MiB, round {round}, {workers} worker(s): {:.1} s, {:.0} MiB/s",
                took.as_secs_f64(),
                (SIZE >> 20) as f64 / took.as_secs_f64()
            ));
        }
    }
    Ok(())
}

fn in_browser(file: &Path) -> anyhow::Result<Figures> {
    let (server, browser) = (Server::start()?, Browser::start()?);
    let tab = browser.open(&server.url("/"))?;
    let page = Page::ready(&tab)?;
    let first = upload_in(page, file)?;
    // The same bytes under another name: nothing but reading and asking is left.
    let other = file.with_file_name("again.bin");
    std::fs::hard_link(file, &other)?;
    let again = upload_in(page, &other)?;
    std::fs::remove_file(other)?;
    Ok(Figures { first, again, server_bytes: server.memory_max_bytes()? })
}

fn upload_in(page: Page<'_>, file: &Path) -> anyhow::Result<Duration> {
    let name = file.file_name().and_then(|name| name.to_str()).context("the file has no name")?;
    let timer = Timer::start();
    page.drop_files(&[file])?;
    page.wait_state(name, "done", LONG)?;
    Ok(timer.elapsed())
}

fn by_put(file: &Path, folder: &Path) -> anyhow::Result<Figures> {
    let server = Server::start()?;
    let state = folder.join("state");
    let put = || {
        let timer = Timer::start();
        let binary = std::env::var_os("CAIRN_BIN").context("CAIRN_BIN is not set")?;
        let mut command = Command::new(binary);
        command.arg("put").arg(file).args(["--server", &server.url("")]).arg("--state").arg(&state);
        let status = command.stdout(Stdio::null()).status()?;
        anyhow::ensure!(status.success(), "cairn put failed ({status})");
        anyhow::Ok(timer.elapsed())
    };
    Ok(Figures { first: put()?, again: put()?, server_bytes: server.memory_max_bytes()? })
}

struct Figures {
    first: Duration,
    again: Duration,
    server_bytes: u64,
}

fn tell(what: &str, figures: Figures) {
    let rate = |took: Duration| (SIZE >> 20) as f64 / took.as_secs_f64();
    let Figures { first, again, server_bytes } = figures;
    say::tell(&format!(
        "{what:<10} 1 GiB in {:.1} s: {:.0} MiB/s; the same again in {:.1} s: {:.0} MiB/s; server at most {} MiB",
        first.as_secs_f64(),
        rate(first),
        again.as_secs_f64(),
        rate(again),
        server_bytes >> 20
    ));
}
