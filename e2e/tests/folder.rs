//! Folders: dropped with everything in them, one row for all, and one click after a killed browser.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use cairn_e2e::{Browser, Deadline, Page, Server, Tab, Visitor};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(45);
const FILES: usize = 300;
const NAME: &str = "Fotos 山";
/// One row for the folder, and a little room: rows never follow the number of files.
const ROWS_MAX: u64 = 3;

/// 300 files in 12 folders, one of them with 150 entries, and an empty folder; gives sizes by path.
fn make(parent: &Path) -> anyhow::Result<(PathBuf, BTreeMap<String, u64>)> {
    let root = parent.join(NAME);
    let mut sizes = BTreeMap::new();
    let folders = ["", "много", "a/b/c/d", "عربي", "e", "f", "g", "h", "i", "j", "k"];
    let mut put = |folder: &str, index: usize| -> anyhow::Result<()> {
        let below = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let path = format!("{below}datei {index:03} ñ.txt");
        let text = format!("{path} ").repeat(1 + index * 7);
        let file = root.join(&path);
        fs::create_dir_all(file.parent().context("a file lies in a folder")?)?;
        fs::write(&file, &text)?;
        sizes.insert(path, text.len() as u64);
        Ok(())
    };
    for index in 0..150 {
        put("die großen", index)?;
    }
    for index in 0..FILES - 150 {
        put(folders[index % folders.len()], index)?;
    }
    fs::create_dir_all(root.join("e/leer"))?;
    Ok((root, sizes))
}

/// Every file of the only folder of this browser's owner, by path; fails where a path comes twice.
fn listed(tab: &Tab) -> anyhow::Result<BTreeMap<String, u64>> {
    let script = "(async () => {
        const open = indexedDB.open('cairn');
        await new Promise(done => open.onsuccess = done);
        const get = open.result.transaction('owner').objectStore('owner').get('key');
        await new Promise(done => get.onsuccess = done);
        const headers = { authorization: 'Bearer ' + get.result };
        const ask = async path => (await fetch(path, { headers })).json();
        const folders = (await ask('/api/folder')).items;
        if (folders.length != 1 || folders[0].folders != 1) throw new Error(JSON.stringify(folders));
        const all = [];
        for (let after = '';;) {
            const list = await ask('/api/folder/' + folders[0].folder + '?limit=1000' + after);
            all.push(...list.items.filter(item => item.kind == 'file').map(file => [file.path, file.size]));
            if (!list.next) return all;
            after = '&after=' + encodeURIComponent(list.next);
        } })()";
    let list = tab.evaluate(script)?;
    let mut sizes = BTreeMap::new();
    for item in list.as_array().context("a list")? {
        let path = item[0].as_str().context("a path")?.to_owned();
        let twice = sizes.insert(path.clone(), item[1].as_u64().context("a size")?);
        anyhow::ensure!(twice.is_none(), "{path} is there twice");
    }
    Ok(sizes)
}

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
    let (root, sizes) = make(folder.path())?;
    assert_eq!(sizes.len(), FILES);
    let tab = browser.open(&server.url("/"))?;
    let page = Page::ready(&tab)?;
    page.drop_files(&[&root])?;
    tab.wait_for("document.querySelector('[data-kind=folder]')", SOON)?;
    let mut most = 0;
    Deadline::after(SOON).until(
        || format!("the folder is done; the page says:\n{}", tab.text()),
        || {
            most = most.max(rows(&tab)?);
            Ok((page.state(NAME)? == "done").then_some(()))
        },
    )?;
    assert!(most <= ROWS_MAX, "{most} rows for {FILES} files");
    assert_eq!(listed(&tab)?, sizes);
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
    let (root, sizes) = make(visitor.folder())?;
    let visit = visitor.come()?;
    // Small files go together: on a fast line all of them would be there at once.
    visitor.proxy.limit(600_000);
    visit.page().drop_files(&[&root])?;
    Deadline::after(SOON).until(
        || format!("a third is done; the page says:\n{}", visit.tab.text()),
        || Ok((done_files(&visit.tab)? > FILES as u64 / 3).then_some(())),
    )?;
    // Slow enough that the rest is not through before that.
    visitor.proxy.limit(1_000);
    visitor.kill(visit)?;
    visitor.proxy.limit(0);

    let visit = visitor.come_back()?;
    visit.tab.click(&Page::continue_button(None))?;
    visit.tab.wait_for("document.querySelector('[data-kind=folder]')", SOON)?;
    visit.page().wait_state(NAME, "done", SOON)?;
    assert_eq!(listed(&visit.tab)?, sizes);
    assert_eq!(visit.browser.troubles()?, Vec::<String>::new());
    Ok(())
}
