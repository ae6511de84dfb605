//! What was sent from this browser: files and folders, with their links, to the end.

use std::fs;
use std::time::Duration;

use cairn_e2e::{Browser, Page, Server, get};

const SOON: Duration = Duration::from_secs(20);

#[test]
fn folders_are_listed_and_deleted_like_files() -> anyhow::Result<()> {
    let (server, browser, folder) = (Server::start()?, Browser::start()?, tempfile::tempdir()?);
    let (root, file) = (folder.path().join("holiday"), folder.path().join("alone.txt"));
    fs::create_dir(&root)?;
    fs::write(root.join("a.txt"), "a")?;
    fs::write(root.join("b.txt"), "bb")?;
    fs::write(&file, "alone")?;
    let tab = browser.open(&server.url("/"))?;
    let page = Page::ready(&tab)?;
    page.drop_files(&[&root, &file])?;
    page.wait_state("holiday", "done", SOON)?;
    page.wait_state("alone.txt", "done", SOON)?;
    let link = page.link("holiday")?;

    tab.navigate(&server.url("/"))?;
    Page::ready(&tab)?;
    tab.wait_for("document.querySelectorAll('[data-testid=file]').length === 2", SOON)?;
    let entry = "[data-testid=file][data-name=holiday]";
    let listed = tab.evaluate(&format!("document.querySelector('{entry} .link').href"))?;
    assert_eq!(listed, link.as_str());
    assert!(tab.text().contains("2 files · 3"), "{}", tab.text());
    for _ in 0..2 {
        tab.click(&format!("{entry} [data-testid=row-delete]"))?;
    }
    tab.wait_for(&format!("!document.querySelector('{entry}')"), SOON)?;
    assert_eq!(tab.evaluate("document.querySelectorAll('[data-testid=file]').length")?, 1);
    assert_eq!(get(&link)?.status, 404);
    assert_eq!(browser.troubles()?, Vec::<String>::new());
    Ok(())
}
