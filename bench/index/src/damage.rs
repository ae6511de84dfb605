//! What becomes of a damaged index: its largest file is cut in half, or has one bit flipped.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::files;
use crate::job::{Ended, Job, tell};
use crate::rows::{self, Entry};
use crate::tasks::{APPLIED_KEY, batch_rows, each};

/// The task that reads a damaged index.
pub(crate) const CHECK: &str = "check";

/// Time that a damaged index has to be opened and read.
const LIMIT: Duration = Duration::from_secs(60);

/// One bit is flipped so many times in as many copies, at places that are spread evenly.
const FLIPS: u64 = 19;

/// Exit code of a process that panicked.
const PANICKED: i32 = 101;

/// What became of an index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    AllRight,
    Behind,
    Refused,
    PanickedOpening,
    ReadFailed,
    ReadPanicked,
    Wrong { missing: u64, wrong: u64 },
    Died(i32),
    Stuck,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AllRight => write!(f, "opens, all rows right"),
            Self::Behind => write!(f, "opens as of an earlier batch, and says so"),
            Self::Refused => write!(f, "error at opening"),
            Self::PanickedOpening => write!(f, "panic at opening"),
            Self::ReadFailed => write!(f, "opens, error while read"),
            Self::ReadPanicked => write!(f, "opens, panic while read"),
            Self::Wrong { missing, wrong } => {
                write!(f, "opens, **{missing} rows missing and {wrong} wrong without a word**")
            }
            Self::Died(signal) => write!(f, "dies of signal {signal}"),
            Self::Stuck => write!(f, "stuck after {} s", LIMIT.as_secs()),
        }
    }
}

impl Outcome {
    fn of(ended: &Ended) -> Self {
        let Some(status) = ended.status else { return Self::Stuck };
        if let Some(signal) = status.signal() {
            return Self::Died(signal);
        }
        let figure = |name: &str| {
            let mut lines = ended.output.lines();
            lines.find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).unwrap_or_default()
        };
        match (status.code(), figure("opened") > 0, figure("missing"), figure("wrong")) {
            (Some(0), _, 0, 0) if figure("behind") > 0 => Self::Behind,
            (Some(0), _, 0, 0) => Self::AllRight,
            (Some(0), _, missing, wrong) => Self::Wrong { missing, wrong },
            (Some(PANICKED), false, ..) => Self::PanickedOpening,
            (Some(PANICKED), true, ..) => Self::ReadPanicked,
            (_, false, ..) => Self::Refused,
            (_, true, ..) => Self::ReadFailed,
        }
    }
}

/// Damages copies of the closed index of a job, and says what became of the one cut in half, of the one with a bit
/// flipped in the middle, and of how many with a flipped bit which became what.
pub(crate) fn try_all(job: &Job) -> anyhow::Result<[String; 3]> {
    let sound = try_one(job, |_| Ok(()))?;
    anyhow::ensure!(sound == Outcome::AllRight, "an undamaged copy: {sound}");
    let cut = try_one(job, |file| {
        let file = OpenOptions::new().write(true).open(file)?;
        Ok(file.set_len(file.metadata()?.len() / 2)?)
    })?;
    let mut flipped = Vec::new();
    for place in 1..=FLIPS {
        flipped.push(try_one(job, |file| flip(file, place))?);
    }
    let middle = flipped[flipped.len() / 2].to_string();
    Ok([cut.to_string(), middle, counted(&flipped)])
}

fn try_one(job: &Job, damage: impl Fn(&Path) -> anyhow::Result<()>) -> anyhow::Result<Outcome> {
    let copy = job.at(&job.folder.with_extension("damaged")).to(CHECK);
    files::copy(&job.folder, &copy.folder)?;
    damage(&files::largest(&copy.folder)?)?;
    let ended = copy.run(LIMIT, Stdio::null())?;
    fs::remove_dir_all(&copy.folder)?;
    Ok(Outcome::of(&ended))
}

fn flip(file: &Path, place: u64) -> anyhow::Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(file)?;
    let at = file.metadata()?.len() * place / (FLIPS + 1);
    let mut byte = [0];
    file.read_exact_at(&mut byte, at)?;
    Ok(file.write_all_at(&[byte[0] ^ 1], at)?)
}

fn counted(outcomes: &[Outcome]) -> String {
    let mut counts = BTreeMap::<_, usize>::new();
    for outcome in outcomes {
        *counts.entry(outcome).or_default() += 1;
    }
    let counts: Vec<_> = counts.iter().map(|(outcome, count)| format!("{count} x {outcome}")).collect();
    counts.join("; ")
}

/// Opens an index, and compares what lookups and scans give with what was written up to the last batch that it says it
/// has applied: everything behind that, Cairn replays.
pub(crate) fn check(job: &Job) -> anyhow::Result<()> {
    let store = job.open()?;
    tell("opened", 1.0);
    let applied = store.get(APPLIED_KEY)?.map_or(Ok([0; 8]), TryInto::try_into);
    let applied = u64::from_be_bytes(applied.map_err(|_| anyhow::anyhow!("no number of a batch"))?);
    let mut scanned = BTreeMap::new();
    each(store.as_ref(), vec![1], &[u8::MAX], &mut |(key, value): &Entry| {
        scanned.insert(key.clone(), value.clone());
    })?;
    let (mut missing, mut wrong, mut behind) = (0_u32, 0_u32, false);
    let known = usize::try_from(applied)?.saturating_mul(batch_rows(job)?);
    for (number, entry) in rows::read_sorted(&job.sorted())?.enumerate() {
        let (key, value) = entry?;
        let found = [store.get(&key)?, scanned.remove(&key)];
        if number >= known {
            behind = true;
        } else if found.contains(&None) {
            missing += 1;
        } else if found.iter().flatten().any(|found| *found != value) {
            wrong += 1;
        }
    }
    // What is left was never written.
    wrong += u32::try_from(scanned.len())?;
    tell("behind", f64::from(u8::from(behind)));
    tell("missing", f64::from(missing));
    tell("wrong", f64::from(wrong));
    // How a damaged index closes is no answer to whether it was read right.
    std::process::exit(0)
}
