//! What `put` tells programs: one object a line.

use std::path::Path;

use cairn_engine::folder::{Receipt, Why};
use cairn_engine::{State, View};
use cairn_shared::message::FinishResponse;
use cairn_shared::{Name, RelPath, route};
use serde::Serialize;

use crate::left_out::{self, Told};
use crate::say;
use crate::shell::{Job, Line, Progress, Report};

/// What the server has of a folder.
pub(super) fn tell_receipt(line: &Line, path: &Path, receipt: Receipt) {
    Json::write(&Event::Receipt(Box::new(ToldReceipt::of(line, path, receipt))));
}

/// For programs: one object a line.
pub(super) struct Json {
    pub(super) line: Line,
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
        /// Why it failed: a problem's code (docs/PROTOCOL.md), `network`, `status`, `keeps_changing`, or a word of `LeftOut`.
        #[serde(skip_serializing_if = "Option::is_none")]
        trouble: Option<&'a str>,
        /// The same for people.
        #[serde(skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        url: Option<String>,
        /// The address of the bytes alone; it ends with the file's name where it can.
        #[serde(skip_serializing_if = "Option::is_none")]
        raw_url: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        finished: Option<&'a FinishResponse>,
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

    fn ended(&self, job: &Job, view: &View, why: Option<&Why>, said: Option<&str>) {
        let finished = view.finished.as_ref();
        let url = finished.and_then(|finished| finished.url.as_deref()).map(|url| self.line.absolute(url));
        Self::write(&Event::Ended {
            path: &job.path,
            state: view.state.as_str(),
            size: view.size,
            sent: view.sent,
            reused: view.reused,
            changed: view.changed,
            trouble: why.map(Why::as_str),
            detail: why.map(|why| left_out::words(self.line.server(), why, said)),
            raw_url: url.as_ref().map(|url| route::raw(url, job.source.name.as_str())),
            url,
            finished,
        });
    }

    fn streamed(&self, path: &Path, name: &Name, ended: Result<(&FinishResponse, u64), &str>) {
        let finished = ended.ok().map(|(finished, _)| finished);
        let url = finished.and_then(|finished| finished.url.as_deref()).map(|url| self.line.absolute(url));
        Self::write(&Event::Ended {
            path,
            state: if finished.is_some() { State::Done } else { State::Failed }.as_str(),
            size: ended.map_or(0, |(_, size)| size),
            sent: ended.map_or(0, |(_, size)| size),
            reused: 0,
            changed: false,
            trouble: ended.is_err().then_some("stream"),
            detail: ended.err().map(str::to_owned),
            raw_url: url.as_ref().map(|url| route::raw(url, name.as_str())),
            url,
            finished,
        });
    }

    fn left_out(&self, path: &Path, why: &Why) {
        let reason = left_out::words(self.line.server(), why, None);
        Self::write(&Event::LeftOut { path, why: why.as_str(), reason });
    }

    fn moved(&self, _progress: &Progress) {}

    fn wants_digests(&self) -> bool {
        true
    }
}
