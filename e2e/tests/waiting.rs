//! What a row says while it waits, and that it waits as it was asked to: server gone, server busy, paused, and a proxy on
//! the way that takes no large body.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use cairn_e2e::{Browser, Deadline, Gate, Page, Proxy, Refusal, Server, Tab, get, random_file};

const SIZE: u64 = 30_000_000;
const NAME: &str = "waits.bin";
const SOON: Duration = Duration::from_secs(20);

/// A file on its way.
struct Sending {
    tab: Tab,
    browser: Browser,
    proxy: Proxy,
    server: Server,
    file: PathBuf,
    sha256: String,
    _folder: tempfile::TempDir,
}

impl Sending {
    fn start(refusal: Refusal) -> anyhow::Result<Self> {
        let (server, browser, folder) = (Server::start()?, Browser::start()?, tempfile::tempdir()?);
        let proxy = Proxy::start(server.address())?;
        let file = folder.path().join(NAME);
        let sha256 = random_file(&file, SIZE, 21)?;
        let tab = browser.open(&proxy.url("/"))?;
        Page::ready(&tab)?;
        proxy.gate().hold_each_after(SIZE / 2);
        proxy.refuse(refusal);
        Page(&tab).drop_files(&[&file])?;
        Ok(Self { tab, browser, proxy, server, file, sha256, _folder: folder })
    }

    /// Waits until some of it is stored.
    fn wait_stored(&self) -> anyhow::Result<()> {
        Page(&self.tab).wait_stored(NAME, SIZE / 2 - Gate::BODY_BYTES_MAX)
    }

    /// Waits until the row says all of that.
    fn wait_says(&self, parts: &[&str]) -> anyhow::Result<()> {
        let said = || Page(&self.tab).row_text(NAME);
        Deadline::after(SOON).until(
            || format!("the row says {parts:?}; it says {:?}", said()),
            || Ok(parts.iter().all(|part| said().is_ok_and(|text| text.contains(part))).then_some(())),
        )
    }

    /// It arrives whole, by itself, and only those things were wrong meanwhile.
    fn check(&self, expected: &[&str]) -> anyhow::Result<()> {
        self.proxy.gate().open();
        Page(&self.tab).wait_state(NAME, "done", SOON * 2)?;
        let answer = get(&format!("{}/raw", Page(&self.tab).link(NAME)?))?;
        assert_eq!((answer.status, &answer.sha256), (200, &self.sha256));
        let mut troubles = self.browser.troubles()?;
        troubles.retain(|trouble| !expected.iter().any(|expected| trouble.contains(expected)));
        assert_eq!(troubles, Vec::<String>::new());
        Ok(())
    }

    /// The seconds that the row says it waits, as long as they are told, until so many were seen.
    fn countdown(&self, enough: usize) -> anyhow::Result<BTreeSet<u64>> {
        let mut seen = BTreeSet::new();
        Deadline::after(SOON).until(
            || format!("{enough} different numbers of seconds; the page says:\n{}", self.tab.text()),
            || {
                let text = Page(&self.tab).row_text(NAME)?;
                let left = text.split_once("again in ").and_then(|(_, rest)| rest.split_once(" s"));
                seen.extend(left.and_then(|(left, _)| left.parse::<u64>().ok()));
                Ok((seen.len() >= enough).then_some(()))
            },
        )?;
        Ok(seen)
    }
}

#[test]
fn a_server_that_is_gone_is_waited_for() -> anyhow::Result<()> {
    let mut sending = Sending::start(Refusal::None)?;
    sending.wait_stored()?;
    sending.server.kill();
    sending.proxy.gate().open();
    sending.wait_says(&["Can’t reach the server", "The server can’t be reached", "again in "])?;
    sending.countdown(3)?;
    sending.server.go_on()?;
    sending.check(&["net::ERR_", "WebSocket connection"])
}

#[test]
fn a_busy_server_is_left_alone_as_long_as_it_asks() -> anyhow::Result<()> {
    const SECONDS: u32 = 10;
    let sending = Sending::start(Refusal::None)?;
    sending.wait_stored()?;
    sending.proxy.refuse(Refusal::Busy(SECONDS));
    sending.proxy.gate().open();
    sending.wait_says(&["Waiting for the server", "The server is busy · again in "])?;
    let seen = sending.countdown(4)?;
    assert!(seen.iter().all(|left| *left <= u64::from(SECONDS)), "{seen:?}");
    sending.proxy.refuse(Refusal::None);
    sending.check(&["503 (Service Unavailable)", "WebSocket connection"])?;

    let requests = sending.proxy.requests();
    let first = requests.iter().find(|request| request.refused).map(|request| request.at).unwrap_or_default();
    // What was on its way when the first refusal was read may still come.
    let early = first + Duration::from_secs(4)..first + Duration::from_secs(SECONDS.into());
    let early: Vec<_> = requests.iter().filter(|request| early.contains(&request.at)).collect();
    assert!(early.is_empty(), "refused at {first:?}, and then {early:?}");
    Ok(())
}

