//! Two tabs and one upload: the second says who is at it, and takes over when the first is closed.

use std::time::Duration;

use cairn_e2e::{Browser, Page, Proxy, Server, get, random_file};

const SIZE: u64 = 40_000_000;
const SOON: Duration = Duration::from_secs(20);

#[test]
fn the_second_tab_takes_over() -> anyhow::Result<()> {
    let (server, browser, folder) = (Server::start()?, Browser::start()?, tempfile::tempdir()?);
    let proxy = Proxy::start(server.address())?;
    let (by_handle, chosen) = (folder.path().join("by handle.bin"), folder.path().join("chosen.bin"));
    let digests = [random_file(&by_handle, SIZE, 5)?, random_file(&chosen, SIZE, 6)?];
    let first = browser.open(&proxy.url("/"))?;
    let page = Page::ready(&first)?;
    proxy.gate().hold_each_after(SIZE / 2);
    page.drop_files(&[&by_handle])?;
    page.choose_files(&[&chosen])?;
    page.wait_state("by handle.bin", "sending", SOON)?;
    first.wait_for(
        "document.querySelector('[data-name=\"chosen.bin\"]')?.dataset.state !== 'waiting'",
        SOON,
    )?;

    let second = browser.open(&proxy.url("/"))?;
    let page = Page::ready(&second)?;
    second.wait_for("document.querySelectorAll('[data-elsewhere=true]').length === 2", SOON)?;
    assert!(second.text().contains("Open in another tab"), "{}", second.text());
    // The same file chosen here waits in a row of its own.
    page.choose_files(&[&chosen])?;
    page.wait_state("chosen.bin", "waiting", SOON)?;
    assert!(second.text().contains("goes on here when that one closes"), "{}", second.text());
    second.wait_for("document.querySelectorAll('[data-elsewhere=true]').length === 1", SOON)?;
    // It can be given up here, and chosen again, but not paused.
    second.wait_for("!document.querySelector('[data-name=\"chosen.bin\"] [data-testid=row-pause]')", SOON)?;
    page.click_in_row("chosen.bin", "row-cancel")?;
    second.wait_for("document.querySelectorAll('[data-elsewhere=true]').length === 2", SOON)?;
    page.choose_files(&[&chosen])?;
    page.wait_state("chosen.bin", "waiting", SOON)?;

    first.close();
    proxy.gate().open();
    for (name, digest) in ["by handle.bin", "chosen.bin"].into_iter().zip(digests) {
        page.wait_state(name, "done", SOON)?;
        let answer = get(&format!("{}/raw", page.link(name)?))?;
        assert_eq!((answer.status, answer.sha256), (200, digest), "{name}");
    }
    second.wait_for("!document.querySelector('[data-testid=unfinished]')", SOON)?;
    assert_eq!(browser.troubles()?, Vec::<String>::new());
    Ok(())
}
