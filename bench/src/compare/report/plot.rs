//! A plot of a chart: for each contender a bar up to the median, and a dot for each run.

use maud::{Markup, html};

use super::super::contender::Kind;
use super::super::work::{Chart, Row};

const WIDTH: f64 = 760.0;
const LEFT: f64 = 150.0;
/// Room behind the longest bar for its figure.
const RIGHT: f64 = 110.0;
const ROW: f64 = 34.0;
const BAR: f64 = 18.0;

/// The plot as SVG.
pub(super) fn plot(chart: &Chart) -> Markup {
    let values = chart.rows.iter().flat_map(|row| &row.runs).map(|run| chart.value(run));
    let most = values.fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let height = ROW * chart.rows.len() as f64;
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-label=(chart.spec.title) {
            @for (index, row) in chart.rows.iter().enumerate() {
                (bar(chart, row, index as f64 * ROW, |value| (WIDTH - LEFT - RIGHT) * value / most))
            }
        }
    }
}

fn bar(chart: &Chart, row: &Row, top: f64, scale: impl Fn(f64) -> f64) -> Markup {
    let middle = top + ROW / 2.0;
    let class = if row.kind == Kind::Cairn { "own" } else { "peer" };
    let median = row.median(|run| chart.value(run));
    let furthest = row.runs.iter().map(|run| scale(chart.value(run))).fold(0.0, f64::max);
    html! {
        g class=(class) {
            text.name x=(LEFT - 10.0) y=(middle) { (row.title) }
            @if let Some(median) = median {
                rect x=(LEFT) y=(middle - BAR / 2.0) width=(scale(median)) height=(BAR) rx="3" {}
                @for run in &row.runs {
                    circle cx=(LEFT + scale(chart.value(run))) cy=(middle) r="3.5" {
                        title { (chart.spec.unit.text(chart.value(run))) }
                    }
                }
                text.figure x=(LEFT + furthest + 10.0) y=(middle) { (chart.spec.unit.text(median)) }
            } @else {
                text.figure x=(LEFT) y=(middle) { "failed" }
            }
        }
    }
}
