//! A sparse file of 100 GiB that is nothing but zeros, through Chromium: hardly a byte is sent or stored, and the memory of
//! page and server does not grow with the file.

use std::fs::File;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use cairn_e2e::{Browser, Deadline, Page, Proxy, Server, Timer};

use crate::{room, say};

const GIB: u64 = 100;
/// Server and browser take a little. The file takes no room, but a server refuses at once what would not fit.
const FREE_NEEDED_MORE: u64 = 4 << 30;
const NAME: &str = "zeros.bin";
const SECONDS_MAX: u64 = 2 * 3_600;
const SAMPLE_EVERY: Duration = Duration::from_secs(1);
const REPORT_EVERY: u32 = 30;

/// All chunks but the last are one: it may be sent a few times at once, before the first answer is there.
const STORED_LIMIT: u64 = 16 << 20;
/// A line of JSON for each row, and what `STORED_LIMIT` says, for each GiB and at all.
const SENT_LIMIT_EACH: u64 = 100_000;
const SENT_LIMIT: u64 = 32 << 20;
const PAGE_LIMIT: u64 = 64 << 20;
const SERVER_LIMIT: u64 = 150 << 20;
/// What the second half of the file may add, in bytes.
const GROWTH_LIMIT: u64 = 16 << 20;

/// Most bytes so far.
#[derive(Debug, Clone, Copy, Default)]
struct Most {
    page: u64,
    server: u64,
}

/// Measures with a file of so many GiB, or of 100.
pub(crate) fn run(gib: Option<&str>) -> anyhow::Result<()> {
    let size = gib.map_or(Ok(GIB), str::parse)? << 30;
    let folder = tempfile::tempdir()?;
    if !room::is_there(folder.path(), size + FREE_NEEDED_MORE)? {
        return Ok(());
    }
    let file = folder.path().join(NAME);
    File::create(&file)?.set_len(size)?;
    let (server, browser) = (Server::start()?, Browser::start()?);
    let proxy = Proxy::start(server.address())?;
    let tab = browser.open(&proxy.url("/"))?;
    let page = Page::ready(&tab)?;
    let (timer, deadline) = (Timer::start(), Deadline::seconds(SECONDS_MAX));
    page.drop_files(&[&file])?;
    let (mut most, mut half) = (Most::default(), None);
    for sample in 1.. {
        thread::sleep(SAMPLE_EVERY);
        most.page = most.page.max(page.wasm_bytes().unwrap_or(0));
        most.server = server.memory_max_bytes()?;
        let (state, stored) = (page.state(NAME)?, page.stored(NAME).unwrap_or(0));
        if stored >= size / 2 {
            half.get_or_insert(most);
        }
        match state.as_str() {
            "done" => break,
            "failed" => anyhow::bail!("the upload failed; the page says:\n{}\n{}", tab.text(), server.log()),
            _ => anyhow::ensure!(!deadline.is_over(), "not through after {SECONDS_MAX} s:\n{}", tab.text()),
        }
        if sample % REPORT_EVERY == 0 {
            let Most { page, server } = most;
            say::tell(&format!(
                "  {} GiB: page {} MiB, server {} MiB",
                stored >> 30,
                page >> 20,
                server >> 20
            ));
        }
    }
    let (took, stored, sent) = (timer.elapsed().as_secs_f64(), server.stored_bytes()?, proxy.sent_bytes());
    say::tell(&format!(
        "{} GiB of zeros in {took:.0} s ({:.0} MiB/s): {stored} bytes stored, {sent} sent; page {} MiB of wasm memory, \
         server {} MiB",
        size >> 30,
        (size >> 20) as f64 / took,
        most.page >> 20,
        most.server >> 20
    ));
    let half = half.context("it was through before half of it was seen")?;
    anyhow::ensure!(most.page > 0 && most.page <= PAGE_LIMIT, "the page is over its limit, or told nothing");
    anyhow::ensure!(most.server <= SERVER_LIMIT, "the server is over its limit");
    let grown = (most.page - half.page).max(most.server - half.server);
    anyhow::ensure!(
        grown <= GROWTH_LIMIT,
        "memory grows with the file: {half:?} at half of it, {most:?} in all"
    );
    anyhow::ensure!(stored <= STORED_LIMIT, "zeros are stored again and again");
    anyhow::ensure!(sent <= SENT_LIMIT + (size >> 30) * SENT_LIMIT_EACH, "zeros are sent again and again");
    Ok(())
}
