//! `cairn put`.

mod json;
mod stream;
mod text;

use std::collections::HashMap;
use std::fs;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::UNIX_EPOCH;

use anyhow::Context;
use bytesize::ByteSize;
use cairn_engine::Source;
use cairn_engine::folder::Why;
use cairn_shared::hand_over::HandOverError;
use cairn_shared::{HandOver, Name, UnixMs};

use crate::folder::Folders;
use crate::shell::{Job, Line, Report, Shell};
use crate::{StateDir, owner, say, walk};
use json::Json;
use stream::Stream;
use text::Text;

/// Options of `cairn put`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Files, folders, pipes, and `-` for standard input; each gets one link. A pipe is read once, to its end.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The server's address.
    #[arg(long, env = "CAIRN_SERVER", default_value = "http://127.0.0.1:8080")]
    server: String,
    /// What a stream is called: what comes from a pipe, or from standard input.
    #[arg(long, value_name = "NAME")]
    name: Option<Name>,
    /// Prints one JSON object a line: every acknowledged chunk, every file at its end, and every folder's receipt. The `trouble` of a file
    /// that failed is the code of a problem (docs/PROTOCOL.md), `network`, `status`, `keeps_changing`, or says what keeps it from being
    /// read; `detail` is the same for people.
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
    let chosen = choose(&options.paths, options.name.as_ref(), &*report);
    let mut is_whole = chosen.is_whole;
    let is_named = match chosen.streams.len() {
        // One that could not be read was told of.
        0 => options.name.is_none() || !is_whole,
        1 => true,
        _ => options.name.is_none(),
    };
    anyhow::ensure!(is_named, "--name says what one stream is called: a pipe, or - for standard input");
    let limit = options.limit.and_then(|limit| NonZeroU64::new(limit.as_u64()));
    for stream in chosen.streams {
        let (path, name) = (stream.path.clone(), stream.name.clone());
        let sent = stream.send(&state, &line, limit.map(NonZeroU64::get));
        is_whole &= sent.is_ok();
        let why = sent.as_ref().err().map(|error| format!("{error:#}")).unwrap_or_default();
        report.streamed(
            &path,
            &name,
            sent.as_ref().map(|(finished, size)| (finished, *size)).map_err(|_| &*why),
        );
    }
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
    let (failed, trees) = Shell::open(&state, line.clone(), report, limit)?.run(jobs, trees)?;
    is_whole &= failed == 0;
    for mut tree in trees {
        let receipt = folders.end(&mut tree)?;
        is_whole &= receipt.is_whole();
        if options.json {
            json::tell_receipt(&line, &tree.path, receipt);
        } else {
            text::tell_receipt(&line, &tree.path, &receipt);
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
    streams: Vec<Stream>,
    /// Nothing was left out.
    is_whole: bool,
}

/// Looks at each path by itself: what can't be sent is told, and what was given twice is sent once.
fn choose(paths: &[PathBuf], named: Option<&Name>, report: &dyn Report) -> Chosen {
    let mut chosen = Chosen { files: Vec::new(), folders: Vec::new(), streams: Vec::new(), is_whole: true };
    let mut known: HashMap<PathBuf, &PathBuf> = HashMap::new();
    for path in paths {
        match stream::open(path, named) {
            Ok(None) => {}
            Ok(Some(stream)) => {
                chosen.streams.push(stream);
                continue;
            }
            Err(why) => {
                chosen.is_whole = false;
                if why == Why::Pipe {
                    say::complain(&format!("{}: nobody writes to this pipe", path.display()));
                }
                report.left_out(path, &why);
                continue;
            }
        }
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

/// When a file was last changed.
pub(crate) fn mtime(meta: &fs::Metadata) -> Option<UnixMs> {
    let since = meta.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}
