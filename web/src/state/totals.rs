//! All rows in one: what the toolbar, the tab's title and screen readers tell.

use cairn_engine::{State, View};

use crate::shell::FolderView;
use crate::state::figures;

/// The sum of all rows.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Files.
    pub count: usize,
    /// Files that are done.
    pub done: usize,
    /// Rows that go on by themselves.
    pub active: usize,
    /// Rows that a person can have go on.
    pub resting: usize,
    /// Sum of sizes, in bytes.
    pub size: u64,
    /// Sum of what the server has, in bytes.
    pub stored: u64,
    /// Sum of what had not to be sent, in bytes.
    pub reused: u64,
    /// Sum of speeds, in bytes per second.
    pub speed: u64,
}

impl Totals {
    /// Adds a folder's row.
    pub fn add_folder(&mut self, view: &FolderView) {
        self.count += view.files as usize;
        self.done += view.done as usize;
        self.size += view.size;
        self.stored += view.stored;
        self.reused += view.reused;
        self.speed += view.speed.unwrap_or(0);
        self.add_state(view.state);
    }

    /// Adds a file's row.
    pub fn add(&mut self, view: &View) {
        self.count += 1;
        self.done += usize::from(view.state == State::Done);
        self.size += view.size;
        self.stored += if view.state == State::Done { view.size } else { view.stored };
        self.reused += view.reused;
        self.speed += view.speed.unwrap_or(0);
        self.add_state(view.state);
    }

    fn add_state(&mut self, state: State) {
        match state {
            State::Waiting | State::Reading | State::Sending | State::Verifying | State::Offline => {
                self.active += 1;
            }
            State::Paused | State::Failed => self.resting += 1,
            State::Done | State::NeedsFile => {}
        }
    }

    /// Everything has arrived.
    pub fn all_done(&self) -> bool {
        self.count > 0 && self.done == self.count && self.active == 0
    }

    /// How much has arrived, from 0 to 100.
    pub fn percent(&self) -> u64 {
        figures::percent(self.stored, self.size)
    }

    /// Time left at the present speed, in seconds.
    pub fn left_seconds(&self) -> Option<u64> {
        (self.speed > 0).then(|| self.size.saturating_sub(self.stored).div_ceil(self.speed))
    }
}
