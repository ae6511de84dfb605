//! `cairn put`.

use std::collections::HashMap;
use std::fs;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::UNIX_EPOCH;

use anyhow::Context;
use bytesize::ByteSize;
use cairn_engine::folder::{LeftOut, Receipt, Why};
use cairn_engine::{Source, State, View};
use cairn_shared::hand_over::HandOverError;
use cairn_shared::{HandOver, RelPath, UnixMs};
use serde::Serialize;

use crate::folder::Folders;
use crate::left_out::{self, Told};
use crate::shell::{Job, Line, Progress, Report, Shell};
use crate::{StateDir, owner, say, walk};

/// Options of `cairn put`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Files, and folders; each gets one link.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The server's address.
    #[arg(long, env = "CAIRN_SERVER", default_value = "http://127.0.0.1:8080")]
    server: String,
    /// Prints one JSON object a line: every acknowledged chunk, and every file at its end.
    #[arg(long)]
    json: bool,
    /// Goes on with what another device began: the link that its page gave. PATH is the same file here.
    #[arg(long, value_name = "LINK", conflicts_with = "server")]
    go_on: Option<String>,
    /// Sends at most so much a second, all files together: `2MB`, `500kB`, `1MiB`.
    #[arg(long, value_name = "RATE")]
    limit: Option<ByteSize>,
    /// Sends what symbolic links in folders lead to; without this they are named, and not sent.
    #[arg(long)]
    follow_links: bool,
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
    let chosen = choose(&options.paths, &*report);
    let mut is_whole = chosen.is_whole;
    if chosen.files.is_empty() && chosen.folders.is_empty() {
        return Ok(exit_code(is_whole));
    }
    // Everything was found before the server is asked for anything.
    let job = |(path, source)| Job { path, source, handed: handed.take() };
    let jobs: Vec<_> = chosen.files.into_iter().map(job).collect();
    let mut folders = Folders::open(&state, &line)?;
    let mut trees = Vec::new();
    for path in chosen.folders {
        match folders.begin(&path, options.follow_links)? {
            Ok(tree) => trees.push(tree),
            Err(why) => {
                is_whole = false;
                report.left_out(&path, &why);
            }
        }
    }
    let limit = options.limit.and_then(|limit| NonZeroU64::new(limit.as_u64()));
    let (failed, trees) = Shell::open(&state, line.clone(), report, limit)?.run(jobs, trees)?;
    is_whole &= failed == 0;
    for mut tree in trees {
        let receipt = folders.end(&mut tree)?;
        is_whole &= receipt.is_whole();
        if options.json {
            Json::write(&Event::Receipt(Box::new(ToldReceipt::of(&line, &tree.path, receipt))));
        } else {
            tell_receipt(&line, &tree.path, &receipt);
        }
    }
    Ok(exit_code(is_whole))
}

