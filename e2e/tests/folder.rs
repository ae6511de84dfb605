//! Folders: dropped with everything in them, one row for all, and one click after a killed browser.

use std::fs;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Context;
use cairn_e2e::{Browser, Deadline, Page, Server, Tab, Tree, Visitor, listed_sizes};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(45);
/// One row for the folder, and a little room: rows never follow the number of files.
const ROWS_MAX: u64 = 3;

fn rows(tab: &Tab) -> anyhow::Result<u64> {
    let count = tab.evaluate("document.querySelectorAll('[data-testid=row]').length")?;
    count.as_u64().context("a number")
}

fn done_files(tab: &Tab) -> anyhow::Result<u64> {
    let done = tab.evaluate("Number(document.querySelector('[data-kind=folder]')?.dataset.done ?? 0)")?;
    Ok(done.as_u64().unwrap_or(0))
}

#[test]
fn a_folder_arrives_whole_behind_one_row() -> anyhow::Result<()> {
    let (server, browser, folder) = (Server::start()?, Browser::start()?, tempfile::tempdir()?);
    let tree = Tree::make(folder.path())?;
    assert_eq!(tree.sizes.len(), Tree::FILES);
    let tab = browser.open(&server.url("/"))?;
    let page = Page::ready(&tab)?;
    page.drop_files(&[&tree.root])?;
    tab.wait_for("document.querySelector('[data-kind=folder]')", SOON)?;
    let mut most = 0;
    Deadline::after(SOON).until(
        || format!("the folder is done; the page says:\n{}", tab.text()),
        || {
            most = most.max(rows(&tab)?);
            Ok((page.state(Tree::NAME)? == "done").then_some(()))
        },
    )?;
    assert!(most <= ROWS_MAX, "{most} rows for {} files", Tree::FILES);
    assert_eq!(listed_sizes(&tab, 1)?, tree.sizes);
    assert!(tab.text().contains("1 empty folder"), "{}", tab.text());
    let link = tab.evaluate("document.querySelector('[data-kind=folder] [data-testid=row-link]').href")?;
    let page = cairn_e2e::get(link.as_str().context("a link")?)?;
    assert_eq!(page.status, 200);
    assert_eq!(tab.evaluate(LEFT)?, Value::from(0), "the journal is empty");
    assert_eq!(browser.troubles()?, Vec::<String>::new());
    Ok(())
}

/// Entries in the stores of the journal.
const LEFT: &str = "(async () => {
    await new Promise(done => setTimeout(done, 500));
    const open = indexedDB.open('cairn');
    await new Promise(done => open.onsuccess = done);
    let sum = 0;
    for (const name of ['journal', 'folders', 'files', 'handles']) {
        const count = open.result.transaction(name).objectStore(name).count();
        await new Promise(done => count.onsuccess = done);
        sum += count.result;
    }
    return sum; })()";

#[test]
fn one_click_goes_on_with_a_folder() -> anyhow::Result<()> {
    let visitor = Visitor::start()?;
    let mut tree = Tree::make(visitor.folder())?;
    let visit = visitor.come()?;
    // Small files go together: without a gate all of them would be there at once.
    visitor.proxy.gate().hold_all_after(tree.sizes.values().sum::<u64>() * 2 / 3);
    visit.page().drop_files(&[&tree.root])?;
    let said = || format!("some files are done; the page says:\n{}", visit.tab.text());
    visitor.proxy.wait_held(SOON, said)?;
    Deadline::after(SOON).until(said, || Ok((done_files(&visit.tab)? > 0).then_some(())))?;
    visitor.kill(visit)?;
    visitor.proxy.gate().open();
    // What comes meanwhile may be older than the visit, and than any date that a browser tells.
    let dates =
        [UNIX_EPOCH + Duration::from_secs(1_577_836_800), UNIX_EPOCH - Duration::from_secs(18_403_200)];
    for (name, date) in ["late.txt", "old.txt"].into_iter().zip(dates) {
        fs::write(tree.root.join(name), name)?;
        fs::File::options().write(true).open(tree.root.join(name))?.set_modified(date)?;
        tree.sizes.insert(name.to_owned(), name.len() as u64);
    }

    let visit = visitor.come_back()?;
    let tab = &visit.tab;
    // Impatience changes nothing.
    let press =
        |id: &str| format!("document.querySelector('[data-testid=unfinished] [data-testid={id}]')?.click()");
    tab.wait_for("document.querySelector('[data-testid=unfinished] [data-testid=continue]')", SOON)?;
    tab.evaluate(&format!("{0}; {0}", press("continue")))?;
    tab.wait_for("document.querySelector('[data-kind=folder]')", SOON)?;
    tab.evaluate(&format!("{}; {}", press("continue"), press("discard")))?;
    tab.wait_for("!document.querySelector('[data-testid=unfinished]')", SOON)?;
    visit.page().wait_state(Tree::NAME, "done", SOON)?;
    assert_eq!(listed_sizes(tab, 1)?, tree.sizes);
    assert_eq!(visit.browser.troubles()?, Vec::<String>::new());
    Ok(())
}
