//! Thousands of loose files at once: all arrive, and the page shows those that fit.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cairn_e2e::{Browser, Page, Server};

const COUNT: usize = 5_000;
/// Three screens full, and some.
const ROWS_MAX: u64 = 150;
const SOON: Duration = Duration::from_secs(20);
/// Told by the browser for each task of more than 50 ms.
const WATCH: &str = "window.longest = 0; new PerformanceObserver(list => list.getEntries()
    .forEach(task => window.longest = Math.max(window.longest, task.duration))).observe({ type: 'longtask' });";

#[test]
fn thousands_of_loose_files_arrive() -> anyhow::Result<()> {
    let (server, browser, folder) = (Server::start()?, Browser::start()?, tempfile::tempdir()?);
    let mut paths: Vec<PathBuf> = Vec::new();
    for index in 0..COUNT {
        let path = folder.path().join(format!("{index:05}.txt"));
        fs::write(&path, format!("{index}\n").repeat(200))?;
        paths.push(path);
    }
    let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    let tab = browser.open(&server.url("/"))?;
    let page = Page::ready(&tab)?;
    tab.evaluate(WATCH)?;
    page.choose_files(&paths)?;
    tab.wait_for("document.querySelector('[data-testid=row]')", SOON)?;
    let all = format!("document.querySelector('[data-testid=rows]')?.dataset.count == {COUNT}");
    tab.wait_for(&all, SOON * 2)?;
    let rows = tab.evaluate("document.querySelectorAll('[data-testid=row]').length")?;
    assert!(rows.as_u64().is_some_and(|rows| (20..=ROWS_MAX).contains(&rows)), "{rows} rows");
    tab.wait_for("document.querySelector('[data-safe=true]')", SOON * 2)?;
    println!("longest task: {} ms", tab.evaluate("window.longest")?);
    // The first one came last of all that are through, far below.
    tab.evaluate("scrollTo(0, document.documentElement.scrollHeight)")?;
    page.wait_state("00000.txt", "done", SOON)?;
    assert!(page.link("00000.txt")?.contains("/d/"));
    assert_eq!(browser.troubles()?, Vec::<String>::new());
    Ok(())
}
