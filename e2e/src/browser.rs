//! Chromium with an empty profile, driven over its DevTools port.

use std::cell::RefCell;
use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;

use anyhow::Context;
use serde_json::json;
use tempfile::TempDir;

use crate::cdp::Cdp;
use crate::clock::Deadline;
use crate::group::Group;
use crate::tab::Tab;

const START_SECONDS: u64 = 40;

const PROGRAMS: &[&str] = &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

const FLAGS: &[&str] = &[
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--metrics-recording-only",
    "--hide-scrollbars",
    "--lang=en-US",
    "--remote-debugging-port=0",
];

/// How a browser is started.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Further flags of its command line.
    pub flags: Vec<String>,
    /// A folder of the test's that outlives the browser; an empty one of its own where there is none.
    pub profile: Option<PathBuf>,
}

/// A running browser.
#[derive(Debug)]
pub struct Browser {
    // Ended first: the profile can't be removed while the browser writes to it.
    group: Group,
    cdp: Rc<RefCell<Cdp>>,
    _profile: Option<TempDir>,
}

impl Browser {
    /// Starts one.
    pub fn start() -> anyhow::Result<Self> {
        Self::start_with(&Options::default())
    }

    /// Starts one, differently.
    pub fn start_with(options: &Options) -> anyhow::Result<Self> {
        let own = match &options.profile {
            Some(_) => None,
            None => Some(tempfile::Builder::new().prefix("cairn-e2e-chromium-").tempdir()?),
        };
        let profile = own.as_ref().map(|folder| folder.path().to_owned()).or_else(|| options.profile.clone());
        let profile = profile.context("a browser has a profile")?;
        let log = profile.join("browser.log");
        let mut command = Command::new(program()?);
        command.args(FLAGS).args(&options.flags);
        command.arg(format!("--user-data-dir={}", profile.display())).arg("about:blank");
        // Caches, crash reports and sockets belong to the profile too, not to whoever runs the tests.
        command.env("HOME", &profile).env("TMPDIR", &profile).env("LANGUAGE", "en");
        command.stdout(Stdio::null()).stderr(File::create(&log)?);
        let port_file = profile.join("DevToolsActivePort");
        if port_file.exists() {
            // An earlier browser's, which had no time to remove it.
            fs::remove_file(&port_file)?;
        }
        let mut group = Group::spawn(&mut command)?;
        let started = Deadline::seconds(START_SECONDS).until(
            || "Chromium opens its DevTools port".to_owned(),
            || {
                if let Some(status) = group.ended()? {
                    anyhow::bail!("Chromium ended: {status}");
                }
                Ok(port_and_path(&port_file))
            },
        );
        let log = || format!("Chromium did not start:\n{}", fs::read_to_string(&log).unwrap_or_default());
        let (port, path) = started.with_context(log)?;
        let cdp = Rc::new(RefCell::new(Cdp::connect(port, &path)?));
        Ok(Self { group, cdp, _profile: own })
    }

    /// Opens a page in a new tab and waits until it has loaded.
    pub fn open(&self, url: &str) -> anyhow::Result<Tab> {
        Tab::open(&self.cdp, url)
    }

    /// Lets pages of that origin do what they would have to ask for, such as `clipboardReadWrite`.
    pub fn grant(&self, origin: &str, permissions: &[&str]) -> anyhow::Result<()> {
        let params = json!({ "origin": origin, "permissions": permissions });
        self.cdp.borrow_mut().call(None, "Browser.grantPermissions", params)?;
        Ok(())
    }

    /// Errors in consoles, uncaught exceptions and refusals by a content security policy, of all pages and their
    /// workers since the start.
    pub fn troubles(&self) -> anyhow::Result<Vec<String>> {
        let mut cdp = self.cdp.borrow_mut();
        Ok(cdp.events()?.iter().filter_map(trouble).collect())
    }

    /// Kills it and all of its processes, as a power cut would.
    pub fn kill(self) {}

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.group.pid()
    }
}

fn trouble(event: &crate::cdp::Event) -> Option<String> {
    let params = &event.params;
    match event.method.as_str() {
        "Runtime.exceptionThrown" => Some(format!("exception: {}", params["exceptionDetails"])),
        "Runtime.consoleAPICalled" if matches!(params["type"].as_str(), Some("error" | "assert")) => {
            Some(format!("console: {}", params["args"]))
        }
        "Log.entryAdded" if params["entry"]["level"] == "error" => {
            let entry = &params["entry"];
            Some(format!("{}: {} {}", entry["source"], entry["text"], entry["url"]))
        }
        _ => None,
    }
}

/// `CAIRN_CHROMIUM`, or the first on the `PATH`.
fn program() -> anyhow::Result<PathBuf> {
    if let Some(given) = env::var_os("CAIRN_CHROMIUM") {
        return Ok(given.into());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let found = PROGRAMS.iter().find_map(|name| {
        env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
    });
    found.context("there is no Chromium: `cargo xtask setup` installs it, or says how")
}

/// Two lines that Chromium writes when its port is open.
fn port_and_path(file: &Path) -> Option<(u16, String)> {
    let text = fs::read_to_string(file).ok()?;
    let (port, path) = text.split_once('\n')?;
    (!path.is_empty()).then_some((port.parse().ok()?, path.trim().to_owned()))
}
