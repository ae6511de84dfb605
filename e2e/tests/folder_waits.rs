//! A folder that is dropped while the server is away: it says what it waits for, and nothing waits behind it.

use std::fs;
use std::time::Duration;

use cairn_e2e::{Browser, Page, Server};

const SOON: Duration = Duration::from_secs(30);

#[test]
fn a_folder_says_that_it_waits_for_the_server() -> anyhow::Result<()> {
    let (mut server, browser, folder) = (Server::start()?, Browser::start()?, tempfile::tempdir()?);
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    for root in [&one, &two] {
        fs::create_dir(root)?;
        fs::write(root.join("file.txt"), root.to_string_lossy().as_bytes())?;
    }
    let tab = browser.open(&server.url("/"))?;
    let page = Page::ready(&tab)?;
    server.kill();
    page.drop_files(&[&one, &two])?;
    for name in ["one", "two"] {
        page.wait_state(name, "offline", SOON)?;
    }
    assert!(tab.text().contains("The server can’t be reached"), "{}", tab.text());
    server.go_on()?;
    for name in ["one", "two"] {
        page.wait_state(name, "done", SOON)?;
    }
    Ok(())
}
