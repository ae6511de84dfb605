//! Tables: the columns are the same in the terminal and on the page.

use super::super::work::{Chart, Row};
use crate::say;

const GIB: f64 = 1_073_741_824.0;
const MIB: f64 = 1_048_576.0;
const NOTHING: &str = "–";

/// What stands above the columns.
pub(super) const HEAD: [&str; 10] = [
    "",
    "median",
    "lowest to highest",
    "Cairn is",
    "CPU s/GiB client",
    "server",
    "MiB client",
    "server",
    "MiB on the wire",
    "fsyncs of 256 MiB",
];

/// A contender's columns.
pub(super) fn cells(chart: &Chart, row: &Row) -> [String; HEAD.len()] {
    let value = |run: &_| chart.value(run);
    let text = |value: Option<f64>| value.map_or(NOTHING.to_owned(), |value| chart.spec.unit.text(value));
    let plain = |value: Option<f64>, digits: usize| {
        value.map_or(NOTHING.to_owned(), |value| format!("{value:.digits$}"))
    };
    let per_gib = |seconds: Option<f64>| {
        plain(seconds.filter(|_| chart.bytes > 0).map(|seconds| seconds * GIB / chart.bytes as f64), 2)
    };
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    row.runs.iter().map(value).for_each(|value| (low, high) = (low.min(value), high.max(value)));
    let span = if row.runs.is_empty() { NOTHING.to_owned() } else { format!("{low:.2} to {high:.2}") };
    let more = if row.runs.iter().any(|run| run.cut_off) { "> " } else { "" };
    let ratio = chart.ratio(row).map_or(NOTHING.to_owned(), |ratio| format!("{more}{ratio:.2} ×"));
    let counted = row.fsyncs.clone();
    let not_counted = if chart.spec.counts_fsyncs { "not counted" } else { NOTHING };
    [
        row.title.to_owned(),
        format!("{more}{}", text(row.median(value))),
        span,
        ratio,
        per_gib(row.median(|run| run.client_cpu)),
        per_gib(row.median(|run| run.server_cpu)),
        plain(row.median(|run| run.client_memory as f64 / MIB), 0),
        plain(row.median(|run| run.server_memory as f64 / MIB), 0),
        plain(row.median(|run| run.wire as f64 / MIB), 2),
        counted.unwrap_or_else(|| not_counted.to_owned()),
    ]
}

/// Tells a chart in the terminal.
pub(crate) fn tell(chart: &Chart) {
    say::tell(&format!("\n{}: {}, {}", chart.spec.name, chart.spec.title, chart.spec.about));
    let head = HEAD.map(str::to_owned);
    let rows: Vec<_> = chart.rows.iter().map(|row| cells(chart, row)).collect();
    let width = |at: usize| {
        let all = std::iter::once(&head).chain(&rows);
        all.map(|cells| cells[at].chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    for cells in std::iter::once(&head).chain(&rows) {
        let padded = cells.iter().zip(&widths).enumerate().map(|(at, (cell, width))| match at {
            0 | 9 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        say::tell(format!("  {}", padded.collect::<Vec<_>>().join("  ")).trim_end());
    }
    for failure in chart.rows.iter().flat_map(|row| &row.failures) {
        say::tell(&format!("  FAILED: {failure}"));
    }
}

/// Tells all goals in the terminal.
pub(crate) fn tell_goals(charts: &[Chart]) {
    say::tell("\ngoals");
    for chart in charts {
        for verdict in &chart.verdicts {
            let met = if verdict.is_met { "met    " } else { "NOT MET" };
            say::tell(&format!("  {met} {:<16} {}: {}", chart.spec.name, verdict.goal, verdict.found));
        }
    }
}