fn exit_code(is_whole: bool) -> ExitCode {
    if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What is to be sent of what was given.
struct Chosen {
    files: Vec<(PathBuf, Source)>,
    folders: Vec<PathBuf>,
    /// Nothing was left out.
    is_whole: bool,
}

/// Looks at each path by itself: what can't be sent is told, and what was given twice is sent once.
fn choose(paths: &[PathBuf], report: &dyn Report) -> Chosen {
    let mut chosen = Chosen { files: Vec::new(), folders: Vec::new(), is_whole: true };
    let mut known: HashMap<PathBuf, &PathBuf> = HashMap::new();
    for path in paths {
        let taken = fs::metadata(path).map_err(|error| {
            say::complain(&format!("can't read {}: {error}", path.display()));
            None
        });
        let taken = taken.and_then(|meta| {
            let is_same = path.canonicalize().ok().and_then(|real| known.insert(real, path));
            if let Some(other) = is_same {
                say::complain(&format!("{} is {}: sent once", path.display(), other.display()));
            } else if meta.is_dir() {
                chosen.folders.push(path.clone());
            } else {
                let source = match walk::kind(meta.file_type()) {
                    Some(why) => Err(why),
                    None => walk::source(path, &meta),
                };
                chosen.files.push((path.clone(), source.map_err(Some)?));
            }
            Ok(())
        });
        if let Err(why) = taken {
            chosen.is_whole = false;
            why.iter().for_each(|why| report.left_out(path, why));
        }
    }
    chosen
}

/// The server's address, and what is behind the `#`.
fn handed_over(link: &str) -> anyhow::Result<(&str, Option<HandOver>)> {
    let (server, fragment) = link.split_once('#').context(HandOverError)?;
    Ok((server.trim_end_matches('/'), Some(fragment.parse()?)))
}

/// What the server has of a folder, for people: each thing that differs by its name.
fn tell_receipt(line: &Line, path: &Path, receipt: &Receipt) {
    say::progress("");
    let path = path.display();
    for LeftOut { path: below, why } in &receipt.left_out {
        let slash = if below.is_empty() { "" } else { "/" };
        say::complain(&format!("{path}{slash}{below}: not sent: {}", left_out::words(line.server(), why)));
    }
    for below in &receipt.more {
        say::complain(&format!("{path}/{}: on the server, and not here any more", below.as_str()));
    }
    say::complain(&format!(
        "{path}: {} of {} files, {} of {} empty folders, {} of {} bytes; {} not sent",
        receipt.files,
        receipt.files_expected,
        receipt.folders,
        receipt.folders_expected,
        receipt.bytes,
        receipt.bytes_expected,
        receipt.left_out.len()
    ));
    match &receipt.url {
        Some(url) => say::tell(url),
        None if receipt.files + receipt.folders == 0 && !receipt.is_whole() => {}
        None => say::tell(&format!("{path}: stored, without a link")),
    }
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

    fn ended(&self, job: &Job, view: &View, why: Option<&Why>) {
        say::progress("");
        // What goes with a folder is told once, at its end, and so is its link.
        if let Some(why) = why.filter(|_| job.source.folder.is_none()) {
            self.left_out(&job.path, why);
        }
        if let Some(url) = view.finished.as_ref().and_then(|finished| finished.url.as_deref()) {
            say::tell(&self.line.absolute(url));
        }
    }

    fn left_out(&self, path: &Path, why: &Why) {
        say::progress("");
        let why = left_out::words(self.line.server(), why);
        say::complain(&format!("{}: not sent: {why}", path.display()));
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
    Receipt(Box<ToldReceipt<'a>>),
    #[serde(rename = "left_out")]
    LeftOut {
        path: &'a Path,
        why: &'a str,
        reason: String,
    },
    Ended {
        path: &'a Path,
        state: &'a str,
        size: u64,
        sent: u64,
        reused: u64,
        changed: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        trouble: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        url: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        finished: Option<&'a cairn_shared::message::FinishResponse>,
    },
}

/// What the server has of a folder, beside what it should have.
#[derive(Serialize)]
struct ToldReceipt<'a> {
    path: &'a Path,
    url: Option<String>,
    files: u64,
    files_expected: u64,
    folders: u64,
    folders_expected: u64,
    bytes: u64,
    bytes_expected: u64,
    left_out: Vec<Told>,
    more: Vec<RelPath>,
}

impl<'a> ToldReceipt<'a> {
    fn of(line: &Line, path: &'a Path, receipt: Receipt) -> Self {
        let Receipt { url, files, files_expected, folders, folders_expected, .. } = receipt;
        let Receipt { bytes, bytes_expected, left_out, more, .. } = receipt;
        let left_out = left_out.iter().map(|left| Told::of(line.server(), left)).collect();
        Self {
            path,
            url,
            files,
            files_expected,
            folders,
            folders_expected,
            bytes,
            bytes_expected,
            left_out,
            more,
        }
    }
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

    fn ended(&self, job: &Job, view: &View, why: Option<&Why>) {
        let finished = view.finished.as_ref();
        Self::write(&Event::Ended {
            path: &job.path,
            state: view.state.as_str(),
            size: view.size,
            sent: view.sent,
            reused: view.reused,
            changed: view.changed,
            why: why.map(Why::as_str),
            trouble: why.map(|why| left_out::words(self.line.server(), why)),
            url: finished.and_then(|finished| finished.url.as_deref()).map(|url| self.line.absolute(url)),
            finished,
        });
    }

    fn left_out(&self, path: &Path, why: &Why) {
        let reason = left_out::words(self.line.server(), why);
        Self::write(&Event::LeftOut { path, why: why.as_str(), reason });
    }

    fn moved(&self, _progress: &Progress) {}

    fn wants_digests(&self) -> bool {
        true
    }
}
