//! Somebody who comes back: a profile that outlives the browser, and the server that both visits talk to.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::browser::{Browser, Options};
use crate::clock::Deadline;
use crate::page::Page;
use crate::proxy::Proxy;
use crate::server::Server;
use crate::tab::Tab;

/// Chromium writes its preferences down every ten seconds.
const KEPT_SECONDS: u64 = 25;
const UNFINISHED: Duration = Duration::from_secs(20);

/// What a person answered the browser's question whether pages may read, at every visit, what they keep handles of.
/// A browser without a window has no dialog to ask by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// They may.
    Given,
    /// They may not read anything.
    Refused,
}

/// Server, proxy, files and profile.
#[derive(Debug)]
pub struct Visitor {
    /// Between browser and server.
    pub proxy: Proxy,
    /// The server.
    pub server: Server,
    options: Options,
    profile: PathBuf,
    folder: TempDir,
}

/// One visit.
#[derive(Debug)]
pub struct Visit {
    /// The page.
    pub tab: Tab,
    /// The browser, started for this visit.
    pub browser: Browser,
}

impl Visitor {
    /// Starts a server; the profile is fresh, and its person has allowed handles to be read.
    pub fn start() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("cairn-e2e-").tempdir()?;
        let server = Server::start()?;
        let proxy = Proxy::start(server.address())?;
        let profile = folder.path().join("profile");
        let options = Options { profile: Some(profile.clone()), ..Options::default() };
        let visitor = Self { proxy, server, options, profile, folder };
        fs::create_dir_all(visitor.profile.join("Default"))?;
        visitor.consent(Consent::Given)?;
        Ok(visitor)
    }

    /// A folder for files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Changes that answer, between two visits.
    pub fn consent(&self, consent: Consent) -> anyhow::Result<()> {
        let mut preferences: Value = match fs::read_to_string(self.preferences()) {
            Ok(text) => serde_json::from_str(&text)?,
            Err(_) => json!({}),
        };
        let origin = format!("{},*", self.proxy.url(""));
        let (kept, read) = match consent {
            Consent::Given => (1, None),
            Consent::Refused => (2, Some(2)),
        };
        let setting = |value: u32| json!({ "last_modified": "13439702599107479", "setting": value });
        let exceptions = &mut preferences["profile"]["content_settings"]["exceptions"];
        exceptions["file_system_access_extended_permission"] = json!({ origin.as_str(): setting(kept) });
        if let Some(read) = read {
            exceptions["file_system_read_guard"] = json!({ origin: setting(read) });
        }
        fs::write(self.preferences(), preferences.to_string())?;
        Ok(())
    }

    /// Starts the browser and opens the page.
    pub fn come(&self) -> anyhow::Result<Visit> {
        let browser = Browser::start_with(&self.options)?;
        let tab = browser.open(&self.proxy.url("/"))?;
        Page::ready(&tab)?;
        Ok(Visit { tab, browser })
    }

    /// As `come`, and waits until the page shows what is unfinished.
    pub fn come_back(&self) -> anyhow::Result<Visit> {
        let visit = self.come()?;
        let continued = format!("document.querySelector('{}')", Page::continue_button(None));
        visit.tab.wait_for(&continued, UNFINISHED)?;
        Ok(visit)
    }

    /// Kills the browser, as a power cut would, once it has written down what pages may read: what it has only in
    /// mind dies with it.
    pub fn kill(&self, visit: Visit) -> anyhow::Result<()> {
        let kept = || {
            let preferences = fs::read_to_string(self.preferences())?;
            Ok(preferences.contains("file_system_access_chooser_data").then_some(()))
        };
        Deadline::seconds(KEPT_SECONDS).until(|| "the browser keeps what pages may read".to_owned(), kept)?;
        visit.browser.kill();
        Ok(())
    }

    fn preferences(&self) -> PathBuf {
        self.profile.join("Default/Preferences")
    }
}

impl Visit {
    /// The page.
    pub fn page(&self) -> Page<'_> {
        Page(&self.tab)
    }
}
