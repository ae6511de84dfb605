//! Set-up: finds every tool, installs what is missing, and says what to do by hand where it can't.

mod binaryen;
mod cargo_tool;
mod chromium;
mod debian;
mod lockfile;
mod make;
mod peers;
mod proxies;
mod wasm_target;

use std::env;
use std::path::{Path, PathBuf};

pub(crate) use binaryen::wasm_opt;
pub(crate) use chromium::Browser;
pub(crate) use peers::folder as peers_folder;
pub(crate) use proxies::folder as proxies_folder;

use crate::place::Place;
use crate::{run, say};

/// One thing that a command can need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Builds the server's allocator.
    Make,
    /// The standard library for wasm32.
    WasmTarget,
    /// Builds the page.
    Trunk,
    /// Writes the glue between wasm and JavaScript, and runs wasm tests.
    WasmBindgen,
    /// Makes the page smaller; nothing fails without it.
    WasmOpt,
    /// Runs the page's own tests in a browser.
    WasmPack,
    /// Chromium and its driver.
    Chromium,
    /// Proxies for the tests that run them; those that can't be had are left out.
    Proxies,
    /// What Cairn is measured beside; the comparison leaves out what can't be installed.
    Peers,
}

impl Need {
    /// What page and server need to be built.
    pub(crate) const FOR_PAGE: [Self; 5] =
        [Self::Make, Self::WasmTarget, Self::Trunk, Self::WasmBindgen, Self::WasmOpt];
    /// What the tests need.
    pub(crate) const ALL: [Self; 8] = [
        Self::Make,
        Self::WasmTarget,
        Self::Trunk,
        Self::WasmBindgen,
        Self::WasmOpt,
        Self::WasmPack,
        Self::Chromium,
        Self::Proxies,
    ];
}

/// `cargo xtask setup`.
pub(crate) fn run(place: &Place, args: &[String]) -> anyhow::Result<()> {
    match args {
        [] => ensure(place, &Need::ALL),
        [only] if only == "serve" => ensure(place, &Need::FOR_PAGE),
        _ => anyhow::bail!("`cargo xtask setup` takes nothing, or `serve`"),
    }
}

/// Makes sure that all of it is there. Goes on after a failure, so that one error names everything to be done
/// by hand.
pub(crate) fn ensure(place: &Place, needs: &[Need]) -> anyhow::Result<()> {
    say::begin("set-up");
    let mut failures = Vec::new();
    for need in needs {
        let outcome = match need {
            Need::Make => make::ensure(place),
            Need::WasmTarget => wasm_target::ensure(place),
            Need::Trunk => cargo_tool::trunk().ensure(place),
            Need::WasmBindgen => cargo_tool::wasm_bindgen(place).and_then(|tool| tool.ensure(place)),
            Need::WasmOpt => binaryen::ensure(place),
            Need::WasmPack => cargo_tool::wasm_pack().ensure(place),
            Need::Chromium => chromium::ensure(place),
            Need::Proxies => proxies::ensure(place),
            Need::Peers => peers::ensure(place),
        };
        match outcome {
            Ok(found) => say::tell(&format!("  {found}")),
            Err(error) => {
                say::complain(&format!("  {error:#}"));
                failures.push(format!("- {error:#}"));
            }
        }
    }
    if failures.is_empty() {
        cargo_tool::clear(place);
        return Ok(());
    }
    anyhow::bail!(
        "Set-up can't go on. To be done by hand:\n{}\nThen run the same command again.",
        failures.join("\n")
    )
}

/// The first program of that name on the `PATH` that set-up uses.
fn find(place: &Place, name: &str) -> Option<PathBuf> {
    let file = format!("{name}{}", env::consts::EXE_SUFFIX);
    let path = place.path().ok()?;
    env::split_paths(&path).map(|folder| folder.join(&file)).find(|path| is_program(path))
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

/// What `program --version` says: the first word in it that begins with a digit.
fn version(place: &Place, program: &Path) -> Option<String> {
    let text = run::ask(run::command(place, program, &["--version"]).ok()?.env_remove("NO_COLOR"))?;
    version_in(&text)
}

fn version_in(text: &str) -> Option<String> {
    text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit())).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_programs_print() {
        assert_eq!(version_in("trunk 0.21.14").as_deref(), Some("0.21.14"));
        assert_eq!(version_in("wasm-opt version 132 (version_132)").as_deref(), Some("132"));
        assert_eq!(version_in("Chromium 156.0.8078.73 built on Debian").as_deref(), Some("156.0.8078.73"));
        assert_eq!(version_in("nonsense"), None);
    }

    #[cfg(unix)]
    #[test]
    fn programs_are_found_in_the_tools_first() {
        use std::os::unix::fs::PermissionsExt;
        let cache = tempfile::tempdir().unwrap();
        let place = Place { cache: cache.path().to_owned(), ..Place::find().unwrap() };
        assert_ne!(find(&place, "sh"), None);
        assert_eq!(find(&place, "no-such-program"), None);
        let bin = place.tools().join("bin");
        std::fs::create_dir_all(&bin).unwrap();
        let own = bin.join("sh");
        std::fs::write(&own, "#!/bin/false\n").unwrap();
        assert_ne!(find(&place, "sh").as_ref(), Some(&own), "not executable yet");
        std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find(&place, "sh"), Some(own));
    }
}
