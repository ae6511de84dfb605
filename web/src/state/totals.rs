//! All rows in one: what the toolbar, the tab's title and screen readers tell.

use cairn_engine::{State, View};

use crate::state::figures;

/// The sum of all rows.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Rows.
    pub count: usize,
    /// Rows that are done.
    pub done: usize,
    /// Rows that go on by themselves.
    pub active: usize,
    /// Rows that a person can have go on.
    pub resting: usize,
    /// Sum of sizes, in bytes.
    pub size: u64,
    /// Sum of what the server has, in bytes.
    pub stored: u64,
    /// Sum of speeds, in bytes per second.
    pub speed: u64,
}

impl Totals {
    /// Adds a row.
    pub fn add(&mut self, view: &View) {
        self.count += 1;
        self.size += view.size;
        self.stored += if view.state == State::Done { view.size } else { view.stored };
        self.speed += view.speed.unwrap_or(0);
        match view.state {
            State::Done => self.done += 1,
            State::Waiting | State::Reading | State::Sending | State::Verifying | State::Offline => {
                self.active += 1;
            }
            State::Paused | State::Failed => self.resting += 1,
            State::NeedsFile => {}
        }
    }

    /// Everything has arrived.
    pub fn all_done(&self) -> bool {
        self.count > 0 && self.done == self.count
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
