//! Tells what comes, as lines for people or as JSON.

use std::process::ExitCode;
use std::time::{Duration, UNIX_EPOCH};

use cairn_server::Figures;
use cairn_server::admin::{Command, Event, Found, Kind, Outcome, OwnerItem, Progress};
use cairn_shared::UnixMs;

use super::FAILED;
use crate::platform::unix_now;
use crate::say;

/// Chunks of one file that are named.
const SHOWN_MAX: usize = 10;

/// What was told so far.
pub(super) struct Teller {
    json: bool,
    reads: bool,
    progress: Progress,
    has_owners: bool,
    code: u8,
}

impl Teller {
    /// For the answer to a command. Where nothing comes, that is a failure.
    pub(super) fn new(json: bool, command: &Command) -> Self {
        let reads = matches!(command, Command::Scrub { .. });
        Self { json, reads, progress: Progress::default(), has_owners: false, code: FAILED }
    }

    /// How the process ends.
    pub(super) fn code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }

    /// Tells of one event.
    pub(super) fn hear(&mut self, event: &Event) {
        if let Event::Ended { outcome } = event {
            self.code = match outcome {
                Outcome::Whole | Outcome::Done => 0,
                Outcome::Damaged => 1,
            };
        }
        match (self.json, event) {
            (true, Event::Stats(figures)) => say::tell(&json(figures)),
            (true, Event::Ended { outcome: Outcome::Done }) => {}
            (true, event) => say::tell(&json(event)),
            (false, event) => self.show(event),
        }
    }

    fn show(&mut self, event: &Event) {
        match event {
            Event::Progress(progress) => {
                self.progress = *progress;
                say::progress(&self.so_far());
            }
            Event::Resumed(progress) => {
                say::complain(&format!(
                    "It goes on behind {} chunks that were read before.",
                    progress.chunks
                ));
            }
            Event::Wrong { what } => line(&format!("damaged: {what}")),
            Event::Damaged { chunk } => {
                line(&format!("damaged: chunk {chunk}; upload its content again to heal it"));
            }
            Event::Away { chunk, why } => line(&format!("not there: chunk {chunk} ({why})")),
            Event::Folder { folder, chunks } => line(&format!(
                "not there: {folder} with {chunks} chunks: bring it back (is its disk mounted?)"
            )),
            Event::File { file, owner, name, chunks } => {
                line(&format!("{} chunks of the file {file} \"{name}\" of the owner {owner}:", chunks.len()));
                for chunk in chunks.iter().take(SHOWN_MAX) {
                    line(&format!("  {chunk}"));
                }
                if let more @ 1.. = chunks.len().saturating_sub(SHOWN_MAX) {
                    line(&format!("  and {more} more (--json names all)"));
                }
            }
            Event::Owner(item) => self.owner(item),
            Event::Ownerless(share) => line(&format!(
                "without an owner key: {} files of {} bytes, {} unfinished",
                share.files, share.bytes, share.sessions
            )),
            Event::Stats(figures) => show_figures(figures),
            Event::Found(found) => line(&described(found)),
            Event::Removed(found) => line(&format!("removed: {}", described(found))),
            Event::Refused { why } => {
                say::progress("");
                say::complain(&format!("cairn: {why}"));
            }
            Event::Ended { outcome } => self.end(*outcome),
        }
    }

    fn so_far(&self) -> String {
        let Progress { chunks, bytes, permille, .. } = self.progress;
        let percent = permille / 10;
        if self.reads {
            format!("{chunks} chunks, {} MiB read, {percent} %", bytes >> 20)
        } else {
            format!("{chunks} looked at, {percent} %")
        }
    }

    fn end(&self, outcome: Outcome) {
        let Progress { chunks, bytes, damaged, away, .. } = self.progress;
        let found = format!("{damaged} damaged, {away} not there");
        match (outcome, self.reads) {
            (Outcome::Whole, true) => {
                line(&format!("{chunks} chunks, {bytes} bytes: everything is what it was"))
            }
            (Outcome::Damaged, true) => {
                line(&format!("{chunks} chunks, {bytes} bytes: not everything is what it was; {found}"));
            }
            (Outcome::Whole, false) => line(&format!("{chunks} chunks: all are there")),
            (Outcome::Damaged, false) => line(&format!("{chunks} chunks: not everything is there; {found}")),
            (Outcome::Done, _) => say::progress(""),
        }
    }

    fn owner(&mut self, item: &OwnerItem) {
        if !self.has_owners {
            self.has_owners = true;
            line(&format!(
                "{:<32}  {:<20}  {:>9}  {:>15}  {:>10}  newest",
                "owner", "created", "files", "bytes", "unfinished"
            ));
        }
        line(&format!(
            "{}  {:<20}  {:>9}  {:>15}  {:>10}  {}",
            item.owner,
            date(item.created_at),
            item.files,
            item.bytes,
            item.sessions,
            item.newest.map_or_else(|| "-".to_owned(), date)
        ));
    }
}

/// A line that stays, in place of the one that shows how far it has come.
fn line(text: &str) {
    say::progress("");
    say::tell(text);
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn described(found: &Found) -> String {
    let Found { kind, id, owner, name, files, folders, sessions } = found;
    let named = name.as_ref().map_or_else(String::new, |name| format!(" \"{name}\""));
    match kind {
        Kind::Owner => {
            format!("owner {id} with {files} files, {folders} folders and {sessions} unfinished uploads")
        }
        Kind::Folder => format!("folder {id}{named} with {files} files, of the owner {owner}"),
        Kind::Link => format!("link {id} to{named}, of the owner {owner}"),
        Kind::File | Kind::Session => format!("{} {id}{named}, of the owner {owner}", kind.as_str()),
    }
}

fn show_figures(figures: &Figures) {
    let age = unix_now().saturating_sub(figures.at);
    line(&format!("counted {} min ago", age / 60_000));
    line(&format!("{} files of {} bytes", figures.files, figures.logical_bytes));
    line(&format!("{} chunks of {} bytes", figures.chunks, figures.chunk_bytes));
    line(&format!("{} bytes on the disk", figures.stored_bytes));
    line(&format!("dedup       {:.2} : 1", ratio(figures.logical_bytes, figures.chunk_bytes)));
    line(&format!("compression {:.2} : 1", ratio(figures.chunk_bytes, figures.stored_bytes)));
}

fn ratio(of: u64, to: u64) -> f64 {
    of as f64 / to.max(1) as f64
}

fn date(at: UnixMs) -> String {
    // Later than the year 9999 is no date that anybody means.
    let at = UNIX_EPOCH + Duration::from_secs((at / 1_000).min(253_402_300_799));
    humantime::format_rfc3339_seconds(at).to_string()
}
