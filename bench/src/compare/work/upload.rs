//! A large file of new bytes, and the same bytes again under another name.

use std::path::Path;
use std::time::Duration;

use cairn_e2e::{Browser, Tab};

use super::super::contender::{Host, Kind};
use super::super::source::{AGAIN, NAME};
use super::{Done, SECONDS_MAX, Spec, Turn, Unit, Work};

pub(super) const IN_BROWSER: Work = Work {
    charts: &[
        Spec {
            name: "new-browser",
            title: "New bytes in Chromium",
            about: "from the drop of one file of random bytes until its link is there",
            unit: Unit::MibPerSecond,
            bytes: |source| source.size,
            counts_fsyncs: true,
        },
        Spec {
            name: "again-browser",
            title: "The same bytes again in Chromium",
            about: "under another name, to the same server, by the same page",
            unit: Unit::MibPerSecond,
            bytes: |source| source.size,
            counts_fsyncs: true,
        },
    ],
    contenders: &[Kind::Cairn, Kind::Copyparty, Kind::Tus],
    title: Kind::in_browser,
    once: in_browser,
};

pub(super) const BY_CLIENT: Work = Work {
    charts: &[
        Spec {
            name: "new-cli",
            title: "New bytes by the command line",
            about: "from the start of the client to its end",
            unit: Unit::MibPerSecond,
            bytes: |source| source.size,
            counts_fsyncs: true,
        },
        Spec {
            name: "again-cli",
            title: "The same bytes again by the command line",
            about: "under another name, to the same server",
            unit: Unit::MibPerSecond,
            bytes: |source| source.size,
            counts_fsyncs: true,
        },
    ],
    contenders: &[Kind::Cairn, Kind::Copyparty, Kind::Tus, Kind::Nginx],
    title: Kind::by_client,
    once: by_client,
};

fn in_browser(turn: &Turn<'_>) -> anyhow::Result<Vec<Done>> {
    let (new, again) = (turn.source.new_file()?, turn.source.same_file()?);
    let host = turn.kind.start()?;
    let browser = Browser::start()?;
    let mut all = Vec::new();
    for (known, name) in [(new, NAME), (again, AGAIN)] {
        // A page of its own: what the one before shows must not pass for it.
        let tab = open(&browser, turn.kind, host.as_ref())?;
        let (done, said) =
            turn.act(host.as_ref(), &known.path, || drop(&tab, turn.kind, &known.path, name))?;
        turn.check(host.as_ref(), known, name, &said)?;
        all.push(done);
    }
    Ok(all)
}

fn by_client(turn: &Turn<'_>) -> anyhow::Result<Vec<Done>> {
    let (new, again) = (turn.source.new_file()?, turn.source.same_file()?);
    let host = turn.kind.start()?;
    let mut all = Vec::new();
    for (known, name) in [(new, NAME), (again, AGAIN)] {
        let (done, said) = turn.put(host.as_ref(), &known.path)?;
        turn.check(host.as_ref(), known, name, &said)?;
        all.push(done);
    }
    Ok(all)
}

/// A contender's page, ready for files.
pub(super) fn open(browser: &Browser, kind: Kind, host: &dyn Host) -> anyhow::Result<Tab> {
    open_at(browser, kind, &format!("http://{}/", host.address()))
}

/// As `open`, where something stands between.
pub(super) fn open_at(browser: &Browser, kind: Kind, url: &str) -> anyhow::Result<Tab> {
    const READY: Duration = Duration::from_secs(30);
    let steps = kind.steps()?;
    let tab = browser.open("about:blank")?;
    tab.before_pages(steps.before)?;
    tab.navigate(url)?;
    tab.wait_for(steps.ready, READY)?;
    Ok(tab)
}

/// Drops a file or folder, waits until it is through, and gives what the page says.
pub(super) fn drop(tab: &Tab, kind: Kind, path: &Path, name: &str) -> anyhow::Result<String> {
    let steps = kind.steps()?;
    tab.drop_files(steps.drop, &[path])?;
    tab.wait_for(&(steps.done)(name), Duration::from_secs(SECONDS_MAX))?;
    Ok(tab.evaluate(&(steps.said)(name))?.as_str().unwrap_or_default().to_owned())
}
