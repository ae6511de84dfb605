//! One upload: what it knows, and how it looks from outside.

use cairn_shared::limits::PACKED_BYTES_MAX;
use cairn_shared::message::FinishResponse;
use cairn_shared::{ChunkRule, ClientKey, ProblemCode, UnixMs};

use super::rows::Rows;
use crate::input::Source;
use crate::journal::{JournalEntry, SessionHandle};
use crate::line::Backoff;
use crate::meter::Meter;
use crate::view::{State, Trouble, View};
use crate::{Now, PassId, RequestId};

/// What was stored is saved in the journal after so many bytes, or so many milliseconds.
const SAVE_EVERY_BYTES: u64 = 16 << 20;
const SAVE_EVERY_MS: u64 = 5_000;

/// What an upload is meant to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// Go on.
    Run,
    /// Wait for a person.
    Paused,
    /// Wait for the file to be chosen again.
    NeedsFile,
    /// Nothing: published.
    Done,
    /// Nothing, until a person tries again.
    Failed,
}

/// One reading of the file.
#[derive(Debug)]
pub(super) struct Pass {
    pub(super) id: PassId,
    /// The file as it was when the reading began.
    pub(super) began_with: (u64, Option<UnixMs>),
    /// Rows cut so far.
    pub(super) cut_rows: u32,
    /// Bytes cut so far.
    pub(super) cut_bytes: u64,
    /// Bytes granted to the reader and not released.
    pub(super) held_bytes: u64,
    /// The reader came to the end, and the file was the same all along.
    pub(super) ended: bool,
    /// A small file that is not read by then is small no more.
    pub(super) small_until: Option<Now>,
}

/// One file on its way.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) source: Source,
    pub(super) key: ClientKey,
    /// How it is cut.
    pub(super) rule: ChunkRule,
    pub(super) start_size: u64,
    pub(super) start_mtime: Option<UnixMs>,
    pub(super) session: Option<SessionHandle>,
    pub(super) goal: Goal,
    pub(super) rows: Rows,
    pub(super) pass: Option<Pass>,
    /// The session's revision on the server.
    pub(super) revision: u32,
    /// Rows that the server has declared: its own word, and ours since.
    pub(super) server_rows: u32,
    /// The size that the server was told last.
    pub(super) server_size: Option<u64>,
    /// The next check opens a revision that replaces rows from here on.
    pub(super) revise_at: Option<u32>,
    /// The session is the server's old acquaintance: its rows and revision have to be asked for first.
    pub(super) ask_status: bool,
    /// `start` may have been answered before: then it finds an old acquaintance.
    pub(super) maybe_started: bool,
    /// The JSON request on its way; there is one at a time.
    pub(super) call: Option<RequestId>,
    /// The rows of the check on its way: from where, how many; spoilt where they were cut anew meanwhile.
    pub(super) checking: Option<Checking>,
    pub(super) backoff: Backoff,
    pub(super) trouble: Option<Trouble>,
    /// What the server said last of what it refuses.
    pub(super) said: Option<(ProblemCode, String)>,
    /// Manifests or sizes that did not agree, in a row.
    pub(super) mismatches: u32,
    /// Readings in a row during which the file changed.
    pub(super) unsteady_passes: u32,
    /// Refusals in a row that a retry may mend, though nobody promises.
    pub(super) refusals: u32,
    /// No reading begins before.
    pub(super) read_after: Option<Now>,
    pub(super) changed: bool,
    pub(super) finished: Option<FinishResponse>,
    /// When to ask for the whole-file digest, and the pause after that.
    pub(super) blob_at: Option<(Now, u64)>,
    /// It takes longer to read than a small file does, whatever its size was.
    pub(super) has_grown: bool,
    pub(super) sends: usize,
    /// The server has room for rows up to there: a check goes no further.
    pub(super) fits_until: Option<u32>,
    /// The server lacked something of what it was asked about last.
    pub(super) lacks: bool,
    /// It is worked on now.
    pub(super) turn: bool,
    /// The file as the journal has it: what was true at an earlier visit until the server has said what it
    /// made of that.
    journal_size: u64,
    journal_mtime: Option<UnixMs>,
    saved_bytes: u64,
    saved_at: Option<Now>,
    read_max: u64,
    meter: Meter,
}

/// A check on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Checking {
    pub(super) at: u32,
    pub(super) rows: u32,
    pub(super) size: Option<u64>,
    pub(super) spoilt: bool,
}

