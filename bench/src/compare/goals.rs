//! What Cairn set out to reach, and whether it did. Nothing fails where it did not.

use super::contender::Kind;
use super::machine::Machine;
use super::work::Chart;

const MIB: f64 = 1_048_576.0;

/// A goal and what was found.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// In words.
    pub(crate) goal: String,
    /// What was measured for it.
    pub(crate) found: String,
    /// Whether it is reached.
    pub(crate) is_met: bool,
}

/// Goals of a chart. One that nothing was measured for is not told.
pub(crate) fn judge(chart: &Chart, machine: &Machine) -> Vec<Verdict> {
    let limit = |seconds: f64| 1_024.0 / seconds;
    let all = match chart.spec.name {
        "new-browser" => vec![
            at_least(chart, 2.5, "the best peer", peers(chart)),
            at_least(chart, 0.7, "the machine's limit", Some(limit(machine.upload()))),
        ],
        "new-cli" => vec![
            at_least(chart, 2.0, "copyparty u2c", chart.median(Kind::Copyparty)),
            at_least(chart, 0.7, "nginx PUT + sync", chart.median(Kind::Nginx)),
        ],
        "again-browser" => vec![
            at_least(
                chart,
                1.0,
                "reading, cutting and hashing once",
                Some(limit(machine.again_in_browser())),
            ),
            wire(chart, "0.1 % of the bytes on the wire", chart.bytes as f64 / 1_000.0),
        ],
        "again-cli" => vec![
            at_least(chart, 1.0, "reading, cutting and hashing once", Some(limit(machine.again_by_client()))),
            wire(chart, "0.1 % of the bytes on the wire", chart.bytes as f64 / 1_000.0),
        ],
        "edited-front" => vec![wire(chart, "8 MiB on the wire", 8.0 * MIB)],
        "edited-places" => vec![wire(chart, "18 % of the bytes on the wire", chart.bytes as f64 * 0.18)],
        "small-browser" | "small-cli" => {
            vec![at_least(chart, 5.0, "copyparty", chart.median(Kind::Copyparty))]
        }
        "first-byte" => vec![first_byte(chart)],
        "download" | "download-ranges" => {
            vec![at_least(chart, 0.8, "nginx sendfile", chart.median(Kind::Nginx))]
        }
        _ => Vec::new(),
    };
    all.into_iter().flatten().collect()
}

/// The best of the others.
fn peers(chart: &Chart) -> Option<f64> {
    let others = chart.rows.iter().filter(|row| row.kind != Kind::Cairn);
    others.filter_map(|row| chart.median(row.kind)).max_by(f64::total_cmp)
}

fn at_least(chart: &Chart, times: f64, whom: &str, other: Option<f64>) -> Option<Verdict> {
    let (own, other) = (chart.median(Kind::Cairn)?, other?);
    let text = |value| chart.spec.unit.text(value);
    Some(Verdict {
        goal: format!("at least {times} × {whom}"),
        found: format!("{:.2} × ({} to {})", own / other, text(own), text(other)),
        is_met: own >= times * other,
    })
}

fn wire(chart: &Chart, what: &str, bytes_max: f64) -> Option<Verdict> {
    let row = chart.rows.iter().find(|row| row.kind == Kind::Cairn)?;
    let found = row.median(|run| run.wire as f64)?;
    Some(Verdict {
        goal: format!("at most {what}"),
        found: format!("{:.2} MiB, {:.2} %", found / MIB, found / chart.bytes as f64 * 100.0),
        is_met: found <= bytes_max,
    })
}

fn first_byte(chart: &Chart) -> Option<Verdict> {
    const MILLISECONDS_MAX: f64 = 300.0;
    let found = chart.median(Kind::Cairn)?;
    Some(Verdict {
        goal: format!("at most {MILLISECONDS_MAX} ms"),
        found: chart.spec.unit.text(found),
        is_met: found <= MILLISECONDS_MAX,
    })
}
