//! Runs the fuzz targets over their corpora.

use std::fs;
use std::process::Command;

use anyhow::Context;

use crate::place::Place;
use crate::{rounds, run, say};

const EXECUTIONS: u64 = 1_000_000;
/// Room for several of everything that is parsed, in bytes: longer inputs only take longer.
const LENGTH_MAX: u32 = 4_096;
/// No input of that length may take more, in MiB or seconds.
const MEMORY_MAX: u32 = 512;
const TIME_MAX: u32 = 10;

/// Every target, that many executions each. Inputs that a run finds on its way stay in the target folder.
pub(crate) fn run(place: &Place, args: &[String]) -> anyhow::Result<()> {
    let executions = rounds::count(args, EXECUTIONS)?;
    check_tools(place)?;
    let list = run::ask(&mut cargo_fuzz(place, "list")?).context("`cargo fuzz list` fails")?;
    for target in list.lines() {
        say::begin(&format!("{target}: {executions} executions"));
        run::show(&mut one(place, target, executions)?)?;
    }
    Ok(())
}

fn one(place: &Place, target: &str, executions: u64) -> anyhow::Result<Command> {
    let folder = place.target.join("fuzz");
    let found = folder.join("corpus").join(target);
    fs::create_dir_all(&found).with_context(|| format!("can't make {}", found.display()))?;
    let mut command = cargo_fuzz(place, "run")?;
    command.arg("--target-dir").arg(&folder).arg(target).arg(found);
    command.arg(place.root.join("fuzz/corpus").join(target));
    command.args(["--", "-print_final_stats=1"]);
    command.arg(format!("-runs={executions}")).arg(format!("-max_len={LENGTH_MAX}"));
    command.arg(format!("-rss_limit_mb={MEMORY_MAX}")).arg(format!("-timeout={TIME_MAX}"));
    Ok(command)
}

/// By way of rustup: the cargo that runs this program is no nightly one.
fn cargo_fuzz(place: &Place, verb: &str) -> anyhow::Result<Command> {
    run::command(place, "rustup", &["run", "nightly", "cargo", "fuzz", verb, "--fuzz-dir", "fuzz"])
}

fn check_tools(place: &Place) -> anyhow::Result<()> {
    let mut nightly = run::command(place, "rustup", &["run", "nightly", "rustc", "--version"])?;
    let mut tool = run::command(place, "cargo-fuzz", &["--version"])?;
    let missing = missing(run::ask(&mut nightly).is_some(), run::ask(&mut tool).is_some());
    anyhow::ensure!(
        missing.is_empty(),
        "Fuzzing needs more than set-up installs. To be done by hand:\n{missing}"
    );
    Ok(())
}

fn missing(has_nightly: bool, has_tool: bool) -> String {
    let mut lines = Vec::new();
    if !has_nightly {
        lines.push(
            "- a nightly compiler (https://rustup.rs): rustup toolchain install nightly --profile minimal",
        );
    }
    if !has_tool {
        lines.push("- cargo-fuzz: cargo install cargo-fuzz --locked");
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_its_command() {
        assert_eq!(missing(true, true), "");
        assert_eq!(missing(true, false), "- cargo-fuzz: cargo install cargo-fuzz --locked");
        assert!(missing(false, true).contains("rustup toolchain install nightly"));
        assert_eq!(missing(false, false).lines().count(), 2);
    }

    #[test]
    fn a_number_that_is_none_is_refused_before_anything_is_built() {
        let error = run(&Place::find().unwrap(), &["many".to_owned()]).unwrap_err();
        assert_eq!(error.to_string(), "`many` is no number of rounds");
    }
}
