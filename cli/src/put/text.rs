//! What `put` tells people.

use std::path::Path;

use cairn_engine::folder::{LeftOut, Receipt, Why};
use cairn_engine::{State, View};
use cairn_shared::message::FinishResponse;
use cairn_shared::{Name, route};

use crate::shell::{Job, Line, Progress, Report};
use crate::{left_out, say};

/// For people.
pub(super) struct Text {
    pub(super) line: Line,
}

impl Text {
    fn tell_link(&self, url: &str, name: &Name) {
        let link = self.line.absolute(url);
        say::tell(&link);
        // Clients that name what they fetch by its address name it right by this one.
        say::complain(&format!("its bytes alone: {}", route::raw(&link, name.as_str())));
    }
}

impl Report for Text {
    fn stored(&self, _job: &Job, _session: &str, _index: u32, _length: u32) {}

    fn ended(&self, job: &Job, view: &View, why: Option<&Why>, said: Option<&str>) {
        say::progress("");
        // What goes with a folder is told once, at its end, and so is its link.
        if let Some(why) = why.filter(|_| job.source.folder.is_none()) {
            let why = left_out::words(self.line.server(), why, said);
            say::complain(&format!("{}: not sent: {why}", job.path.display()));
        }
        if let Some(url) = view.finished.as_ref().and_then(|finished| finished.url.as_deref()) {
            self.tell_link(url, &job.source.name);
        }
    }

    fn streamed(&self, path: &Path, name: &Name, ended: Result<(&FinishResponse, u64), &str>) {
        say::progress("");
        match ended {
            Ok((finished, _)) => finished.url.iter().for_each(|url| self.tell_link(url, name)),
            Err(why) => say::complain(&format!("{}: not sent: {why}", path.display())),
        }
    }

    fn left_out(&self, path: &Path, why: &Why) {
        say::progress("");
        let why = left_out::words(self.line.server(), why, None);
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

/// What the server has of a folder, for people: each thing that differs by its name.
pub(super) fn tell_receipt(line: &Line, path: &Path, receipt: &Receipt) {
    say::progress("");
    let path = path.display();
    for LeftOut { path: below, why } in &receipt.left_out {
        let slash = if below.is_empty() { "" } else { "/" };
        say::complain(&format!(
            "{path}{slash}{below}: not sent: {}",
            left_out::words(line.server(), why, None)
        ));
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
