//! Runs tests again and again: more rounds, other seeds.

use anyhow::Context;

use crate::place::Place;
use crate::{say, test};

const ROUNDS: u64 = 5;

/// The resume tests, each round with other bytes and cut at another point.
pub(crate) fn resume(place: &Place, args: &[String]) -> anyhow::Result<()> {
    let rounds = count(args, ROUNDS)?;
    test::prepare_for_browser(place)?;
    for seed in 1..=rounds {
        say::begin(&format!("round {seed} of {rounds}: CAIRN_SEED={seed}"));
        let mut command = test::browser_tests(place, &["--test", "resume", "--test", "edited"])?;
        crate::run::show(command.env("CAIRN_SEED", seed.to_string()))?;
    }
    Ok(())
}

/// A test against the real binary, that many rounds.
pub(crate) fn real(place: &Place, args: &[String], name: &str, rounds: u64) -> anyhow::Result<()> {
    let test = ["test", "--release", "-p", "cairn", "--test", "real", "--", "--nocapture", name];
    let mut command = crate::run::cargo(place, &test)?;
    // The servers' own words would bury what is counted.
    command.env("CAIRN_LOG", "off").env("CAIRN_ROUNDS", count(args, rounds)?.to_string());
    crate::run::show(&mut command)
}

/// A test in simulation, that many seeds or schedules.
pub(crate) fn simulated(
    place: &Place,
    args: &[String],
    (package, name): (&str, &str),
    seeds: u64,
) -> anyhow::Result<()> {
    let test = ["test", "--release", "-p", package, "--lib", "--", "--nocapture", name];
    let mut command = crate::run::cargo(place, &test)?;
    let seeds = count(args, seeds)?.to_string();
    crate::run::show(command.env("CAIRN_SEEDS", &seeds).env("CAIRN_SCHEDULES", &seeds))
}

/// A test over real data folders, that many seeds; `more` is set for it, too.
pub(crate) fn folders(
    place: &Place,
    args: &[String],
    (test, name): (&str, &str),
    seeds: u64,
    more: &[(&str, &str)],
) -> anyhow::Result<()> {
    let test = ["test", "--release", "-p", "cairn-store", "--test", test, "--", "--nocapture", name];
    let mut command = crate::run::cargo(place, &test)?;
    command.env("CAIRN_SEEDS", count(args, seeds)?.to_string()).envs(more.iter().copied());
    crate::run::show(&mut command)
}

/// The number behind the name.
pub(crate) fn count(args: &[String], default: u64) -> anyhow::Result<u64> {
    match args.first() {
        Some(text) => text.parse().with_context(|| format!("`{text}` is no number of rounds")),
        None => Ok(default),
    }
}
