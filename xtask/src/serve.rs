//! `cargo xtask serve`.

use std::env;
use std::process::Command;

use anyhow::Context;

use crate::place::Place;
use crate::setup::{self, Need};
use crate::{page, run, say};

const LISTEN: &str = "127.0.0.1:8080";

/// Sets up, builds page and server, and becomes the server. `args` go to `cairn serve`.
pub(crate) fn run(place: &Place, args: &[String]) -> anyhow::Result<()> {
    setup::ensure(place, &Need::FOR_PAGE)?;
    page::build(place)?;
    build(place)?;
    let args = options(args, |name| env::var_os(name).is_some());
    let mut command = run::command(place, place.binary(), &[])?;
    command.args(&args);
    say::begin(&format!("cairn {}   (Ctrl-C stops it)", args.join(" ")));
    become_it(command)
}

/// Builds the release binary, which takes the page from `dist/` with it.
pub(crate) fn build(place: &Place) -> anyhow::Result<()> {
    say::begin("server: cargo build --release");
    run::show(&mut run::cargo(place, &["build", "--release", "-p", "cairn"])?)
}

/// Arguments of `cairn`: what was given, and the fixed address and a folder that git ignores where nothing was.
fn options(given: &[String], is_set: impl Fn(&str) -> bool) -> Vec<String> {
    let given = match given.split_first() {
        Some((first, rest)) if first == "--" => rest,
        Some(_) | None => given,
    };
    let mut args = vec!["serve".to_owned()];
    for (option, variable, value) in
        [("--listen", "CAIRN_LISTEN", LISTEN), ("--data", "CAIRN_DATA", "cairn-data")]
    {
        let there = given.iter().any(|arg| arg == option || arg.starts_with(&format!("{option}=")));
        if !there && !is_set(variable) {
            args.extend([option.to_owned(), value.to_owned()]);
        }
    }
    args.extend(given.iter().cloned());
    args
}

#[cfg(unix)]
fn become_it(mut command: Command) -> anyhow::Result<()> {
    use std::os::unix::process::CommandExt;
    // Signals reach the server itself: nothing of cargo's stands in between.
    Err(command.exec()).context("can't start the server")
}

#[cfg(not(unix))]
fn become_it(mut command: Command) -> anyhow::Result<()> {
    let status = command.status().context("can't start the server")?;
    anyhow::ensure!(status.success(), "the server ended ({status})");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(given: &str, set: &str) -> String {
        let given: Vec<String> = given.split_whitespace().map(str::to_owned).collect();
        options(&given, |name| set.contains(name)).join(" ")
    }

    #[test]
    fn the_address_is_fixed_unless_given() {
        assert_eq!(line("", ""), "serve --listen 127.0.0.1:8080 --data cairn-data");
        assert_eq!(line("-- --listen=[::1]:1 --data x", ""), "serve --listen=[::1]:1 --data x");
        assert_eq!(line("--page dist", "CAIRN_LISTEN"), "serve --data cairn-data --page dist");
    }
}
