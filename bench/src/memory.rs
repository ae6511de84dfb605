//! Memory of page and server while a 20 GiB file goes through Chromium.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use cairn_e2e::{Browser, Deadline, Page, Server, Timer};

use crate::{room, say};

const SIZE: u64 = 20 << 30;
/// A counter this often makes every chunk another one, and leaves the file itself almost empty.
const COUNTER_EVERY: u64 = 256 << 10;
/// Every chunk is stored: the file's size, and room for the rest of the machine.
const FREE_NEEDED: u64 = 25 << 30;
const NAME: &str = "sparse.bin";
const SECONDS_MAX: u64 = 3_600;
const SAMPLE_EVERY: Duration = Duration::from_millis(500);
const REPORT_EVERY: u32 = 60;

const PAGE_LIMIT: u64 = 64 << 20;
const SERVER_LIMIT: u64 = 150 << 20;

/// Measures; with `strict` it fails where a figure is over its limit, or where there is no room to measure.
pub(crate) fn run(strict: bool) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    if !room::is_there(folder.path(), FREE_NEEDED)? {
        anyhow::ensure!(!strict, "there is no room to measure");
        return Ok(());
    }
    let file = folder.path().join(NAME);
    make(&file)?;
    let (page, server, took) = upload(&file)?;
    say::tell(&format!(
        "20 GiB in {:.0} s ({:.0} MiB/s): page {:.1} MiB of wasm memory (limit {}), server {:.1} MiB (limit {})",
        took.as_secs_f64(),
        (SIZE >> 20) as f64 / took.as_secs_f64(),
        mib(page),
        PAGE_LIMIT >> 20,
        mib(server),
        SERVER_LIMIT >> 20
    ));
    let within = page <= PAGE_LIMIT && server <= SERVER_LIMIT;
    if !within {
        say::complain("OVER THE LIMIT");
    }
    anyhow::ensure!(within || !strict, "a figure is over its limit");
    Ok(())
}

fn make(path: &Path) -> anyhow::Result<()> {
    let file = File::create(path)?;
    file.set_len(SIZE)?;
    for at in (0..SIZE).step_by(usize::try_from(COUNTER_EVERY)?) {
        // Never 0, which is what the rest of the file is.
        file.write_all_at(&(at + 1).to_le_bytes(), at)?;
    }
    Ok(())
}

/// Most bytes of the page and of the server, and the time it took.
fn upload(file: &Path) -> anyhow::Result<(u64, u64, Duration)> {
    let (server, browser) = (Server::start()?, Browser::start()?);
    let tab = browser.open(&server.url("/"))?;
    let page = Page::ready(&tab)?;
    let (timer, deadline) = (Timer::start(), Deadline::seconds(SECONDS_MAX));
    page.drop_files(&[file])?;
    let mut most = 0;
    for sample in 1.. {
        thread::sleep(SAMPLE_EVERY);
        // The page tells it as soon as its worker has begun.
        most = most.max(page.wasm_bytes().unwrap_or(0));
        let state = page.state(NAME)?;
        match state.as_str() {
            "done" => break,
            "failed" => anyhow::bail!("the upload failed; the page says:\n{}\n{}", tab.text(), server.log()),
            _ => {}
        }
        anyhow::ensure!(!deadline.is_over(), "it is not through after {SECONDS_MAX} s");
        if sample % REPORT_EVERY == 0 {
            let stored = page.stored(NAME)? >> 20;
            let (page, server) = (mib(most), mib(server.memory_max_bytes()?));
            say::tell(&format!("  {state}: {stored} MiB stored, page {page:.1} MiB, server {server:.1} MiB"));
        }
    }
    anyhow::ensure!(most > 0, "the page told no data-wasm-bytes");
    Ok((most, server.memory_max_bytes()?, timer.elapsed()))
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