#[test]
fn a_server_that_is_busy_from_the_start_is_said_to_be() -> anyhow::Result<()> {
    let sending = Sending::start(Refusal::Busy(5))?;
    sending.wait_says(&["Waiting for the server", "The server is busy · again in "])?;
    sending.proxy.refuse(Refusal::None);
    sending.check(&["503 (Service Unavailable)", "WebSocket connection"])
}

#[test]
fn a_paused_file_says_so_and_sends_nothing() -> anyhow::Result<()> {
    let sending = Sending::start(Refusal::None)?;
    let page = Page(&sending.tab);
    let stored = page.pause_at(NAME, SIZE, SIZE / 2 - Gate::BODY_BYTES_MAX)?;
    sending.proxy.gate().open();
    sending.wait_says(&["Paused", "30 MB"])?;
    let other = sending.file.with_file_name("other.bin");
    random_file(&other, SIZE / 2, 22)?;
    let before = sending.proxy.requests().len();
    page.drop_files(&[&other])?;
    page.wait_state("other.bin", "done", SOON)?;
    assert_eq!((page.state(NAME)?.as_str(), page.stored(NAME)?), ("paused", stored));
    assert!(sending.proxy.requests().len() > before);
    page.click_in_row(NAME, "row-resume")?;
    sending.check(&[])
}

#[test]
fn a_fast_line_has_runs_go_by_channels() -> anyhow::Result<()> {
    const LONGER: u64 = 150_000_000;
    let sending = Sending::start(Refusal::None)?;
    sending.check(&[])?;
    let puts = || {
        let requests = sending.proxy.requests();
        requests.iter().filter(|request| request.what.starts_with("PUT ")).map(|request| request.body).sum()
    };
    // By now the line is known.
    let before: u64 = puts();
    let other = sending.file.with_file_name("other.bin");
    random_file(&other, LONGER, 24)?;
    Page(&sending.tab).drop_files(&[&other])?;
    Page(&sending.tab).wait_state("other.bin", "done", SOON)?;
    let put = puts() - before;
    // How many depends on the machine: single rows go by PUT, and a slow line has more of them.
    assert!(put < LONGER * 9 / 10, "{put} bytes by PUT");
    assert!(sending.proxy.requests().iter().any(|request| request.what == "GET /api/channel"));
    Ok(())
}

#[test]
fn a_proxy_that_takes_no_large_body_is_learned() -> anyhow::Result<()> {
    const LIMIT: u64 = 1 << 20;
    let sending = Sending::start(Refusal::Larger(LIMIT))?;
    sending.check(&["413 (Content Too Large)", "WebSocket connection"])?;
    let puts_refused = || {
        let requests = sending.proxy.requests();
        requests.iter().filter(|request| request.refused && request.what.starts_with("PUT ")).count()
    };
    let refused = puts_refused();
    // A window of requests with several chunks, and one of those chunks alone.
    assert!((1..=8).contains(&refused), "{refused} bodies were refused");
    // The next file is cut short enough from the start.
    let other = sending.file.with_file_name("other.bin");
    random_file(&other, SIZE / 2, 23)?;
    Page(&sending.tab).drop_files(&[&other])?;
    Page(&sending.tab).wait_state("other.bin", "done", SOON)?;
    assert_eq!(puts_refused(), refused);
    Ok(())
}

#[test]
fn a_login_page_in_front_is_told_as_that_and_nothing_is_lost() -> anyhow::Result<()> {
    for refusal in [Refusal::Login, Refusal::LoginPage] {
        let sending = Sending::start(Refusal::None)?;
        sending.wait_stored()?;
        sending.proxy.refuse(refusal);
        sending.proxy.gate().open();
        sending.wait_says(&["a login page?", "Load this page again"])?;
        sending.proxy.refuse(Refusal::None);
        sending.check(&["WebSocket", "302"])?;
        assert!(Page(&sending.tab).sent(NAME)? < SIZE + SIZE / 2, "{refusal:?}: what was sent is kept");
    }
    Ok(())
}
