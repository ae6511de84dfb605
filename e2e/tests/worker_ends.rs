//! Workers that do not start, or stop in the middle of their files: others go on, or the page says so.

use std::time::Duration;

use cairn_e2e::{Browser, Page, Proxy, Server, get, random_file};

const SIZE: u64 = 24_000_000;
const SOON: Duration = Duration::from_secs(20);

/// Workers that the page has made and that are ready, within reach of the test.
const KEPT: &str = "window.made = [];
    const Real = Worker;
    window.Worker = class extends Real {
        constructor(...all) {
            super(...all);
            this.addEventListener('message', ({ data }) => data === '\"Ready\"' && window.made.push(this));
        }
    };";

/// Workers whose program is not there.
const SPOILT: &str = "const post = Worker.prototype.postMessage;
    Worker.prototype.postMessage = function (message, ...more) {
        return post.call(this, message.glue ? { ...message, glue: location.origin + '/gone.js' } : message, ...more);
    };";

#[test]
fn another_worker_reads_again_what_one_had() -> anyhow::Result<()> {
    let (server, browser, folder) = (Server::start()?, Browser::start()?, tempfile::tempdir()?);
    let proxy = Proxy::start(server.address())?;
    let (large, small) = (folder.path().join("large.bin"), folder.path().join("small.bin"));
    let digests = [random_file(&large, SIZE, 1)?, random_file(&small, 100_000, 2)?];
    let tab = browser.open(&proxy.url("/"))?;
    tab.before_pages(KEPT)?;
    tab.navigate(&proxy.url("/"))?;
    let page = Page::ready(&tab)?;
    proxy.gate().hold_each_after(SIZE / 2);
    page.choose_files(&[&large, &small])?;
    page.wait_state("large.bin", "sending", SOON)?;
    for _ in 0..3 {
        tab.evaluate(
            "for (const one of window.made.splice(0)) one.dispatchEvent(new ErrorEvent('error')); 0",
        )?;
        tab.wait_for("window.made.length > 0", SOON)?;
    }
    proxy.gate().open();
    for (name, digest) in ["large.bin", "small.bin"].into_iter().zip(digests) {
        page.wait_state(name, "done", SOON * 2)?;
        let answer = get(&format!("{}/raw", page.link(name)?))?;
        assert_eq!((answer.status, answer.sha256), (200, digest), "{name}");
    }
    Ok(())
}

#[test]
fn a_page_whose_worker_does_not_start_says_so() -> anyhow::Result<()> {
    let (server, browser) = (Server::start()?, Browser::start()?);
    let tab = browser.open(&server.url("/"))?;
    tab.before_pages(SPOILT)?;
    tab.navigate(&server.url("/"))?;
    tab.wait_for("document.querySelector('.notice')?.innerText.includes('worker does not start')", SOON)
}
