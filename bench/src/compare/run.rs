//! Contenders take turns; who begins changes from round to round. Then each runs once more for the fsyncs to be counted.

use super::contender::Kind;
use super::source::Source;
use super::work::{Chart, Row, Turn, Work};
use crate::say;

/// Does a work; what fails stands in the row.
pub(crate) fn run(
    work: &Work,
    available: &[Kind],
    source: &Source,
    counted: &Source,
    rounds: usize,
) -> Vec<Chart> {
    let kinds: Vec<Kind> = work.contenders.iter().copied().filter(|kind| available.contains(kind)).collect();
    let row = |kind: &Kind| Row::new(*kind, (work.title)(*kind));
    let mut charts: Vec<Chart> =
        work.charts.iter().map(|spec| Chart::new(spec, source, kinds.iter().map(row).collect())).collect();
    for round in 0..rounds {
        for index in 0..kinds.len() {
            let at = (index + round) % kinds.len();
            let turn = Turn { kind: kinds[at], source, round, counting: false };
            take(work, &turn, at, &mut charts);
        }
    }
    if work.charts.iter().any(|spec| spec.counts_fsyncs) {
        for (at, kind) in kinds.iter().enumerate() {
            take(
                work,
                &Turn { kind: *kind, source: counted, round: rounds, counting: true },
                at,
                &mut charts,
            );
        }
    }
    charts
}

/// One turn; `at` is its contender's row in every chart.
fn take(work: &Work, turn: &Turn<'_>, at: usize, charts: &mut [Chart]) {
    let done = (work.once)(turn);
    let title = (work.title)(turn.kind);
    match done {
        Ok(done) => {
            for (chart, done) in charts.iter_mut().zip(done) {
                if turn.counting {
                    chart.rows[at].fsyncs = done.fsyncs;
                } else {
                    let figure = chart.spec.unit.text(chart.value(&done.run));
                    say::tell(&format!("  {}, round {}: {title} {figure}", chart.spec.name, turn.round + 1));
                    chart.rows[at].runs.push(done.run);
                }
            }
        }
        Err(error) if turn.counting => {
            say::complain(&format!("  fsyncs of {title} are not counted: {error:#}"));
        }
        Err(error) => {
            say::complain(&format!("  FAILED: {title}, round {}: {error:#}", turn.round + 1));
            for chart in charts {
                chart.rows[at].failures.push(format!("{error:#}"));
            }
        }
    }
}
