//! The bandwidth limit: typed in once, it holds now and at later visits.

use std::fs;
use std::time::Duration;

use cairn_e2e::{Browser, Deadline, Page, Proxy, Server, random_file};

const NAME: &str = "slow.bin";
const SOON: Duration = Duration::from_secs(20);

#[test]
fn a_limit_holds_and_is_kept() -> anyhow::Result<()> {
    const RATE: u64 = 4_000_000;
    let (server, browser, folder) = (Server::start()?, Browser::start()?, tempfile::tempdir()?);
    let proxy = Proxy::start(server.address())?;
    let tab = browser.open(&proxy.url("/"))?;
    let page = Page::ready(&tab)?;
    let (seed, file) = (folder.path().join("a.txt"), folder.path().join(NAME));
    fs::write(&seed, "so that there are rows")?;
    random_file(&file, 3 * RATE, 6)?;
    page.drop_files(&[&seed])?;
    page.wait_state("a.txt", "done", SOON)?;
    tab.fill_in(&Page::by_id("limit"), "4")?;
    // So that what the row says is seen.
    proxy.gate().hold_all_after(2 * RATE);
    let began = Deadline::after(Duration::from_secs(1));
    page.drop_files(&[&file])?;
    tab.wait_for(
        "document.querySelector('[data-state=sending] .row-hint')?.innerText.includes('held to 4\u{a0}MB/s')",
        SOON,
    )?;
    proxy.gate().open();
    page.wait_state(NAME, "done", SOON)?;
    assert!(began.is_over(), "12 MB took less than a second at 4 MB/s");

    tab.navigate(&proxy.url("/"))?;
    Page::ready(&tab)?.drop_files(&[&seed])?;
    tab.wait_for("document.querySelector('[data-testid=limit]')?.value === '4'", SOON)?;
    tab.fill_in(&Page::by_id("limit"), "")?;
    tab.navigate(&proxy.url("/"))?;
    Page::ready(&tab)?.drop_files(&[&seed])?;
    tab.wait_for("document.querySelector('[data-testid=limit]')?.value === ''", SOON)?;
    assert_eq!(browser.troubles()?, Vec::<String>::new());
    Ok(())
}
