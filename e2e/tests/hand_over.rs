//! An upload that one browser began is finished by another one, which has the same file and the link.

use std::time::Duration;

use anyhow::Context;
use cairn_e2e::{Browser, Gate, Page, Proxy, Server, Tab, WINDOW_BYTES, get, random_file};

const SIZE: u64 = 40_000_000;
const NAME: &str = "Gipfel & Grat.bin";
const SOON: Duration = Duration::from_secs(20);

/// The link that a row hands over by; the dialog is closed again.
fn link_of_row(tab: &Tab) -> anyhow::Result<String> {
    Page(tab).click_in_row(NAME, "row-hand-over")?;
    tab.wait_for("document.querySelector('dialog[open] svg.qr')", SOON)?;
    let link = tab.evaluate("document.querySelector('[data-testid=hand-over-link]').href")?;
    tab.click(&Page::by_id("hand-over-close"))?;
    tab.wait_for("!document.querySelector('dialog[open]')", SOON)?;
    link.as_str().map(str::to_owned).context("the dialog has no link")
}

#[test]
fn another_device_goes_on_by_the_link() -> anyhow::Result<()> {
    let (server, folder) = (Server::start()?, tempfile::tempdir()?);
    let proxy = Proxy::start(server.address())?;
    let file = folder.path().join(NAME);
    let sha256 = random_file(&file, SIZE, 5)?;
    let (here, there) = (Browser::start()?, Browser::start()?);
    let first = here.open(&proxy.url("/"))?;
    proxy.gate().hold_all_after(SIZE / 2);
    Page::ready(&first)?.drop_files(&[&file])?;
    Page(&first).wait_stored(NAME, SIZE / 2 - Gate::BODY_BYTES_MAX)?;
    let link = link_of_row(&first)?;
    Page(&first).wait_state(NAME, "paused", SOON)?;
    proxy.gate().open();

    let (stored, before) = (server.stored_bytes()?, proxy.sent_bytes());
    let second = there.open(&link)?;
    let page = Page::ready(&second)?;
    second.wait_for("document.querySelector('[data-testid=unfinished] [data-testid=continue]')", SOON)?;
    assert_eq!(second.evaluate("location.href")?, proxy.url("/").as_str(), "the key stays in sight");
    assert!(second.text().contains(NAME), "{}", second.text());
    page.choose_files(&[&file])?;
    page.wait_state(NAME, "done", SOON)?;
    let answer = get(&format!("{}/raw", page.link(NAME)?))?;
    assert_eq!((answer.status, answer.size, &answer.sha256), (200, SIZE, &sha256));
    let (missing, sent) = (SIZE - stored, proxy.sent_bytes() - before);
    println!("{missing} of {SIZE} bytes were missing, {sent} were sent");
    assert!(sent <= missing + WINDOW_BYTES / 4, "{sent} bytes were sent where {missing} were missing");

    // Where it began it is done as soon as somebody looks.
    Page(&first).click_in_row(NAME, "row-resume")?;
    Page(&first).wait_state(NAME, "done", SOON)?;
    assert_eq!(Page(&first).link(NAME)?, page.link(NAME)?);
    assert_eq!(here.troubles()?, Vec::<String>::new());
    assert_eq!(there.troubles()?, Vec::<String>::new());
    Ok(())
}

#[test]
fn a_link_that_is_not_whole_is_told_so() -> anyhow::Result<()> {
    let (server, browser) = (Server::start()?, Browser::start()?);
    let tab = browser.open(&server.url("/#session=00000000000000000000000000000000&key=ses_"))?;
    tab.wait_for("document.querySelector('[role=alert]')?.innerText.includes('not whole')", SOON)?;
    assert_eq!(browser.troubles()?, Vec::<String>::new());
    Ok(())
}
