//! What ran, how long it took, and how it ended.

use std::fmt::Write as _;
use std::time::Duration;

use crate::{clock, say};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    NotRun,
}

/// The steps so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    rows: Vec<(&'static str, Duration, Outcome)>,
}

impl Report {
    /// Runs a step and notes how it went.
    pub(super) fn time(
        &mut self,
        name: &'static str,
        step: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let begun = clock::now();
        let outcome = step();
        let took = begun.elapsed();
        let word = if outcome.is_ok() { "passed" } else { "FAILED" };
        say::tell(&format!("<== {name} {word} in {:.1} s", took.as_secs_f64()));
        self.rows.push((name, took, if outcome.is_ok() { Outcome::Passed } else { Outcome::Failed }));
        outcome
    }

    /// Notes a step that an earlier failure kept from running.
    pub(super) fn leave(&mut self, name: &'static str) {
        self.rows.push((name, Duration::ZERO, Outcome::NotRun));
    }

    /// The step that failed.
    pub(super) fn failed(&self) -> Option<&'static str> {
        self.rows.iter().find(|(_, _, outcome)| *outcome == Outcome::Failed).map(|(name, _, _)| *name)
    }

    /// All of it, for people.
    pub(super) fn table(&self, total: Duration) -> String {
        let mut text = String::from("\nstep            seconds  outcome\n");
        for (name, took, outcome) in &self.rows {
            let seconds = took.as_secs_f64();
            // Writing to a string can't fail.
            let _ = match outcome {
                Outcome::Passed => writeln!(text, "{name:<14} {seconds:>8.1}  passed"),
                Outcome::Failed => writeln!(text, "{name:<14} {seconds:>8.1}  FAILED"),
                Outcome::NotRun => writeln!(text, "{name:<14} {:>8}  not run", "-"),
            };
        }
        let _ = write!(text, "{:<14} {:>8.1}", "all", total.as_secs_f64());
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_every_step() {
        let mut report = Report::default();
        report.time("tidy", || Ok(())).unwrap();
        report.time("clippy", || anyhow::bail!("no")).unwrap_err();
        report.leave("native");
        assert_eq!(report.failed(), Some("clippy"));
        let table = report.table(Duration::from_secs(61));
        let words: Vec<&str> = table.lines().filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(words, ["step", "tidy", "clippy", "native", "all"]);
        assert!(table.contains("FAILED") && table.contains("not run") && table.ends_with("61.0"), "{table}");
    }
}
