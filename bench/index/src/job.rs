//! One measurement: a process of its own, so that memory and caches of one don't show in the next.

use std::env;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::Context;

use crate::clock::now;
use crate::stores::{Kind, Store};

/// What the program is started with to do one job.
const HIDDEN: &str = "--job";

/// Longer than any job takes that is not stuck.
const LIMIT: Duration = Duration::from_secs(600);

/// How often a job is asked whether it has ended.
const POLL: Duration = Duration::from_millis(20);

/// What to do with which store.
#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) task: String,
    pub(crate) kind: &'static Kind,
    /// The files of the store; next to it lies the file of sorted rows.
    pub(crate) folder: PathBuf,
    /// Chunks whose rows are in the store, or will be.
    pub(crate) chunks: u64,
}

/// How a job ended.
pub(crate) struct Ended {
    /// `None`: it was still running at the end of its time.
    pub(crate) status: Option<ExitStatus>,
    /// What it said.
    pub(crate) output: String,
}

impl Job {
    /// The job that this process was started for, where it was started for one.
    pub(crate) fn of_process(args: &[String]) -> anyhow::Result<Option<Self>> {
        let [hidden, task, kind, folder, chunks] = args else { return Ok(None) };
        if hidden != HIDDEN {
            return Ok(None);
        }
        let (kind, chunks) = (Kind::find(kind)?, chunks.parse()?);
        Ok(Some(Self { task: task.clone(), kind, folder: folder.into(), chunks }))
    }

    /// The rows of all chunks, sorted.
    pub(crate) fn sorted(&self) -> PathBuf {
        self.folder.with_file_name("sorted")
    }

    /// Opens the store, here.
    pub(crate) fn open(&self) -> anyhow::Result<Box<dyn Store>> {
        (self.kind.open)(&self.folder)
    }

    /// The same with another task.
    pub(crate) fn to(&self, task: &str) -> Self {
        Self { task: task.to_owned(), ..self.clone() }
    }

    /// The same in another folder.
    pub(crate) fn at(&self, folder: &Path) -> Self {
        Self { folder: folder.to_owned(), ..self.clone() }
    }

    /// Does it in a process of its own, and gives the figures that it told.
    pub(crate) fn measure(&self) -> anyhow::Result<Vec<(String, f64)>> {
        let ended = self.run(LIMIT, Stdio::inherit())?;
        let (task, name) = (&self.task, self.kind.name);
        anyhow::ensure!(ended.status.is_some_and(|status| status.success()), "{task} failed with {name}");
        let figures = ended.output.lines().map(|line| {
            let (figure, value) = line.split_once('\t').context("a job said what is no figure")?;
            Ok((figure.to_owned(), value.parse()?))
        });
        figures.collect()
    }

    /// Does it in a process of its own, which is killed after `limit`.
    pub(crate) fn run(&self, limit: Duration, complaints: Stdio) -> anyhow::Result<Ended> {
        let mut child = Command::new(env::current_exe()?)
            .args([HIDDEN, &self.task, self.kind.name])
            .arg(&self.folder)
            .arg(self.chunks.to_string())
            .stdout(Stdio::piped())
            .stderr(complaints)
            .spawn()?;
        let start = now();
        let mut status = child.try_wait()?;
        while status.is_none() && start.elapsed() < limit {
            thread::sleep(POLL);
            status = child.try_wait()?;
        }
        if status.is_none() {
            child.kill()?;
            child.wait()?;
        }
        let mut output = String::new();
        if let Some(mut stdout) = child.stdout.take() {
            stdout.read_to_string(&mut output)?;
        }
        Ok(Ended { status, output })
    }
}

/// Tells the process that started this one a figure.
pub(crate) fn tell(figure: &str, value: f64) {
    println!("{figure}\t{value}");
}
