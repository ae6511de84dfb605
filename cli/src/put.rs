//! `cairn put`.

use std::fs;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::UNIX_EPOCH;

use anyhow::Context;
use bytesize::ByteSize;
use cairn_engine::{Source, State, Trouble, View};
use cairn_shared::hand_over::HandOverError;
use cairn_shared::{HandOver, Name, RelPath, UnixMs};
use serde::Serialize;

use crate::folder::{Folders, Receipt, Tree};
use crate::shell::{Job, Line, Progress, Report, Shell, why};
use crate::{StateDir, owner, say};

/// Options of `cairn put`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Files, and folders; each gets one link.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The server's address.
    #[arg(long, env = "CAIRN_SERVER", default_value = "http://127.0.0.1:8080")]
    server: String,
    /// Prints one JSON object a line: every acknowledged chunk, and every file at its end. The `trouble` of one that failed is the code of a
    /// problem (docs/PROTOCOL.md), `network`, `status` or `keeps_changing`; `detail` is the same for people.
    #[arg(long)]
    json: bool,
    /// Goes on with what another device began: the link that its page gave. PATH is the same file here.
    #[arg(long, value_name = "LINK", conflicts_with = "server")]
    go_on: Option<String>,
    /// Sends at most so much a second, all files together: `2MB`, `500kB`, `1MiB`.
    #[arg(long, value_name = "RATE")]
    limit: Option<ByteSize>,
    #[command(flatten)]
    state: StateDir,
}

