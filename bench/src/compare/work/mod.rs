//! What is done by each contender in turn, and what becomes of it.

mod download;
mod edited;
mod first_byte;
mod small;
mod upload;

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use cairn_e2e::{Deadline, Group};

use super::contender::{Host, Kind};
use super::fsyncs::{self, Counts, Watch};
use super::goals::Verdict;
use super::sample::{self, Run};
use super::source::{Known, Source};

/// Whatever takes longer has failed.
const SECONDS_MAX: u64 = 1_200;

/// Every work, in the report's order.
pub(crate) const WORKS: &[Work] = &[
    upload::IN_BROWSER,
    upload::BY_CLIENT,
    edited::IN_FRONT,
    edited::IN_PLACES,
    small::IN_BROWSER,
    small::BY_CLIENT,
    first_byte::WORK,
    download::WORK,
];

/// One thing to do. One turn may give figures for several charts.
pub(crate) struct Work {
    /// What the report shows of it.
    pub(crate) charts: &'static [Spec],
    /// Who does it.
    pub(crate) contenders: &'static [Kind],
    /// What a contender is called in it.
    pub(crate) title: fn(Kind) -> &'static str,
    /// Does it once; gives as much as there are charts.
    pub(crate) once: fn(&Turn<'_>) -> anyhow::Result<Vec<Done>>,
}

/// A chart of the report, before there are figures.
#[derive(Debug)]
pub(crate) struct Spec {
    /// What people type.
    pub(crate) name: &'static str,
    /// In a few words.
    pub(crate) title: &'static str,
    /// From when to when, and of what.
    pub(crate) about: &'static str,
    /// Of its figures.
    pub(crate) unit: Unit,
    /// What processor time is told for, in bytes; 0 where there is no such thing.
    pub(crate) bytes: fn(&Source) -> u64,
    /// Whether one more run counts fsyncs.
    pub(crate) counts_fsyncs: bool,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// More is better.
    MibPerSecond,
    /// More is better.
    FilesPerSecond(u64),
    /// Less is better.
    Seconds,
    /// Less is better.
    Milliseconds,
}

impl Unit {
    /// Whether the larger figure is the better one.
    pub(crate) fn more_is_better(self) -> bool {
        match self {
            Self::MibPerSecond | Self::FilesPerSecond(_) => true,
            Self::Seconds | Self::Milliseconds => false,
        }
    }

    /// A figure with its unit.
    pub(crate) fn text(self, value: f64) -> String {
        match self {
            Self::MibPerSecond => format!("{value:.0} MiB/s"),
            Self::FilesPerSecond(_) => format!("{value:.0} files/s"),
            Self::Seconds => format!("{value:.2} s"),
            Self::Milliseconds => format!("{value:.0} ms"),
        }
    }
}

/// One contender's turn.
pub(crate) struct Turn<'a> {
    /// Whose.
    pub(crate) kind: Kind,
    /// What is uploaded.
    pub(crate) source: &'a Source,
    /// From 0. In the first one digests are compared, later sizes alone.
    pub(crate) round: usize,
    /// Whether fsyncs are counted instead of anything else.
    pub(crate) counting: bool,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Done {
    /// Figures; of no use where fsyncs were counted.
    pub(crate) run: Run,
    /// How many, in words, where they were counted.
    pub(crate) fsyncs: Option<String>,
}

impl Turn<'_> {
    /// Does something to a server, measured or watched; `read` is what will be read.
    pub(crate) fn act<T>(
        &self,
        host: &dyn Host,
        read: &Path,
        act: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<(Done, T)> {
        self.source.settle(read)?;
        let watch = if self.counting { Some(Watch::server(host.pid()?, &self.source.folder)?) } else { None };
        let (run, outcome) = sample::measure(host.pid()?, act)?;
        let fsyncs = watch.map(Watch::end).transpose()?;
        Ok((Done { run, fsyncs: fsyncs.map(|counts| format!("server: {}", counts.text())) }, outcome))
    }

    /// Sends a file or folder by the command-line client; gives what it said.
    pub(crate) fn put(&self, host: &dyn Host, path: &Path) -> anyhow::Result<(Done, String)> {
        let log = self.source.folder.join("strace-client.log");
        let command = host.put(path);
        let mut command = if self.counting { fsyncs::watched(&command, &log) } else { command };
        let (mut done, said) = self.act(host, path, || finish(&mut command, &self.source.folder))?;
        if let Some(server) = done.fsyncs.take() {
            done.fsyncs = Some(format!("{server}; client: {}", Counts::read(&log)?.text()));
        }
        Ok((done, said))
    }

    /// Fails where the server has something else.
    pub(crate) fn check(&self, host: &dyn Host, known: &Known, name: &str, said: &str) -> anyhow::Result<()> {
        if self.round > 0 {
            return Ok(());
        }
        let found = host.holds(name, said)?;
        anyhow::ensure!(
            found == (known.size, known.sha256.clone()),
            "{name} is not what was sent: {found:?}"
        );
        Ok(())
    }
}

/// Runs a program to its end; gives its standard output.
pub(crate) fn finish(command: &mut Command, folder: &Path) -> anyhow::Result<String> {
    let (out, err) = (folder.join("client.out"), folder.join("client.err"));
    let group = Group::spawn(command.stdout(File::create(&out)?).stderr(File::create(&err)?))?;
    let status = group.wait(Deadline::seconds(SECONDS_MAX))?;
    let read = |path| fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    anyhow::ensure!(
        status.success(),
        "{} failed ({status}): {}",
        command.get_program().display(),
        read(&err)?
    );
    Ok(read(&out)?)
}

/// A chart with its figures.
pub(crate) struct Chart {
    /// What it shows.
    pub(crate) spec: &'static Spec,
    /// See `Spec::bytes`.
    pub(crate) bytes: u64,
    /// One for each contender.
    pub(crate) rows: Vec<Row>,
    /// What was to be reached, and whether it was.
    pub(crate) verdicts: Vec<Verdict>,
}

/// A contender's runs.
pub(crate) struct Row {
    /// Who.
    pub(crate) kind: Kind,
    /// What it is called here.
    pub(crate) title: &'static str,
    /// In the order of the rounds.
    pub(crate) runs: Vec<Run>,
    /// What failed runs said.
    pub(crate) failures: Vec<String>,
    /// Of one more run.
    pub(crate) fsyncs: Option<String>,
}

impl Row {
    /// Without figures.
    pub(crate) fn new(kind: Kind, title: &'static str) -> Self {
        Self { kind, title, runs: Vec::new(), failures: Vec::new(), fsyncs: None }
    }

