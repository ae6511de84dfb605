//! The page over plain HTTP from another machine, where browsers have no handles, no Web Locks and no pickers.

use std::time::Duration;

use cairn_e2e::{Browser, Options, Page, Proxy, Server, Tab, Tree, get, listed_sizes, random_file};

const HOST: &str = "cairn.test";
const SIZE: u64 = 20_000_000;
const SOON: Duration = Duration::from_secs(30);

/// A server with a name, and a browser that finds it by that name.
fn start() -> anyhow::Result<(Server, Proxy, Browser, String)> {
    let server = Server::start_with(&[("CAIRN_HOSTS", HOST), ("CAIRN_GUESTS", "true")])?;
    let proxy = Proxy::start(server.address())?;
    let flags = vec![format!("--host-resolver-rules=MAP {HOST} 127.0.0.1")];
    let browser = Browser::start_with(&Options { flags, ..Options::default() })?;
    let url = proxy.url("/").replace("127.0.0.1", HOST);
    Ok((server, proxy, browser, url))
}

fn open(browser: &Browser, url: &str) -> anyhow::Result<Tab> {
    let tab = browser.open(url)?;
    Page::ready(&tab)?;
    let has = "[isSecureContext, 'locks' in navigator, 'showOpenFilePicker' in window]";
    assert_eq!(tab.evaluate(has)?, serde_json::json!([false, false, false]));
    Ok(tab)
}

/// Browsers complain of a header that does nothing there.
fn check_troubles(browser: &Browser) -> anyhow::Result<()> {
    let mut troubles = browser.troubles()?;
    troubles.retain(|trouble| !trouble.contains("Cross-Origin-Opener-Policy header has been ignored"));
    assert_eq!(troubles, Vec::<String>::new());
    Ok(())
}

#[test]
fn a_dropped_folder_arrives_whole() -> anyhow::Result<()> {
    let ((_server, _proxy, browser, url), folder) = (start()?, tempfile::tempdir()?);
    let tree = Tree::make(folder.path())?;
    let tab = open(&browser, &url)?;
    Page(&tab).drop_files(&[&tree.root])?;
    Page(&tab).wait_state(Tree::NAME, "done", SOON)?;
    assert_eq!(listed_sizes(&tab, 1)?, tree.sizes);
    assert!(tab.text().contains("1 empty folder"), "{}", tab.text());
    check_troubles(&browser)?;
    Ok(())
}

#[test]
fn a_folder_is_chosen_by_the_input() -> anyhow::Result<()> {
    let ((_server, _proxy, browser, url), folder) = (start()?, tempfile::tempdir()?);
    let tree = Tree::make(folder.path())?;
    let tab = open(&browser, &url)?;
    tab.intercept_dialogs()?;
    tab.click(&Page::by_id("choose-folder"))?;
    tab.answer_dialog(&[&tree.root])?;
    Page(&tab).wait_state(Tree::NAME, "done", SOON)?;
    // An input gives files only: it has no word for an empty folder.
    assert_eq!(listed_sizes(&tab, 0)?, tree.sizes);
    check_troubles(&browser)?;
    Ok(())
}

#[test]
fn the_second_tab_takes_over() -> anyhow::Result<()> {
    let ((_server, proxy, browser, url), folder) = (start()?, tempfile::tempdir()?);
    let file = folder.path().join("one.bin");
    let sha256 = random_file(&file, SIZE, 31)?;
    let first = open(&browser, &url)?;
    proxy.gate().hold_each_after(SIZE / 2);
    Page(&first).drop_files(&[&file])?;
    Page(&first).wait_state("one.bin", "sending", SOON)?;

    let second = open(&browser, &url)?;
    let page = Page(&second);
    second.wait_for("document.querySelector('[data-testid=unfinished] [data-elsewhere=true]')", SOON)?;
    assert!(second.text().contains("Open in another tab"), "{}", second.text());
    // The same file chosen here waits in a row of its own.
    page.choose_files(&[&file])?;
    page.wait_state("one.bin", "waiting", SOON)?;
    assert!(second.text().contains("goes on here when that one closes"), "{}", second.text());

    let stored = Page(&first).stored("one.bin")?;
    first.close();
    proxy.gate().open();
    page.wait_state("one.bin", "done", SOON)?;
    let answer = get(&format!("{}/raw", page.link("one.bin")?).replace(HOST, "127.0.0.1"))?;
    assert_eq!((answer.status, answer.sha256), (200, sha256));
    assert!(page.sent("one.bin")? <= SIZE - stored, "what the first tab had sent was sent again");
    second.wait_for("!document.querySelector('[data-testid=unfinished]')", SOON)?;
    check_troubles(&browser)?;
    Ok(())
}
