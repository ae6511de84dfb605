//! A folder of 50,000 files in 500 folders, 300 of them empty besides, dropped into Chromium: the tree that the server
//! lists is the tree on disk, by paths, sizes, mtimes and digests.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use cairn_e2e::{Browser, Deadline, Listed, Page, Server, Timer, listed, random_file};

use crate::say;

const FOLDERS: u64 = 500;
const FILES_EACH: u64 = 100;
const EMPTY: u64 = 300;
const NAME: &str = "messungen";
const SECONDS_MAX: u64 = 3_600;
const SAMPLE_EVERY: Duration = Duration::from_millis(500);

pub(crate) fn run() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let root = folder.path().join(NAME);
    let expected = make(&root)?;
    let (server, browser) = (Server::start()?, Browser::start()?);
    let tab = browser.open(&server.url("/"))?;
    let page = Page::ready(&tab)?;
    let (timer, deadline) = (Timer::start(), Deadline::seconds(SECONDS_MAX));
    page.drop_files(&[&root])?;
    let mut most = 0;
    loop {
        thread::sleep(SAMPLE_EVERY);
        most = most.max(page.wasm_bytes().unwrap_or(0));
        match page.state(NAME)?.as_str() {
            "done" => break,
            "failed" => anyhow::bail!("the upload failed; the page says:\n{}\n{}", tab.text(), server.log()),
            _ => anyhow::ensure!(!deadline.is_over(), "not through after {SECONDS_MAX} s:\n{}", tab.text()),
        }
    }
    let took = timer.elapsed();
    anyhow::ensure!(listed(&tab, EMPTY)? == expected, "the server lists another tree");
    say::tell(&format!(
        "{} files, {EMPTY} empty folders in {:.0} s ({:.0} files/s): page {} MiB of wasm memory, server {} MiB",
        expected.len(),
        took.as_secs_f64(),
        expected.len() as f64 / took.as_secs_f64(),
        most >> 20,
        server.memory_max_bytes()? >> 20
    ));
    Ok(())
}

fn make(root: &Path) -> anyhow::Result<BTreeMap<String, Listed>> {
    let mut entries = BTreeMap::new();
    for number in 0..FOLDERS * FILES_EACH {
        let inside = format!("reihe {:02}/{:03}", number % FOLDERS / 50, number % FOLDERS);
        fs::create_dir_all(root.join(&inside))?;
        let path = format!("{inside}/{number:05} µ.dat");
        let size = number % 5_000;
        let digest = random_file(&root.join(&path), size, number)?;
        let mtime = fs::metadata(root.join(&path))?.modified()?.duration_since(UNIX_EPOCH)?;
        let mtime = Some(u64::try_from(mtime.as_millis())?);
        entries.insert(path, Listed { size, mtime, sha256: Some(digest) });
    }
    for number in 0..EMPTY {
        fs::create_dir_all(root.join(format!("leer/{number:03}")))?;
    }
    Ok(entries)
}
