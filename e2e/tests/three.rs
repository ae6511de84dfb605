//! Three files at once: one is paused and resumed, one is cancelled, none disturbs another.

use std::time::Duration;

use cairn_e2e::{Browser, Page, Proxy, Server, get, random_file};

const SIZE: u64 = 40_000_000;
const NAMES: [&str; 3] = ["goes on.bin", "paused.bin", "cancelled.bin"];
const SOON: Duration = Duration::from_secs(20);

#[test]
fn files_are_paused_and_cancelled_each_for_itself() -> anyhow::Result<()> {
    let (server, browser, folder) = (Server::start()?, Browser::start()?, tempfile::tempdir()?);
    let proxy = Proxy::start(server.address())?;
    let paths = NAMES.map(|name| folder.path().join(name));
    let mut digests = Vec::new();
    for (path, seed) in paths.iter().zip(1..) {
        digests.push(random_file(path, SIZE, seed)?);
    }
    let tab = browser.open(&proxy.url("/"))?;
    let page = Page::ready(&tab)?;
    proxy.gate().hold_each_after(SIZE / 2);
    page.drop_files(&paths.each_ref().map(|path| path.as_path()))?;

    page.click_in_row(NAMES[1], "row-pause")?;
    page.wait_state(NAMES[1], "paused", SOON)?;
    page.click_in_row(NAMES[2], "row-cancel")?;
    tab.wait_for(&format!("!document.querySelector('[data-name=\"{}\"]')", NAMES[2]), SOON)?;

    // What was on its way when it was paused may still arrive, but nobody asks for it any more.
    let stored = page.stored(NAMES[1])?;
    proxy.gate().open();
    page.wait_state(NAMES[0], "done", SOON * 3)?;
    assert_eq!((page.state(NAMES[1])?.as_str(), page.stored(NAMES[1])?), ("paused", stored));
    assert!(stored < SIZE, "it was paused after its end");

    page.click_in_row(NAMES[1], "row-resume")?;
    page.wait_state(NAMES[1], "done", SOON * 3)?;
    for at in [0, 1] {
        let answer = get(&format!("{}/raw", page.link(NAMES[at])?))?;
        assert_eq!((answer.status, &answer.sha256), (200, &digests[at]), "{}", NAMES[at]);
    }
    assert_eq!(page.state(NAMES[2])?, "", "a cancelled file does not come back");
    assert_eq!(browser.troubles()?, Vec::<String>::new());
    Ok(())
}
