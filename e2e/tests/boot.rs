//! A page whose program can't be loaded says so.

use std::time::Duration;

use cairn_e2e::{Browser, Server};

#[test]
fn a_program_that_can_not_be_loaded_leaves_a_sentence() -> anyhow::Result<()> {
    let (server, browser) = (Server::start()?, Browser::start()?);
    let tab = browser.open(&server.url("/"))?;
    tab.before_pages(
        "WebAssembly.instantiate = WebAssembly.instantiateStreaming = () => Promise.reject('no')",
    )?;
    tab.navigate(&server.url("/"))?;
    tab.wait_for(
        "document.getElementById('loading')?.innerText.includes('not be loaded')",
        Duration::from_secs(20),
    )
}
