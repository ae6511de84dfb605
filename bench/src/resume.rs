//! Chromium killed half way through a file, and through a folder, of 1 GB; started again, one click, and everything is
//! identical, for no more bytes than were missing and a window.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use cairn_e2e::{Deadline, Page, Visit, Visitor, WINDOW_BYTES, get, listed, random_file};

use crate::{room, say};

const SIZE: u64 = 1_000_000_000;
const FREE_NEEDED: u64 = 4 * SIZE;
const FILES: u64 = 2_000;
const FILE: &str = "film.bin";
const FOLDER: &str = "messungen";
/// So that *half way* can be hit, in bytes a second.
const LIMIT: u64 = 40_000_000;
/// The browser has only in mind what pages may read until it is through with this, in bytes a second.
const CRAWL: u64 = 100_000;
const LONG: Duration = Duration::from_secs(600);
/// The digests of a folder's files come a little later.
const SOON: Duration = Duration::from_secs(60);

pub(crate) fn run() -> anyhow::Result<()> {
    if !room::is_there(&std::env::temp_dir(), FREE_NEEDED)? {
        return Ok(());
    }
    file()?;
    folder()
}

fn file() -> anyhow::Result<()> {
    let visitor = Visitor::start()?;
    let path = visitor.folder().join(FILE);
    let sha256 = random_file(&path, SIZE, 1)?;
    let visit = killed_half_way(&visitor, &path, SIZE)?;
    let answer = get(&format!("{}/raw", visit.page().link(FILE)?))?;
    anyhow::ensure!((answer.status, answer.sha256) == (200, sha256), "another file was published");
    Ok(())
}

fn folder() -> anyhow::Result<()> {
    let visitor = Visitor::start()?;
    let root = visitor.folder().join(FOLDER);
    let mut expected = BTreeMap::new();
    let mut sum = 0;
    for number in 0..FILES {
        let inside = format!("reihe {:02}", number % 50);
        fs::create_dir_all(root.join(&inside))?;
        let (path, size) = (format!("{inside}/{number:05} µ.dat"), number * 7_919 % FILES * 500);
        let sha256 = random_file(&root.join(&path), size, 1_000 + number)?;
        expected.insert(path, (size, Some(sha256)));
        sum += size;
    }
    let visit = killed_half_way(&visitor, &root, sum)?;
    let is_listed = || {
        let files = listed(&visit.tab, 0)?.into_iter();
        let same = files.map(|(path, file)| (path, (file.size, file.sha256))).eq(expected.clone());
        Ok(same.then_some(()))
    };
    Deadline::after(SOON).until(|| "the server lists the tree on the disk".to_owned(), is_listed)
}

/// Drops it, kills the browser at half of it, starts it again and clicks; gives the visit in which it was done.
fn killed_half_way(visitor: &Visitor, path: &Path, size: u64) -> anyhow::Result<Visit> {
    let name = path.file_name().and_then(|name| name.to_str()).context("it has a name")?;
    let (proxy, visit) = (&visitor.proxy, visitor.come()?);
    proxy.limit(LIMIT);
    visit.page().drop_files(&[path])?;
    Deadline::after(LONG).until(
        || format!("half of it is sent; the page says:\n{}", visit.tab.text()),
        || Ok((proxy.sent_bytes() >= size / 2).then_some(())),
    )?;
    proxy.limit(CRAWL);
    visitor.kill(visit)?;
    let (stored, before) = (visitor.server.stored_bytes()?, proxy.sent_bytes());
    proxy.limit(0);

    let visit = visitor.come_back()?;
    visit.tab.click(&Page::continue_button(None))?;
    let shown = format!("document.querySelector('{}')", Page::row(name));
    visit.tab.wait_for(&shown, SOON)?;
    visit.page().wait_state(name, "done", LONG)?;
    let (missing, sent) = (size.saturating_sub(stored), proxy.sent_bytes() - before);
    say::tell(&format!(
        "{name}: {size} bytes, {missing} were missing, {sent} were sent ({:+.1} %); server at most {} MiB",
        (sent as f64 / missing.max(1) as f64 - 1.0) * 100.0,
        visitor.server.memory_max_bytes()? >> 20
    ));
    anyhow::ensure!(stored > 0 && missing > 0, "{stored} bytes of {size} is not half way");
    anyhow::ensure!(sent <= missing + WINDOW_BYTES, "{sent} bytes were sent where {missing} were missing");
    Ok(visit)
}
