//! `cairn get`: what a link gives, or a part of it, brought here.

mod address;
mod file;
mod line;
mod tree;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use cairn_shared::message::{EntryKind, LinkItem, LinkListResponse};
use cairn_shared::{BlobDigest, Name};

use self::address::{Address, Wanted};
use self::file::Arrived;
use self::line::{Line, Trouble};
use crate::say;

/// Pauses before the server is asked again for a digest that it had not computed yet, in milliseconds.
const DIGEST_PAUSES: [u64; 6] = [0, 250, 500, 1_000, 3_000, 5_000];

/// Options of `cairn get`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The link, as it was given, `https://server/d/...`, or the address of a file or folder behind it.
    link: String,
    /// Where the file or folder goes; otherwise its own name in this folder. What lies there is never overwritten.
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
}

/// Downloads it, going on where an earlier attempt ended, and compares its digests. 1 where something of a folder did not come.
pub(crate) fn run(options: Options) -> anyhow::Result<ExitCode> {
    let line = Line::new(Address::parse(&options.link)?);
    get(&line, options.output)
}

fn get(line: &Line, output: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    let found = find(line).map_err(said)?;
    let target = output.unwrap_or_else(|| PathBuf::from(found.name().as_str()));
    match found {
        Found::File { item, path } => one(line, &item, &path, &target),
        Found::Folder { inside, first, .. } => Ok(all(line, inside.as_deref(), first, &target)),
    }
}

/// What an address leads to.
enum Found {
    File { item: LinkItem, path: String },
    Folder { name: Name, inside: Option<String>, first: LinkListResponse },
}

impl Found {
    fn name(&self) -> &Name {
        match self {
            Self::File { item, .. } => &item.name,
            Self::Folder { name, .. } => name,
        }
    }
}

fn find(line: &Line) -> Result<Found, Trouble> {
    let nothing = || Trouble::Thing("there is nothing behind this link (no file of that name)".to_owned());
    let path = match &line.address.wanted {
        Wanted::All => None,
        Wanted::At(path) => Some(path.as_str()),
    };
    let first = line.list(None, None)?;
    if first.kind == EntryKind::File {
        let item = first.items.into_iter().next().ok_or_else(nothing)?;
        let is_it = path.is_none_or(|path| path == item.name.as_str());
        let path = item.name.to_string();
        return if is_it { Ok(Found::File { item, path }) } else { Err(nothing()) };
    }
    let Some(path) = path else {
        return Ok(Found::Folder { name: first.name.clone(), inside: None, first });
    };
    let (above, name) = path.rsplit_once('/').map_or((None, path), |(above, name)| (Some(above), name));
    let item = entry(line, above, name)?.ok_or_else(nothing)?;
    let path = path.to_owned();
    Ok(match item.kind {
        EntryKind::File => Found::File { item, path },
        EntryKind::Folder => {
            let first = line.list(Some(&path), None)?;
            Found::Folder { name: item.name, inside: Some(path), first }
        }
    })
}

/// An entry of a level, by its name.
fn entry(line: &Line, inside: Option<&str>, name: &str) -> Result<Option<LinkItem>, Trouble> {
    let mut after: Option<String> = None;
    loop {
        let page = line.list(inside, after.as_deref())?;
        if let Some(item) = page.items.into_iter().find(|item| item.name.as_str() == name) {
            return Ok(Some(item));
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(None),
        }
    }
}

fn one(line: &Line, item: &LinkItem, path: &str, target: &Path) -> anyhow::Result<ExitCode> {
    let mut wanted = file::Content::of(line, item, path);
    let mut is_again = false;
    let arrived = loop {
        let late = || late_digest(line, &wanted, path, &DIGEST_PAUSES);
        let bytes = std::cell::Cell::new(0);
        let told = |more| {
            bytes.set(bytes.get() + more);
            say::progress(&format!("{} of {} MB", bytes.get() / 1_000_000, wanted.size / 1_000_000));
        };
        match file::fetch(line, &wanted, target, &late, &told) {
            Err(Trouble::Changed) if !is_again => {
                is_again = true;
                say::progress("");
                say::complain("The file was changed on the server meanwhile: it begins anew.");
                let Found::File { item, path } = find(line).map_err(said)? else {
                    anyhow::bail!("a folder lies there by now: run it again")
                };
                wanted = file::Content::of(line, &item, &path);
            }
            arrived => break arrived.map_err(said)?,
        }
    };
    say::progress("");
    match arrived {
        Arrived::Whole { is_compared: true } => {}
        Arrived::Whole { is_compared: false } => say::complain(
            "The server has not computed this file's SHA-256 yet: the bytes were compared with nothing.",
        ),
        Arrived::Already => say::complain("It was here already, and is what it should be."),
    }
    say::tell(&target.display().to_string());
    Ok(ExitCode::SUCCESS)
}

/// The digest of this very content, which the server computes behind the upload; `None` where that takes too long.
fn late_digest(line: &Line, wanted: &file::Content, path: &str, pauses: &[u64]) -> Option<BlobDigest> {
    let (above, name) = path.rsplit_once('/').map_or((None, path), |(above, name)| (Some(above), name));
    pauses.iter().find_map(|pause| {
        thread::sleep(Duration::from_millis(*pause));
        say::progress("waiting for the file's digest");
        let item = entry(line, above, name).ok().flatten()?;
        item.blob.filter(|_| item.manifest_digest == wanted.tag)
    })
}

fn all(line: &Line, inside: Option<&str>, first: LinkListResponse, target: &Path) -> ExitCode {
    let counts = tree::fetch(line, inside, first, target);
    if counts.uncompared > 0 {
        say::complain(&format!(
            "{} files were compared with nothing: the server has not computed their SHA-256 yet.",
            counts.uncompared
        ));
    }
    if let Some(why) = &counts.stopped {
        say::complain(&format!("It ended before everything was tried: {why}."));
    }
    say::complain(&format!(
        "{}: {} files arrived, {} were here already, {} folders below; {}{} not here",
        target.display(),
        counts.arrived,
        counts.already,
        counts.folders,
        // Of the rest nobody knows how many there are.
        if counts.stopped.is_some() { "at least " } else { "" },
        counts.missed
    ));
    say::tell(&target.display().to_string());
    if counts.missed == 0 && counts.stopped.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn said(trouble: Trouble) -> anyhow::Error {
    say::progress("");
    match trouble {
        Trouble::Passes { why, .. } | Trouble::Server(why) | Trouble::Thing(why) => anyhow::anyhow!(why),
        Trouble::Changed => anyhow::anyhow!("it is changed again and again: run it again later"),
    }
}

#[cfg(test)]
mod tests;
