//! Runs browser tests again and again, each round with another seed.

use anyhow::Context;

use crate::place::Place;
use crate::{say, test};

const ROUNDS: u64 = 5;

/// The resume tests, each round with other bytes and cut at another point.
pub(crate) fn resume(place: &Place, args: &[String]) -> anyhow::Result<()> {
    let rounds = match args.first() {
        Some(text) => text.parse().with_context(|| format!("`{text}` is no number of rounds"))?,
        None => ROUNDS,
    };
    test::prepare_for_browser(place)?;
    for seed in 1..=rounds {
        say::begin(&format!("round {seed} of {rounds}: CAIRN_SEED={seed}"));
        let mut command = test::browser_tests(place, &["--test", "resume", "--test", "edited"])?;
        crate::run::show(command.env("CAIRN_SEED", seed.to_string()))?;
    }
    Ok(())
}
