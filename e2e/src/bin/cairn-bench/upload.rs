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