impl Upload {
    pub(super) fn new(
        mut source: Source,
        key: ClientKey,
        entry: Option<JournalEntry>,
        rule: ChunkRule,
    ) -> Self {
        // Where it goes was decided when it was first chosen.
        if let Some(entry) = entry.as_ref().filter(|entry| entry.folder.is_some()) {
            (source.folder, source.path) = (entry.folder, entry.path.clone());
        }
        let changed =
            entry.as_ref().is_some_and(|entry| entry.size != source.size || entry.mtime != source.mtime);
        let session = entry.as_ref().and_then(|entry| entry.session.clone());
        Self {
            rule: entry.as_ref().and_then(|entry| entry.rule).unwrap_or(rule),
            key: entry.as_ref().map_or(key, |entry| entry.key),
            start_size: entry.as_ref().map_or(source.size, |entry| entry.start_size),
            start_mtime: entry.as_ref().map_or(source.mtime, |entry| entry.start_mtime),
            ask_status: session.is_some(),
            maybe_started: entry.is_some(),
            session,
            journal_size: entry.as_ref().map_or(source.size, |entry| entry.size),
            journal_mtime: entry.as_ref().map_or(source.mtime, |entry| entry.mtime),
            source,
            goal: Goal::Run,
            rows: Rows::default(),
            pass: None,
            revision: 0,
            server_rows: 0,
            server_size: None,
            revise_at: None,
            call: None,
            checking: None,
            backoff: Backoff::default(),
            trouble: None,
            said: None,
            mismatches: 0,
            unsteady_passes: 0,
            refusals: 0,
            read_after: None,
            changed,
            finished: None,
            blob_at: None,
            has_grown: false,
            sends: 0,
            lacks: false,
            fits_until: None,
            turn: false,
            saved_bytes: 0,
            saved_at: None,
            read_max: 0,
            meter: Meter::default(),
        }
    }

    /// What the journal keeps.
    pub(super) fn entry(&self) -> JournalEntry {
        JournalEntry {
            key: self.key,
            name: self.source.name.clone(),
            path: self.source.path.clone(),
            folder: self.source.folder,
            rule: Some(self.rule),
            size: if self.ask_status { self.journal_size } else { self.source.size },
            mtime: if self.ask_status { self.journal_mtime } else { self.source.mtime },
            media_type: self.source.media_type.clone(),
            start_size: self.start_size,
            start_mtime: self.start_mtime,
            session: self.session.clone(),
            stored: self.rows.stored_bytes(),
        }
    }

    /// One chunk, and not worth a request of its own.
    pub(super) fn is_small(&self) -> bool {
        self.source.size <= u64::from(PACKED_BYTES_MAX) && !self.has_grown
    }

    /// Whether enough was stored since the journal entry was kept.
    pub(super) fn wants_saving(&mut self, now: Now) -> bool {
        let stored = self.rows.stored_bytes();
        let is_late = self.saved_at.is_none_or(|at| now >= at + SAVE_EVERY_MS);
        let wants = stored >= self.saved_bytes + SAVE_EVERY_BYTES || (stored > self.saved_bytes && is_late);
        if wants {
            (self.saved_bytes, self.saved_at) = (stored, Some(now));
        }
        wants
    }

    /// The file was chosen again.
    pub(super) fn choose(&mut self, source: Source) {
        self.changed |= self.source.size != source.size || self.source.mtime != source.mtime;
        let (folder, path) = (self.source.folder, self.source.path.take());
        self.source = source;
        if folder.is_some() {
            (self.source.folder, self.source.path) = (folder, path);
        }
        self.trouble = None;
        self.read_after = None;
        if matches!(self.goal, Goal::NeedsFile | Goal::Failed) {
            self.goal = Goal::Run;
        }
    }

    pub(super) fn pause(&mut self) {
        self.goal = Goal::Paused;
        self.meter.rest();
    }

    pub(super) fn go_on(&mut self) {
        self.goal = Goal::Run;
        self.backoff.insist();
    }

    /// After a failure: the server is asked first where things stand.
    pub(super) fn try_again(&mut self) {
        self.goal = Goal::Run;
        self.backoff.insist();
        self.backoff.succeed();
        self.trouble = None;
        self.mismatches = 0;
        self.unsteady_passes = 0;
        self.refusals = 0;
        self.ask_status = self.session.is_some();
    }

    pub(super) fn fail(&mut self, trouble: Trouble) {
        self.goal = Goal::Failed;
        self.trouble = Some(trouble);
        self.meter.rest();
    }

    /// The server does not know the session any more: another begins.
    pub(super) fn start_anew(&mut self, key: ClientKey) {
        self.key = key;
        self.start_size = self.source.size;
        self.start_mtime = self.source.mtime;
        self.session = None;
        self.ask_status = false;
        self.maybe_started = false;
        self.revision = 0;
        self.server_rows = 0;
        self.server_size = None;
        self.revise_at = None;
        self.rows.undeclare(0);
        if let Some(checking) = &mut self.checking {
            checking.spoilt = true;
        }
    }

