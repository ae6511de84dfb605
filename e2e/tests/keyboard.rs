//! Keyboard alone: choose a file, pause, resume, copy the link, cancel another.

use std::time::Duration;

use cairn_e2e::{Browser, HalfWay, Key, Page, Proxy, Server, get, random_file};

const SIZE: u64 = 60_000_000;
const NAME: &str = "by hand.bin";
const OTHER: &str = "unwanted.bin";
const SOON: Duration = Duration::from_secs(20);

#[test]
fn everything_works_without_a_mouse() -> anyhow::Result<()> {
    let (server, browser, folder) = (Server::start()?, Browser::start()?, tempfile::tempdir()?);
    let proxy = Proxy::start(server.address())?;
    let (file, other) = (folder.path().join(NAME), folder.path().join(OTHER));
    let digest = random_file(&file, SIZE, 1)?;
    random_file(&other, SIZE, 2)?;
    browser.grant(&proxy.url(""), &["clipboardReadWrite", "clipboardSanitizedWrite"])?;
    let tab = browser.open(&proxy.url("/"))?;
    let page = Page::ready(&tab)?;
    proxy.gate().hold_each_after(SIZE / 2);

    tab.intercept_dialogs()?;
    tab.tab_to("[data-testid=drop-zone] button")?;
    tab.press(Key::Enter)?;
    tab.answer_dialog(&[&file, &other])?;

    tab.tab_to(&Page::in_row(NAME, "row-pause"))?;
    tab.press(Key::Space)?;
    page.wait_state(NAME, "paused", SOON)?;
    tab.tab_to(&Page::in_row(OTHER, "row-cancel"))?;
    tab.press(Key::Enter)?;
    tab.wait_for(&format!("!document.querySelector('[data-name=\"{OTHER}\"]')"), SOON)?;
    assert!(page.stored(NAME)? < SIZE, "it was paused after its end");
    proxy.gate().open();
    tab.tab_to(&Page::in_row(NAME, "row-resume"))?;
    tab.press(Key::Enter)?;
    page.wait_state(NAME, "done", SOON * 3)?;
    // The button that had the focus is gone: the focus stays in the row.
    tab.wait_for("document.activeElement?.dataset.testid === 'row-link'", SOON)?;

    tab.tab_to(&Page::in_row(NAME, "row-copy"))?;
    tab.press(Key::Enter)?;
    let link = page.link(NAME)?;
    tab.wait_for("navigator.clipboard.readText().then(text => window.copied = text) && window.copied", SOON)?;
    assert_eq!(tab.evaluate("window.copied")?, link.as_str());
    let answer = get(&format!("{link}/raw"))?;
    assert_eq!((answer.status, answer.sha256), (200, digest));
    assert_eq!(browser.troubles()?, Vec::<String>::new());
    Ok(())
}

#[test]
fn discarding_leaves_the_focus_on_the_page() -> anyhow::Result<()> {
    let half_way = HalfWay::begin(20_000_000, 4, 40)?;
    half_way.wait_unfinished()?;
    half_way.tab.tab_to("[data-testid=discard]")?;
    half_way.tab.press(Key::Enter)?;
    half_way.tab.wait_for("document.activeElement?.id === 'choose-files'", SOON)
}
