//! The page: no script, nothing from elsewhere, light or dark as the reader likes.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::super::machine::FORMULAS;
use super::super::work::Chart;
use super::{Report, plot, table};

const STYLE: &str = include_str!("style.css");

const METHOD: &str = "All run on one machine over loopback, one after the other, in turns; who begins changes from round to \
    round. Each run has a fresh server with an empty data folder, and a fresh browser profile; all data lie on one file \
    system. Before each run the source is read once, so that it lies in the page cache, and all that waits to be written is \
    written. In the first round what the server has is compared with the source by SHA-256. Figures are medians; bars are \
    medians, dots are runs. CPU is the processor time of all processes of a side, those that have ended too. Memory of a \
    server is the peak of its resident set (VmHWM, added up over its processes), that of a client the largest sum of its \
    processes' shares (Pss), looked at every second. Bytes on the wire are those of the loopback device, both ways, with all \
    headers, and in the browser with what drives it. fsyncs are counted by strace in a run of their own, of 256 MiB at most.";

/// Everything.
pub(super) fn page(report: &Report<'_>) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Cairn beside others" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "Cairn beside others" }
                p { (report.options.size >> 20) " MiB, " (report.options.rounds) " rounds." }
                (goals(&report.charts))
                @for chart in &report.charts { (section(chart)) }
                (machine(report))
                (settings(report))
                h2 { "How it was measured" }
                p { (METHOD) }
            }
        }
    }
}

fn goals(charts: &[Chart]) -> Markup {
    html! {
        h2 { "Goals" }
        table {
            @for chart in charts {
                @for verdict in &chart.verdicts {
                    tr {
                        td { a href={ "#" (chart.spec.name) } { (chart.spec.title) } }
                        td { (verdict.goal) }
                        td { (verdict.found) }
                        @if verdict.is_met { td.met { "met" } } @else { td.missed { "not met" } }
                    }
                }
            }
        }
    }
}

fn section(chart: &Chart) -> Markup {
    html! {
        h2 id=(chart.spec.name) { (chart.spec.title) }
        p {
            (chart.spec.about) "; "
            @if chart.spec.unit.more_is_better() { "more is better" } @else { "less is better" }
        }
        (plot::plot(chart))
        div.wide {
            table {
                tr { @for head in table::HEAD { th { (head) } } }
                @for row in &chart.rows {
                    tr { @for cell in table::cells(chart, row) { td { (cell) } } }
                }
            }
        }
        @for row in &chart.rows {
            @for failure in &row.failures { p.missed { (row.title) " failed: " (failure) } }
        }
    }
}

fn machine(report: &Report<'_>) -> Markup {
    html! {
        h2 { "The machine's own limits" }
        table {
            @for (what, figure) in report.machine.lines() { tr { td { (what) } td { (figure) } } }
        }
        p { (FORMULAS) }
    }
}

fn settings(report: &Report<'_>) -> Markup {
    html! {
        h2 { "Versions and settings" }
        table {
            @for settings in &report.settings {
                tr { td { (settings.what) } td.text { (settings.how) } }
            }
        }
    }
}
