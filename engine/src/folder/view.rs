//! What there is to see of a folder.

use cairn_shared::Name;

use super::steps::Stage;
use super::{File, Folder};
use crate::{Now, State, Trouble, View};

/// One row for all that is in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderView {
    /// Its name.
    pub name: Name,
    /// As of a file; `reading` also while the folder itself is walked.
    pub state: State,
    /// Not all of its files are known yet.
    pub walking: bool,
    /// Files known so far.
    pub files: u32,
    /// Files that have arrived.
    pub done: u32,
    /// Files that failed.
    pub failed: u32,
    /// Files that are gone, or can't be read.
    pub lost: u32,
    /// Only what is missing or failed keeps it from going on, or from its end.
    pub can_do_without: bool,
    /// Folders in it without anything in them.
    pub empty: u32,
    /// Its link, once everything has arrived.
    pub url: Option<String>,
    /// Sum of sizes, in bytes.
    pub size: u64,
    /// Sum of what is cut and hashed, in bytes.
    pub read: u64,
    /// Sum of what the server has, in bytes.
    pub stored: u64,
    /// Sum of what had not to be sent, in bytes.
    pub reused: u64,
    /// Sum of what was sent in this visit, in bytes.
    pub sent: u64,
    /// Bytes that travel per second, as of a file.
    pub speed: Option<u64>,
    /// Why a file waits or failed.
    pub trouble: Option<Trouble>,
    /// When that file is tried again.
    pub retry_at: Option<Now>,
}

impl<F: File> Folder<F> {
    /// What there is to see; measures the speed meanwhile.
    pub fn view(&mut self, now: Now) -> FolderView {
        let views = || self.loaded.values().flatten();
        let sum = |pick: fn(&View) -> u64| views().map(pick).sum::<u64>();
        let count = |state: State| views().filter(|view| view.state == state).count() as u32;
        let base = self.base();
        let arrived = base.bytes + self.arrived.bytes;
        let (read, stored) = (arrived + sum(|view| view.read), arrived + sum(|view| view.stored));
        let (reused, sent) = (self.reused + sum(|view| view.reused), self.sent + sum(|view| view.sent));
        let (failed, needs) = (count(State::Failed), count(State::NeedsFile));
        let (state, total) = (self.state(), self.total());
        let (trouble, retry_at) = self.why(state);
        let unmet = if self.walking { 0 } else { self.known.len() };
        // Until it is over, what is missing of it has still to be told.
        let receipt = self.receipt.as_ref().filter(|_| self.stage == Stage::Over && self.server.is_some());
        let counted = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let is_paced = views().any(|view| view.limit.is_some());
        if matches!(state, State::Reading | State::Sending | State::Verifying) {
            self.meter.update(now, sent, is_paced);
        } else {
            self.meter.rest();
        }
        FolderView {
            name: self.record.name.clone(),
            state,
            walking: self.walking,
            files: total.files,
            done: receipt.map_or(base.files + self.arrived.files, |receipt| counted(receipt.files)),
            failed,
            lost: (self.left_out.len() - self.accepted + unmet) as u32 + needs,
            can_do_without: self.can_do_without(),
            empty: receipt.map_or(self.record.empty.len() as u32, |receipt| counted(receipt.folders)),
            url: receipt.and_then(|receipt| receipt.url.clone()),
            size: total.bytes,
            read,
            stored,
            reused,
            sent,
            speed: self.meter.speed(),
            trouble,
            retry_at,
        }
    }

    /// Why it waits or failed: a file of it, or the folder itself.
    fn why(&self, state: State) -> (Option<Trouble>, Option<Now>) {
        let mut waits = self.loaded.values().flatten().filter(|view| view.state == state);
        if let Some(view) = waits.find(|view| view.trouble.is_some()) {
            return (view.trouble.clone(), view.retry_at);
        }
        match (state, &self.refused, self.unanswered()) {
            (State::Failed, Some(trouble), _) => (Some(trouble.clone()), None),
            (State::Offline, _, Some((trouble, at))) => (Some(trouble.clone()), Some(*at)),
            _ => (None, None),
        }
    }

    fn state(&self) -> State {
        let any = |state: State| self.loaded.values().flatten().any(|view| view.state == state);
        if self.is_over() {
            return if self.lacks_all() { State::NeedsFile } else { State::Done };
        }
        if self.is_done() && self.refused.is_none() && self.stage != Stage::Unmade {
            return if self.unanswered().is_some() { State::Offline } else { State::Verifying };
        }
        if self.paused {
            return State::Paused;
        }
        let busy = [State::Sending, State::Reading, State::Offline, State::Verifying];
        if let Some(state) = busy.into_iter().find(|state| any(*state)) {
            // While files are left, one that is being published is no news.
            let last = self.sends_nothing();
            return if state == State::Verifying && !last { State::Sending } else { state };
        }
        let rests = self.loaded.len() == self.resting.len();
        let has_next = !self.waiting.is_empty() && self.resting.len() < self.config.troubled_max;
        if self.refused.is_some() {
            State::Failed
        } else if self.unanswered().is_some() {
            State::Offline
        } else if self.walking {
            State::Reading
        } else if !rests || has_next || !self.unsorted.is_empty() || !self.talk.is_idle() {
            State::Waiting
        } else if any(State::Failed) {
            State::Failed
        } else {
            State::NeedsFile
        }
    }

    /// Nothing of it arrived, and nothing of it stays on the server.
    fn lacks_all(&self) -> bool {
        self.server.is_none() && self.receipt.is_some()
    }
}
