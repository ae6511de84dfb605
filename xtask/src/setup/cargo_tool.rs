//! Tools that `cargo install` builds.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;

use super::{find, lockfile, version};
use crate::place::Place;
use crate::{clock, run, say};

/// Trunk 0.22 needs a newer Rust than this workspace does.
const TRUNK: &str = "0.21.14";
const WASM_PACK: &str = "0.15.1";

/// A tool, and how it is built.
#[derive(Debug)]
pub(super) struct Tool {
    package: &'static str,
    programs: &'static [&'static str],
    version: String,
    /// Whether another version will not do.
    exact: bool,
    /// Whether its own lock file is good; wasm-bindgen-cli's names versions that no longer build.
    locked: bool,
    /// What to expect on two cores.
    minutes: &'static str,
}

/// Builds the page.
pub(super) fn trunk() -> Tool {
    Tool {
        package: "trunk",
        programs: &["trunk"],
        version: TRUNK.to_owned(),
        exact: true,
        locked: true,
        minutes: "5 to 13 minutes",
    }
}

/// Must be of exactly the version of the crate that the page is linked with.
pub(super) fn wasm_bindgen(place: &Place) -> anyhow::Result<Tool> {
    let lockfile = fs::read_to_string(place.root.join("Cargo.lock")).context("can't read Cargo.lock")?;
    Ok(Tool {
        package: "wasm-bindgen-cli",
        programs: &["wasm-bindgen", "wasm-bindgen-test-runner"],
        version: lockfile::version(&lockfile, "wasm-bindgen")?,
        exact: true,
        locked: false,
        minutes: "2 to 4 minutes",
    })
}

/// Runs the page's own tests in a browser.
pub(super) fn wasm_pack() -> Tool {
    Tool {
        package: "wasm-pack",
        programs: &["wasm-pack"],
        version: WASM_PACK.to_owned(),
        exact: false,
        locked: true,
        minutes: "1 to 3 minutes",
    }
}

/// Removes what the tools' builds left behind: once all are there it is of no use.
pub(super) fn clear(place: &Place) {
    let _ = fs::remove_dir_all(build_folder(place));
}

fn build_folder(place: &Place) -> PathBuf {
    place.cache.join("tool-build")
}

impl Tool {
    /// Installs the tool into the cache, unless it is there or on the `PATH`.
    pub(super) fn ensure(&self, place: &Place) -> anyhow::Result<String> {
        let Self { package, version, .. } = self;
        if let Some(found) = self.found(place) {
            return Ok(format!("{package} {found}: there"));
        }
        let minutes = self.minutes;
        say::tell(&format!("  {package} {version}: missing, cargo builds it (once, {minutes} on two cores)"));
        let begun = clock::now();
        if let Err(error) = self.install(place) {
            anyhow::bail!("{package} could not be installed: {error:#}. By hand: {}", self.by_hand());
        }
        let found = self.found(place).with_context(|| {
            format!("{package} was installed, but does not run as {version}. By hand: {}", self.by_hand())
        })?;
        Ok(format!("{package} {found}: built in {:.0} s", begun.elapsed().as_secs_f64()))
    }

    /// The version of all its programs, where it is one that will do.
    fn found(&self, place: &Place) -> Option<String> {
        let mut found = None;
        for program in self.programs {
            let version = version(place, &find(place, program)?)?;
            if self.exact && version != self.version {
                return None;
            }
            found = Some(version);
        }
        found
    }

    fn install(&self, place: &Place) -> anyhow::Result<()> {
        let tools = place.tools();
        fs::create_dir_all(&tools).with_context(|| format!("can't make {}", tools.display()))?;
        let mut command = run::cargo(place, &["install", "--force", "--root"])?;
        command.arg(&tools).arg(self.spec());
        if self.locked {
            command.arg("--locked");
        }
        command
            // Outside the checkout: its `.cargo/config.toml` is not for tools.
            .current_dir(&place.cache)
            .env("CARGO_TARGET_DIR", build_folder(place))
            // A third of a tool's build time would be fat link-time optimisation, for nothing.
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
        run::show(&mut command)
    }

    fn spec(&self) -> String {
        format!("{}@{}", self.package, self.version)
    }

    fn by_hand(&self) -> String {
        let locked = if self.locked { " --locked" } else { "" };
        format!("`cargo install {}{locked}`", self.spec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    fn script(place: &Place, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = place.tools().join("bin").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn only_the_right_version_will_do() {
        let cache = tempfile::tempdir().unwrap();
        let place = Place { cache: cache.path().to_owned(), ..Place::find().unwrap() };
        script(&place, "trunk", "echo trunk 0.20.0");
        assert_eq!(trunk().found(&place), None);
        script(&place, "trunk", &format!("echo trunk {TRUNK}"));
        assert_eq!(trunk().found(&place).as_deref(), Some(TRUNK));
        script(&place, "wasm-pack", "echo wasm-pack 0.14.0");
        assert_eq!(wasm_pack().found(&place).as_deref(), Some("0.14.0"));
    }

    #[test]
    fn what_to_do_by_hand_is_a_command() {
        assert_eq!(trunk().by_hand(), "`cargo install trunk@0.21.14 --locked`");
        let bindgen = wasm_bindgen(&Place::find().unwrap()).unwrap();
        assert!(!bindgen.by_hand().contains("--locked"));
    }
}