    /// The middle one of a figure, or nothing where there is no run.
    pub(crate) fn median(&self, figure: impl Fn(&Run) -> f64) -> Option<f64> {
        let mut values: Vec<f64> = self.runs.iter().map(figure).collect();
        values.sort_by(f64::total_cmp);
        let (low, high) = (values.get(values.len().saturating_sub(1) / 2)?, values.get(values.len() / 2)?);
        Some((low + high) / 2.0)
    }
}

impl Chart {
    /// Without figures.
    pub(crate) fn new(spec: &'static Spec, source: &Source, rows: Vec<Row>) -> Self {
        Self { spec, bytes: (spec.bytes)(source), rows, verdicts: Vec::new() }
    }

    /// What is compared of a run.
    pub(crate) fn value(&self, run: &Run) -> f64 {
        match self.spec.unit {
            Unit::MibPerSecond => self.bytes as f64 / 1_048_576.0 / run.seconds,
            Unit::FilesPerSecond(files) => files as f64 / run.seconds,
            Unit::Seconds => run.seconds,
            Unit::Milliseconds => run.seconds * 1_000.0,
        }
    }

    /// A contender's median of what is compared.
    pub(crate) fn median(&self, kind: Kind) -> Option<f64> {
        self.rows.iter().find(|row| row.kind == kind)?.median(|run| self.value(run))
    }

    /// How many times as good as the row's Cairn is.
    pub(crate) fn ratio(&self, row: &Row) -> Option<f64> {
        let (own, other) = (self.median(Kind::Cairn)?, row.median(|run| self.value(run))?);
        Some(if self.spec.unit.more_is_better() { own / other } else { other / own })
    }

    /// How many runs failed.
    pub(crate) fn failures(&self) -> usize {
        self.rows.iter().map(|row| row.failures.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_in_the_middle() {
        let mut row = Row::new(Kind::Cairn, "Cairn");
        assert_eq!(row.median(|run| run.seconds), None);
        for seconds in [9.0, 1.0, 2.0] {
            row.runs.push(Run { seconds, ..Run::default() });
        }
        assert_eq!(row.median(|run| run.seconds), Some(2.0));
        row.runs.push(Run { seconds: 4.0, ..Run::default() });
        assert_eq!(row.median(|run| run.seconds), Some(3.0));
    }

    #[test]
    fn names_are_there_once() {
        let mut names: Vec<&str> = WORKS.iter().flat_map(|work| work.charts).map(|spec| spec.name).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
