//! Chromium and its driver, by Debian's package manager.

use std::path::PathBuf;
use std::{env, fs};

use super::debian::{Rights, is_debian};
use super::find;
use crate::place::Place;
use crate::say;

const BROWSERS: &[&str] =
    &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];

/// Where browser and driver are.
#[derive(Debug)]
pub(crate) struct Browser {
    /// Chromium, or Chrome.
    pub(crate) browser: PathBuf,
    /// Its chromedriver, which wasm-bindgen's test runner talks to.
    pub(crate) driver: PathBuf,
}

impl Browser {
    /// Finds both: `CAIRN_CHROMIUM` and `CHROMEDRIVER` first, then the `PATH`.
    pub(crate) fn find(place: &Place) -> Option<Self> {
        let given = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let browser =
            given("CAIRN_CHROMIUM").or_else(|| BROWSERS.iter().find_map(|name| find(place, name)))?;
        let driver = given("CHROMEDRIVER").or_else(|| find(place, "chromedriver"))?;
        Some(Self { browser, driver })
    }
}

/// Installs both on Debian, unless they are there.
pub(super) fn ensure(place: &Place) -> anyhow::Result<String> {
    if Browser::find(place).is_some() {
        return Ok("Chromium and chromedriver: there".to_owned());
    }
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    if !is_debian(&release) {
        anyhow::bail!(by_hand(env::consts::OS, &release));
    }
    let Some(rights) = Rights::find(place) else {
        anyhow::bail!("Chromium is missing and only root may install it: `sudo {INSTALL}`");
    };
    say::tell("  Chromium and chromedriver: missing, apt-get installs them (about 270 MB)");
    if let Err(error) = rights.install(place, &["chromium", "chromium-driver"]) {
        anyhow::bail!("Chromium could not be installed ({error:#}). By hand, as root: `{INSTALL}`");
    }
    match Browser::find(place) {
        Some(_) => Ok("Chromium and chromedriver: installed".to_owned()),
        None => anyhow::bail!("apt-get is through, but Chromium is not there. By hand, as root: `{INSTALL}`"),
    }
}

const INSTALL: &str = "apt-get install chromium chromium-driver";

/// What people do on systems where nothing is installed for them.
fn by_hand(os: &str, release: &str) -> String {
    let field = |name: &str| {
        let line = release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.map(|value| value.trim_matches('"').to_owned()).unwrap_or_default()
    };
    let how = match (os, field("ID").as_str()) {
        ("macos", _) => "`brew install --cask chromium chromedriver`".to_owned(),
        ("windows", _) => "install Chrome and the chromedriver of the same version".to_owned(),
        (_, "fedora") => "`sudo dnf install chromium chromedriver`".to_owned(),
        (_, "arch") => "`sudo pacman -S chromium`".to_owned(),
        (_, "ubuntu") => {
            "install Chrome's .deb and the chromedriver of the same version (Ubuntu's own is a snap, \
                          which can't see test files)"
                .to_owned()
        }
        _ => "install Chromium or Chrome and the chromedriver of the same version".to_owned(),
    };
    let system = field("PRETTY_NAME");
    let system = if system.is_empty() { os.to_owned() } else { system };
    format!(
        "Chromium and chromedriver are missing, and on {system} nothing is installed for you: {how}. \
         Where they are not on the PATH, set CAIRN_CHROMIUM and CHROMEDRIVER to them."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_systems_are_told_what_to_do() {
        let fedora = by_hand("linux", "ID=fedora\nPRETTY_NAME=\"Fedora Linux 44\"\n");
        assert!(fedora.contains("on Fedora Linux 44") && fedora.contains("dnf install"), "{fedora}");
        assert!(by_hand("macos", "").contains("brew install"));
        assert!(by_hand("windows", "").contains("on windows"));
        assert!(by_hand("linux", "").contains("CAIRN_CHROMIUM"));
    }
}
