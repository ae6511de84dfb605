//! All rows in one: what the toolbar, the tab's title and screen readers tell.

use std::ops::{AddAssign, SubAssign};

use cairn_engine::{State, View};

use crate::shell::FolderView;
use crate::state::figures;
use crate::state::phrases::is_under_way;

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
    /// A folder's row.
    pub fn of_folder(view: &FolderView) -> Self {
        Self {
            count: view.files as usize,
            done: view.done as usize,
            size: view.size,
            stored: view.stored,
            reused: view.reused,
            speed: view.speed.filter(|_| is_under_way(view.state)).unwrap_or(0),
            ..Self::of_state(view.state)
        }
    }

    /// A file's row.
    pub fn of(view: &View) -> Self {
        let is_done = view.state == State::Done;
        Self {
            count: 1,
            done: usize::from(is_done),
            size: view.size,
            stored: if is_done { view.size } else { view.stored },
            reused: view.reused,
            speed: view.speed.filter(|_| is_under_way(view.state)).unwrap_or(0),
            ..Self::of_state(view.state)
        }
    }

    fn of_state(state: State) -> Self {
        let (active, resting) = match state {
            State::Waiting | State::Reading | State::Sending | State::Verifying | State::Offline => (1, 0),
            State::Paused | State::Failed => (0, 1),
            State::Done | State::NeedsFile => (0, 0),
        };
        Self { active, resting, ..Self::default() }
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

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.count += other.count;
        self.done += other.done;
        self.active += other.active;
        self.resting += other.resting;
        self.size += other.size;
        self.stored += other.stored;
        self.reused += other.reused;
        self.speed += other.speed;
    }
}

impl SubAssign for Totals {
    fn sub_assign(&mut self, other: Self) {
        self.count -= other.count;
        self.done -= other.done;
        self.active -= other.active;
        self.resting -= other.resting;
        self.size -= other.size;
        self.stored -= other.stored;
        self.reused -= other.reused;
        self.speed -= other.speed;
    }
}
