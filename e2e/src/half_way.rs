//! An upload that was broken off half way: tab closed, server killed and started again, page open again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::browser::Browser;
use crate::clock::Deadline;
use crate::make;
use crate::page::Page;
use crate::proxy::Proxy;
use crate::server::Server;
use crate::tab::{Tab, quoted};

/// What may be on its way at once, in bytes: what was sent and not yet stored when the tab closed is sent again.
pub const WINDOW_BYTES: u64 = 32 << 20;

const NAME: &str = "half way.bin";

/// Everything at that moment.
#[derive(Debug)]
pub struct HalfWay {
    /// The page, open again.
    pub tab: Tab,
    /// The browser, the same all the time.
    pub browser: Browser,
    /// Between browser and server.
    pub proxy: Proxy,
    /// Killed and started again.
    pub server: Server,
    /// The file's SHA-256 in hex.
    pub sha256: String,
    /// The file's bytes.
    pub size: u64,
    /// Bytes of its chunks that the server had stored when it was killed.
    pub stored: u64,
    /// Bytes sent until then.
    pub sent: u64,
    folder: TempDir,
}

impl HalfWay {
    /// Drops a file of random bytes on the page, and breaks off when that share of it, in percent, has got through.
    pub fn begin(size: u64, seed: u64, percent: u64) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("cairn-e2e-").tempdir()?;
        let file = folder.path().join(NAME);
        let sha256 = make::random_file(&file, size, seed)?;
        let mut server = Server::start()?;
        let proxy = Proxy::start(server.address())?;
        let browser = Browser::start()?;
        let tab = browser.open(&proxy.url("/"))?;
        proxy.gate().hold_all_after(size * percent / 100);
        Page::ready(&tab)?.drop_files(&[&file])?;
        let said = || format!("{} bytes are sent; the page says:\n{}", proxy.sent_bytes(), tab.text());
        proxy.wait_held(Duration::from_secs(40), said)?;
        Deadline::seconds(20).until(said, || Ok((server.stored_bytes()? > 0).then_some(())))?;
        tab.close();
        server.kill();
        proxy.gate().open();
        let (sent, stored) = (proxy.sent_bytes(), server.stored_bytes()?);
        anyhow::ensure!(stored > 0 && stored < size, "{stored} of {size} bytes is not half way");
        server.go_on()?;
        let tab = browser.open(&proxy.url("/"))?;
        Page::ready(&tab)?;
        Ok(Self { tab, browser, proxy, server, sha256, size, stored, sent, folder })
    }

    /// The file's name.
    pub fn name(&self) -> &'static str {
        NAME
    }

    /// The file itself.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join(NAME)
    }

    /// A folder for further files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Bytes sent since the page was opened again.
    pub fn sent_since(&self) -> u64 {
        self.proxy.sent_bytes() - self.sent
    }

    /// Waits until the panel of what is unfinished names the file.
    pub fn wait_unfinished(&self) -> anyhow::Result<()> {
        let panel = quoted(&Page::by_id("unfinished"));
        let named = format!("document.querySelector({panel})?.innerText.includes({})", quoted(NAME));
        self.tab.wait_for(&named, Duration::from_secs(10))
    }

    /// Chooses the file again, by the file input, and waits until it is done; gives the address of its bytes.
    pub fn choose_again(&self) -> anyhow::Result<String> {
        let page = Page(&self.tab);
        page.choose_files(&[&self.file()])?;
        page.wait_state(NAME, "done", Duration::from_secs(40))?;
        Ok(format!("{}/raw", page.link(NAME)?))
    }
}
