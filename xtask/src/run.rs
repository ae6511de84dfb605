//! Runs other programs: shows what it runs, and says in one line what failed.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;

use crate::place::Place;
use crate::say;

/// Variables that `cargo run` sets for this program and that are nobody else's business: build scripts that
/// watch them would run again.
const CARGO_RUN: &[&str] = &[
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_PKG_AUTHORS",
    "CARGO_PKG_DESCRIPTION",
    "CARGO_PKG_HOMEPAGE",
    "CARGO_PKG_LICENSE",
    "CARGO_PKG_LICENSE_FILE",
    "CARGO_PKG_NAME",
    "CARGO_PKG_README",
    "CARGO_PKG_REPOSITORY",
    "CARGO_PKG_RUST_VERSION",
    "CARGO_PKG_VERSION",
    "CARGO_PKG_VERSION_MAJOR",
    "CARGO_PKG_VERSION_MINOR",
    "CARGO_PKG_VERSION_PATCH",
    "CARGO_PKG_VERSION_PRE",
];

/// A program to be run in the checkout, with the tools of set-up on its `PATH`.
pub(crate) fn command(place: &Place, program: impl AsRef<OsStr>, args: &[&str]) -> anyhow::Result<Command> {
    let mut command = Command::new(program);
    command.args(args).current_dir(&place.root).env("PATH", place.path()?);
    for name in CARGO_RUN {
        command.env_remove(name);
    }
    // Each step builds once: what incremental builds keep for the next change would be a fifth of the target folder.
    if std::env::var_os("CARGO_INCREMENTAL").is_none() {
        command.env("CARGO_INCREMENTAL", "0");
    }
    Ok(command)
}

/// `cargo`, the same one that runs this program.
pub(crate) fn cargo(place: &Place, args: &[&str]) -> anyhow::Result<Command> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    command(place, cargo, args)
}

/// Runs it to its end, its output in plain view.
pub(crate) fn show(command: &mut Command) -> anyhow::Result<()> {
    let line = line(command);
    say::tell(&format!("$ {line}"));
    let status = command.status().with_context(|| format!("can't start `{line}`"))?;
    anyhow::ensure!(status.success(), "`{line}` failed ({status})");
    Ok(())
}

/// Runs it out of sight and gives its standard output; `None` where it can't be run or fails.
pub(crate) fn ask(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    if !output.status.success() {
        return None;
    }
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// As a person would type it, without the folders that the program is in.
fn line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_stem().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    let quoted = words.map(|word| {
        let word = word.to_string_lossy();
        let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "-_=./:,@+".contains(c));
        if plain && !word.is_empty() { word.into_owned() } else { format!("'{word}'") }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_name_the_command() {
        let place = Place::find().unwrap();
        let error = show(&mut command(&place, "/bin/sh", &["-c", "exit 3"]).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "`sh -c 'exit 3'` failed (exit status: 3)");
        let error = show(&mut command(&place, "no-such-program", &[]).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "can't start `no-such-program`");
    }

    #[test]
    fn answers_are_trimmed_and_failures_are_none() {
        let place = Place::find().unwrap();
        assert_eq!(
            ask(&mut command(&place, "/bin/sh", &["-c", "echo hello"]).unwrap()).as_deref(),
            Some("hello")
        );
        assert_eq!(ask(&mut command(&place, "/bin/sh", &["-c", "exit 1"]).unwrap()), None);
        assert_eq!(ask(&mut command(&place, "no-such-program", &[]).unwrap()), None);
    }
}
