//! The figures of all rounds, as a Markdown table of their medians.

use std::collections::BTreeMap;
use std::fmt;

use crate::stores::KINDS;

/// Names of figures, and what the table says for them.
const FIGURES: &[(&str, &str)] = &[
    ("build_rows_per_s", "build, rows/s"),
    ("build_peak_mib", "build, peak memory, MiB"),
    ("disk_mib", "on disk after it, MiB"),
    ("open_ms", "clean open, ms"),
    ("hit_per_s", "lookups that hit, per s"),
    ("hit_p50_us", "... median, µs"),
    ("hit_p99_us", "... p99, µs"),
    ("miss_per_s", "lookups that miss, per s"),
    ("miss_p50_us", "... median, µs"),
    ("miss_p99_us", "... p99, µs"),
    ("lookup_peak_mib", "lookups, peak memory, MiB"),
    ("replay_s", "open and replay 50,000 chunks, s"),
    ("reopen_ms", "open after a kill, ms"),
    ("scan_rows_per_s", "scan, rows/s"),
    ("remove_rows_per_s", "removal, rows/s"),
    ("remove_peak_mib", "removal, peak memory, MiB"),
    ("end_disk_mib", "on disk at the end, MiB"),
];

/// Figures by store and name, and sentences below them.
#[derive(Default)]
pub(crate) struct Table {
    figures: BTreeMap<(&'static str, String), Vec<f64>>,
    sentences: Vec<(&'static str, Vec<String>)>,
}

impl Table {
    /// Notes a figure of one round.
    pub(crate) fn figure(&mut self, kind: &'static str, name: &str, value: f64) {
        self.figures.entry((kind, name.to_owned())).or_default().push(value);
    }

    /// Notes a row of sentences, one for each store.
    pub(crate) fn sentences(&mut self, about: &'static str, sentences: Vec<String>) {
        self.sentences.push((about, sentences));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        writeln!(f, "| | {} |", names.join(" | "))?;
        writeln!(f, "| --- |{}", " --- |".repeat(names.len()))?;
        for (name, about) in FIGURES {
            let values = names.iter().map(|kind| self.figures.get(&(*kind, (*name).to_owned())));
            let cells: Vec<String> = values.map(|values| values.map_or_else(String::new, median)).collect();
            writeln!(f, "| {about} | {} |", cells.join(" | "))?;
        }
        for (about, sentences) in &self.sentences {
            writeln!(f, "| {about} | {} |", sentences.join(" | "))?;
        }
        Ok(())
    }
}

#[expect(clippy::ptr_arg, reason = "handed on as a function of what the map has")]
fn median(values: &Vec<f64>) -> String {
    let mut values = values.clone();
    values.sort_by(f64::total_cmp);
    readable(values[values.len() / 2])
}

/// Three digits that count, with thousands apart.
fn readable(value: f64) -> String {
    if value < 10.0 {
        return format!("{value:.2}");
    }
    if value < 100.0 {
        return format!("{value:.1}");
    }
    let coarse = 10_f64.powf((value.log10().floor() - 2.0).max(0.0));
    let digits = format!("{:.0}", (value / coarse).round() * coarse);
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|g| str::from_utf8(g).ok()).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_that_count() {
        let values = [1.234, 12.34, 123.4, 1_234.0, 1_234_567.0];
        assert_eq!(values.map(readable), ["1.23", "12.3", "123", "1,230", "1,230,000"]);
    }

    #[test]
    fn the_median_of_the_rounds_is_shown() {
        let mut table = Table::default();
        for value in [3.0, 1.0, 2.0] {
            table.figure(KINDS[0].name, "open_ms", value);
        }
        table.sentences("broken", vec!["so".to_owned()]);
        let text = table.to_string();
        assert!(text.contains("| clean open, ms | 2.00 |  |  |\n"));
        assert!(text.ends_with("| broken | so |\n"));
    }
}