    /// Rows from `at` on go into the next revision, because the server has others there.
    pub(super) fn revise(&mut self, at: u32) {
        self.revise_at = Some(self.revise_at.map_or(at, |earlier| earlier.min(at)));
        self.rows.undeclare(at);
        if let Some(checking) = &mut self.checking {
            checking.spoilt |= checking.at + checking.rows > at;
        }
    }

    /// Every request was broken off.
    pub(super) fn requests_gone(&mut self) {
        self.call = None;
        self.checking = None;
        self.sends = 0;
        self.rows.all_lost();
    }

    /// Forgets the reading; its id, where the reader has to be told.
    pub(super) fn drop_pass(&mut self) -> Option<PassId> {
        self.rows.bytes_gone();
        self.sends = 0;
        self.pass.take().map(|pass| pass.id)
    }

    pub(super) fn measure(&mut self, now: Now, is_paced: bool) {
        if let Some(pass) = &self.pass {
            self.read_max = self.read_max.max(pass.cut_bytes);
        }
        match self.goal {
            // What comes after that has nothing to do with what was before.
            Goal::Run if self.is_away() => self.meter.rest(),
            // What had not to be sent says nothing of the line.
            Goal::Run => self.meter.update(now, self.rows.sent_bytes(), is_paced),
            Goal::Paused | Goal::NeedsFile | Goal::Failed | Goal::Done => {}
        }
    }

    /// The server does not answer, or has asked to be left alone.
    fn is_away(&self) -> bool {
        self.backoff.failures() >= 2 || self.backoff.is_asked()
    }

    /// Ends the waits that are over.
    pub(super) fn wake(&mut self, now: Now) {
        self.backoff.wake(now);
        self.read_after = self.read_after.filter(|at| *at > now);
    }

    /// When this upload wants to be looked at again, requests apart.
    pub(super) fn wakes_at(&self) -> Option<Now> {
        if let Some((at, _)) = self.blob_at {
            return self.call.is_none().then_some(at);
        }
        if self.goal != Goal::Run {
            return None;
        }
        let small_until = self.pass.as_ref().filter(|pass| !pass.ended).and_then(|pass| pass.small_until);
        [self.backoff.until(), self.read_after, small_until].into_iter().flatten().min()
    }

    pub(super) fn view(&self, online: bool, limit: Option<u64>) -> View {
        // A file that got shorter has rows behind its end until it is read to there.
        let size = self.source.size;
        let (stored, reused) = (self.rows.stored_bytes().min(size), self.rows.reused_bytes().min(size));
        let left = size - stored;
        let state = self.state(online);
        let speed = self.meter.speed().filter(|_| self.goal == Goal::Run && state != State::Offline);
        View {
            name: self.source.name.clone(),
            path: self.source.path.clone(),
            size,
            state,
            read: self.read_max.max(stored).min(size),
            stored: if self.goal == Goal::Done { size } else { stored },
            reused,
            sent: self.rows.sent_bytes(),
            speed,
            left_seconds: speed.map(|speed| left.div_ceil(speed.max(1))),
            changed: self.changed,
            limit: limit.filter(|_| state == State::Sending),
            trouble: self.trouble.clone(),
            retry_at: self.backoff.until().filter(|_| state == State::Offline),
            finished: self.finished.clone(),
        }
    }

    pub(super) fn state(&self, online: bool) -> State {
        match self.goal {
            Goal::Done => State::Done,
            Goal::Paused => State::Paused,
            Goal::NeedsFile => State::NeedsFile,
            Goal::Failed => State::Failed,
            Goal::Run if !online || self.is_away() => State::Offline,
            Goal::Run if !self.turn => State::Waiting,
            Goal::Run if self.is_whole() => State::Verifying,
            Goal::Run if self.sends > 0 || self.rows.sent_bytes() > 0 => State::Sending,
            Goal::Run if self.session.is_some() || self.pass.is_some() => State::Reading,
            Goal::Run => State::Waiting,
        }
    }

    /// Whether the next check opens a revision, and whether there are rows to declare.
    pub(super) fn wants_check(&mut self) -> (bool, bool) {
        let ended = self.pass.as_ref().is_some_and(|pass| pass.ended);
        if ended && self.revise_at.is_none() {
            let size = self.source.size;
            // The server has rows behind the end, or was told another size: the next revision says how it is.
            if self.server_rows > self.rows.len() || self.server_size.is_some_and(|told| told != size) {
                self.revise_at = Some(self.rows.declared());
            }
        }
        let has_rows = self.rows.declared() < self.rows.len();
        // A revision is opened with its first row, or at the end of the file with none.
        (self.revise_at.is_some() && (ended || has_rows), has_rows)
    }

    /// Everything was read, declared and stored: only publishing is left.
    pub(super) fn is_whole(&self) -> bool {
        self.pass.as_ref().is_some_and(|pass| pass.ended)
            && self.rows.all_stored()
            && self.rows.declared() == self.rows.len()
            && self.revise_at.is_none()
    }
}
