//! Cairn beside its peers on one machine, in turns: `cargo xtask bench`.

mod contender;
mod fsyncs;
mod goals;
mod machine;
mod options;
mod report;
mod run;
mod sample;
mod source;
mod work;

use std::path::PathBuf;

use anyhow::Context;

use crate::{room, say};
use options::Options;
use report::Report;
use source::Source;
use work::Chart;

/// Bytes on the disk for each byte of the large file: the file, an edited one, and what servers keep of two.
const ROOM: u64 = 6;
/// Of the large file where fsyncs are counted, in bytes: strace makes some servers ten times as slow.
const COUNTED_BYTES_MAX: u64 = 256 << 20;
/// Browsers, small files, and what is there anyway.
const ROOM_MORE: u64 = 2 << 30;

/// Runs the works that the arguments name, or all; tells tables and writes the report.
pub(crate) fn run(args: &[&str]) -> anyhow::Result<()> {
    let options = Options::parse(args)?;
    let path = std::env::var_os("CAIRN_BENCH_REPORT").context("CAIRN_BENCH_REPORT is not set")?;
    let path = PathBuf::from(path);
    let folder = tempfile::Builder::new().prefix("cairn-bench-").tempdir()?;
    if !room::is_there(folder.path(), ROOM * options.size + ROOM_MORE)? {
        return Ok(());
    }
    let source = Source::new(folder.path(), options.size)?;
    let counted = Source::new(&folder.path().join("counted"), options.size.min(COUNTED_BYTES_MAX))?;
    let contenders = contender::available()?;
    say::tell("the machine's own limits");
    let machine = machine::measure(&source)?;
    machine.lines().iter().for_each(|(what, figure)| say::tell(&format!("  {what:<52} {figure}")));
    let mut report =
        Report { options: &options, machine: &machine, settings: Vec::new(), charts: Vec::new() };
    report.settings = contenders.iter().map(|kind| kind.settings()).collect::<anyhow::Result<_>>()?;
    for work in work::WORKS.iter().filter(|work| options.wants(work)) {
        for mut chart in run::run(work, &contenders, &source, &counted, options.rounds) {
            chart.verdicts = goals::judge(&chart, &machine);
            report::tell(&chart);
            report.charts.push(chart);
        }
        // Whoever breaks off keeps what is there.
        report.write(&path)?;
    }
    report::tell_goals(&report.charts);
    say::tell(&format!("the report: {}", path.display()));
    let failures: usize = report.charts.iter().map(Chart::failures).sum();
    anyhow::ensure!(failures == 0, "{failures} runs failed; what they say stands above and in the report");
    Ok(())
}