/// Uploads everything; exit code 1 where a file could not be.
pub(crate) fn run(options: Options) -> anyhow::Result<ExitCode> {
    let state = owner::state_folder(options.state.state.as_deref())?;
    let (server, mut handed) = match &options.go_on {
        Some(link) => handed_over(link)?,
        None => (options.server.as_str(), None),
    };
    let line = Line::new(server)?;
    anyhow::ensure!(
        handed.is_none() || matches!(&options.paths[..], [path] if path.is_file()),
        "--go-on takes one PATH, which is a file"
    );
    let report: Box<dyn Report> = if options.json {
        Box::new(Json { line: line.clone() })
    } else {
        Box::new(Text { line: line.clone() })
    };
    let (mut jobs, mut trees, mut sent) = (Vec::new(), Vec::new(), Vec::new());
    for path in &options.paths {
        let meta = fs::metadata(path).with_context(|| format!("can't read {}", path.display()))?;
        if meta.is_dir() {
            trees.push((path, Tree::read(path)?));
        } else {
            jobs.push(Job { path: path.clone(), source: source(path, None)?, handed: handed.take() });
        }
    }
    // Everything was found before the server is asked for anything.
    let mut folders = Folders::open(&state, &line)?;
    for (path, tree) in trees {
        let (folder, lacking) = folders.begin(tree)?;
        sent.push((path, folder));
        jobs.extend(lacking);
    }
    let limit = options.limit.and_then(|limit| NonZeroU64::new(limit.as_u64()));
    let mut is_whole = Shell::open(&state, line.clone(), report, limit)?.run(jobs)? == 0;
    for (path, folder) in sent {
        let receipt = folders.end(path, &folder)?;
        is_whole &= receipt.is_whole();
        if options.json { Json::write(&Event::Receipt(&receipt)) } else { tell_receipt(&receipt) }
    }
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The server's address, and what is behind the `#`.
fn handed_over(link: &str) -> anyhow::Result<(&str, Option<HandOver>)> {
    let (server, fragment) = link.split_once('#').context(HandOverError)?;
    Ok((server.trim_end_matches('/'), Some(fragment.parse()?)))
}

/// What the server has of a folder, for people.
fn tell_receipt(receipt: &Receipt) {
    say::progress("");
    say::complain(&format!(
        "{}: {} of {} files, {} of {} empty folders, {} of {} bytes",
        receipt.path.display(),
        receipt.files,
        receipt.files_expected,
        receipt.folders,
        receipt.folders_expected,
        receipt.bytes,
        receipt.bytes_expected
    ));
    match &receipt.url {
        Some(url) => say::tell(url),
        None => say::tell(&format!("{}: stored, without a link", receipt.path.display())),
    }
}

/// A file as the engine sees it.
pub(crate) fn source(path: &Path, relative: Option<String>) -> anyhow::Result<Source> {
    let meta = fs::metadata(path).with_context(|| format!("can't read {}", path.display()))?;
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.with_context(|| format!("{} has no UTF-8 name", path.display()))?;
    let name: Name =
        name.parse().map_err(|error| anyhow::anyhow!("the name of {} {error}", path.display()))?;
    let relative: Option<RelPath> = relative
        .map(|relative| relative.parse())
        .transpose()
        .map_err(|error| anyhow::anyhow!("the path of {} {error}", path.display()))?;
    Ok(Source { name, path: relative, folder: None, size: meta.len(), mtime: mtime(&meta), media_type: None })
}

/// When a file was last changed.
pub(crate) fn mtime(meta: &fs::Metadata) -> Option<UnixMs> {
    let since = meta.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}

/// For people.
struct Text {
    line: Line,
}

impl Report for Text {
    fn stored(&self, _job: &Job, _session: &str, _index: u32, _length: u32) {}

    fn ended(&self, job: &Job, view: &View, said: Option<&str>) {
        say::progress("");
        let name = job.path.display();
        match (view.state, view.finished.as_ref().and_then(|finished| finished.url.as_deref())) {
            (State::Done, Some(url)) => say::tell(&self.line.absolute(url)),
            // The link of a folder is told once, at its end.
            (State::Done, None) => {}
            _ => {
                let why = view.trouble.as_ref().map(|trouble| why(self.line.server(), trouble, said));
                let why = why.as_deref().unwrap_or("no reason is known");
                say::complain(&format!("{name}: {}: {why}", view.state.as_str()));
            }
        }
    }

    fn moved(&self, progress: &Progress) {
        say::progress(&format!(
            "{} · {} of {} files · {} of {} MB, {} not sent twice · {} MB/s",
            match &progress.why {
                Some(why) => format!("waiting: {why}"),
                None => progress.state.unwrap_or(State::Done).as_str().to_owned(),
            },
            progress.ended,
            progress.files,
            progress.stored / 1_000_000,
            progress.size / 1_000_000,
            progress.reused / 1_000_000,
            progress.speed / 1_000_000
        ));
    }

    fn wants_digests(&self) -> bool {
        false
    }
}

/// For programs: one object a line.
struct Json {
    line: Line,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Event<'a> {
    Stored {
        path: &'a Path,
        session: &'a str,
        index: u32,
        length: u32,
    },
    Receipt(&'a Receipt),
    Ended {
        path: &'a Path,
        state: &'a str,
        size: u64,
        sent: u64,
        reused: u64,
        changed: bool,
        /// Why it failed: a problem's code (docs/PROTOCOL.md), `network`, `status` or `keeps_changing`.
        #[serde(skip_serializing_if = "Option::is_none")]
        trouble: Option<&'static str>,
        /// The same for people.
        #[serde(skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        url: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        finished: Option<&'a cairn_shared::message::FinishResponse>,
    },
}

impl Json {
    fn write(event: &Event<'_>) {
        if let Ok(line) = serde_json::to_string(event) {
            say::tell(&line);
        }
    }
}

impl Report for Json {
    fn stored(&self, job: &Job, session: &str, index: u32, length: u32) {
        Self::write(&Event::Stored { path: &job.path, session, index, length });
    }

    fn ended(&self, job: &Job, view: &View, said: Option<&str>) {
        let finished = view.finished.as_ref();
        Self::write(&Event::Ended {
            path: &job.path,
            state: view.state.as_str(),
            size: view.size,
            sent: view.sent,
            reused: view.reused,
            changed: view.changed,
            trouble: view.trouble.as_ref().map(Trouble::as_str),
            detail: view.trouble.as_ref().map(|trouble| why(self.line.server(), trouble, said)),
            url: finished.and_then(|finished| finished.url.as_deref()).map(|url| self.line.absolute(url)),
            finished,
        });
    }

    fn moved(&self, _progress: &Progress) {}

    fn wants_digests(&self) -> bool {
        true
    }
}
