//! What is missing of a folder: all of it, and it is named; some of it, and the rest gets its link all the same.

use std::fs;
use std::time::Duration;

use cairn_e2e::{Browser, Page, Server, get};

const SOON: Duration = Duration::from_secs(20);
const NAME: &str = "holiday";

#[test]
fn a_folder_that_can_not_be_read_is_named() -> anyhow::Result<()> {
    let (server, browser, folder) = (Server::start()?, Browser::start()?, tempfile::tempdir()?);
    let root = folder.path().join(NAME);
    fs::create_dir(&root)?;
    fs::write(root.join("a.txt"), "a")?;
    let tab = browser.open(&server.url("/"))?;
    let page = Page::ready(&tab)?;
    tab.evaluate(
        "window.values = FileSystemDirectoryHandle.prototype.values;
         DataTransferItem.prototype.webkitGetAsEntry = () => null;
         FileSystemDirectoryHandle.prototype.values = () => { throw new DOMException('gone', 'NotFoundError'); }; 0",
    )?;
    page.drop_files(&[&root])?;
    tab.wait_for("document.querySelector('.notice')?.innerText.includes('holiday')", SOON)?;
    tab.wait_for("!document.querySelector('[data-kind=folder]')", SOON)?;
    assert_eq!(tab.evaluate("document.querySelector('[data-testid=unfinished]') === null")?, true);

    // Nothing of the first try is in the way of the second.
    tab.evaluate("FileSystemDirectoryHandle.prototype.values = window.values; 0")?;
    page.drop_files(&[&root])?;
    page.wait_state(NAME, "done", SOON)?;
    assert_eq!(browser.troubles()?, Vec::<String>::new());
    Ok(())
}

#[test]
fn a_folder_ends_without_what_can_not_be_read() -> anyhow::Result<()> {
    let (server, browser, folder) = (Server::start()?, Browser::start()?, tempfile::tempdir()?);
    let root = folder.path().join(NAME);
    fs::create_dir(&root)?;
    fs::write(root.join("there.txt"), "there")?;
    fs::write(root.join("gone.txt"), "gone")?;
    let tab = browser.open(&server.url("/"))?;
    let page = Page::ready(&tab)?;
    tab.evaluate(
        "DataTransferItem.prototype.webkitGetAsEntry = () => null;
         window.getFile = FileSystemFileHandle.prototype.getFile;
         FileSystemFileHandle.prototype.getFile = function () {
             return this.name == 'gone.txt' ? Promise.reject(new DOMException('gone', 'NotFoundError'))
                                            : window.getFile.call(this);
         }; 0",
    )?;
    page.drop_files(&[&root])?;
    page.wait_state(NAME, "needs-file", SOON)?;
    assert!(tab.text().contains("1 can’t be read"), "{}", tab.text());
    let said = tab.evaluate("document.querySelector('[aria-live]').innerText")?;
    assert!(said.as_str().unwrap_or_default().starts_with("holiday: "), "{said}");
    page.click_in_row(NAME, "row-without")?;
    page.wait_state(NAME, "done", SOON)?;
    assert!(tab.text().contains("1 file ·"), "{}", tab.text());
    let answer = get(&page.link(NAME)?)?;
    assert_eq!(answer.status, 200);
    assert_eq!(browser.troubles()?, Vec::<String>::new());
    Ok(())
}
