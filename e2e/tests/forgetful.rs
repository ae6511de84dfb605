//! A browser that keeps nothing, or can't any more: files arrive all the same, and the page promises nothing else.

use std::time::Duration;

use cairn_e2e::{Browser, Page, Proxy, Server, random_file};

const SOON: Duration = Duration::from_secs(20);
/// No database at all, as in some private modes.
const NONE: &str = "IDBFactory.prototype.open = () => { throw new DOMException('no', 'SecurityError'); };";
/// Its disk is full.
const FULL: &str = "const put = IDBObjectStore.prototype.put;
    IDBObjectStore.prototype.put = function (...all) {
        const asked = put.apply(this, all);
        if (this.name == 'journal') asked.onsuccess = () => this.transaction.abort();
        return asked;
    };";

#[test]
fn the_page_does_not_promise_what_the_browser_can_not_keep() -> anyhow::Result<()> {
    let (server, browser, folder) = (Server::start()?, Browser::start()?, tempfile::tempdir()?);
    let proxy = Proxy::start(server.address())?;
    let file = folder.path().join("file.bin");
    for (seed, broken) in [NONE, FULL].into_iter().enumerate() {
        random_file(&file, 6_000_000, seed as u64)?;
        proxy.gate().hold_all_after(3_000_000);
        let tab = browser.open(&proxy.url("/"))?;
        tab.before_pages(broken)?;
        tab.navigate(&proxy.url("/"))?;
        let page = Page::ready(&tab)?;
        page.choose_files(&[&file])?;
        let footer = "document.querySelector('[data-testid=safe-to-close]').innerText";
        tab.wait_for(&format!("{footer}.startsWith('Keep this tab open')"), SOON)?;
        proxy.gate().open();
        page.wait_state("file.bin", "done", SOON)?;
        tab.wait_for(&format!("{footer}.startsWith('Everything has arrived')"), SOON)?;
    }
    Ok(())
}
