//! Pictures of the page with rows in different states; nothing on it overflows, and nothing complains.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cairn_e2e::{Browser, Gate, Page, Proxy, Screen, Server, random_file};

/// So much of each file.
const GOES_THROUGH: u64 = 20_000_000;
const SOON: Duration = Duration::from_secs(20);
const SCREENS: [(&str, Screen); 4] = [
    ("desktop-light", Screen::DESKTOP),
    ("desktop-dark", Screen::DESKTOP.dark()),
    ("phone-light", Screen::PHONE),
    ("phone-dark", Screen::PHONE.dark()),
];

/// Everything that is pressed and is less than 44 px wide or high.
const SMALL: &str = "[...document.querySelectorAll('button, select, a.link, input:not(.visually-hidden)')]
    .map(element => [element, element.getBoundingClientRect()])
    .filter(([, at]) => at.width > 0 && Math.min(at.width, at.height) < 43.9)
    .map(([element, at]) => `${element.outerHTML.slice(0, 90)}: ${at.width} x ${at.height}`).join('; ')";

#[test]
fn the_page_looks_right_on_every_screen() -> anyhow::Result<()> {
    let (server, browser, folder) = (Server::start()?, Browser::start()?, tempfile::tempdir()?);
    let proxy = Proxy::start(server.address())?;
    let make = |name: &str, size: u64| -> anyhow::Result<PathBuf> {
        let path = folder.path().join(name);
        random_file(&path, size, size)?;
        Ok(path)
    };
    let done = [make("Photos of the summit.zip", 5_400_000)?, make("Trail map 2026.pdf", 2_100_000)?];
    let paused = make("Interview, uncut.wav", 48_000_000)?;
    let sending = make(
        "Crossing the plateau - full length, with subtitles and the director's comments.mkv",
        130_000_000,
    )?;

    let album = folder.path().join("Album, second half");
    std::fs::create_dir(&album)?;
    for index in 0..12 {
        // The last one is held at the gate.
        random_file(&album.join(format!("{index:02}.jpg")), 200_000 + index / 11 * 30_000_000, 100 + index)?;
    }
    let tab = browser.open(&proxy.url("/"))?;
    let page = Page::ready(&tab)?;
    on_every_screen(&tab, "empty")?;
    page.drop_files(&[&done[0], &done[1]])?;
    for path in &done {
        page.wait_state(name(path), "done", SOON)?;
    }
    proxy.gate().hold_each_after(GOES_THROUGH);
    page.drop_files(&[&paused])?;
    page.wait_stored(name(&paused), GOES_THROUGH - Gate::BODY_BYTES_MAX)?;
    page.click_in_row(name(&paused), "row-pause")?;
    page.wait_state(name(&paused), "paused", SOON)?;
    page.drop_files(&[&album, &sending])?;
    page.wait_stored(name(&sending), GOES_THROUGH - Gate::BODY_BYTES_MAX)?;
    on_every_screen(&tab, "rows")?;
    page.click_in_row(name(&paused), "row-hand-over")?;
    tab.wait_for("document.querySelector('dialog[open] svg.qr')", SOON)?;
    on_every_screen(&tab, "hand-over")?;
    tab.navigate(&proxy.url("/"))?;
    tab.wait_for("document.querySelectorAll('[data-testid=continue]').length === 3", SOON)?;
    on_every_screen(&tab, "unfinished")?;
    assert_eq!(browser.troubles()?, Vec::<String>::new());
    Ok(())
}

fn on_every_screen(tab: &cairn_e2e::Tab, what: &str) -> anyhow::Result<()> {
    for (screen, shape) in SCREENS {
        tab.screen(shape)?;
        tab.evaluate("scrollTo(0, 0)")?;
        tab.picture(&pictures().join(format!("{what}-{screen}.png")))?;
        let over =
            tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")?;
        assert_eq!(over, 0, "{what} is wider than {screen}");
        assert_eq!(tab.evaluate(SMALL)?, "", "{what} has what fingers miss on {screen}");
    }
    Ok(())
}

/// `CAIRN_PICTURES`, or `e2e` in the build folder of the checkout.
fn pictures() -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/e2e");
    std::env::var_os("CAIRN_PICTURES").map_or(built, PathBuf::from)
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}
