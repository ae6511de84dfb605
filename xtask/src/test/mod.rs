//! `cargo xtask test`: every test of a change, step by step.

mod report;
mod steps;

use crate::place::Place;
use crate::setup::{self, Need};
use crate::{clock, say};

use report::Report;
use steps::{STEPS, Step};
pub(crate) use steps::{browser_tests, prepare_for_browser};

/// Runs all steps, or the named ones, in their order. The first that fails ends it.
pub(crate) fn run(place: &Place, names: &[String]) -> anyhow::Result<()> {
    let chosen = choose(names)?;
    let begun = clock::now();
    let mut report = Report::default();
    let needs: Vec<Need> =
        Need::ALL.into_iter().filter(|need| chosen.iter().any(|step| step.needs.contains(need))).collect();
    let mut outcome = Ok(());
    if !needs.is_empty() {
        outcome = report.time("set-up", || setup::ensure(place, &needs));
    }
    for step in chosen {
        if outcome.is_err() {
            report.leave(step.name);
            continue;
        }
        say::begin(&format!("{}: {}", step.name, step.about));
        outcome = report.time(step.name, || (step.run)(place));
    }
    say::tell(&report.table(begun.elapsed()));
    outcome.map_err(|error| match report.failed() {
        Some("set-up") | None => error,
        Some(name) => anyhow::anyhow!("{error:#}\nTo run only this step again: cargo xtask test {name}"),
    })
}

fn choose(names: &[String]) -> anyhow::Result<Vec<&'static Step>> {
    if let Some(unknown) = names.iter().find(|name| STEPS.iter().all(|step| step.name != name.as_str())) {
        let known: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
        anyhow::bail!("`cargo xtask test` has no step `{unknown}`; there is: {}", known.join(", "));
    }
    Ok(STEPS.iter().filter(|step| names.is_empty() || names.iter().any(|name| step.name == name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(names: &[&str]) -> Result<Vec<&'static str>, String> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        choose(&names)
            .map(|steps| steps.iter().map(|step| step.name).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn steps_run_in_their_order() {
        assert_eq!(chosen(&[]).unwrap().len(), STEPS.len());
        assert_eq!(chosen(&["clippy", "tidy"]), Ok(vec!["tidy", "clippy"]));
    }

    #[test]
    fn an_unknown_step_lists_what_is_there() {
        assert!(chosen(&["tidi"]).unwrap_err().contains("no step `tidi`; there is: tidy, "));
    }
}
