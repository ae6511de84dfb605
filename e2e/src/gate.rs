//! A gate for the bodies of uploads: so many bytes get through, and what comes then waits until it is opened. A test that needs
//! something half way waits for that, however fast or slow the machine is.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How much gets through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Rule {
    /// All.
    #[default]
    Open,
    /// So many bytes of each upload.
    Each(u64),
    /// So many bytes in all.
    All(u64),
}

/// The body of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// Which upload it belongs to.
    pub upload: String,
    /// In bytes.
    pub length: u64,
}

impl Body {
    /// What a request (`PUT /api/upload/...`) with so long a body sends of an upload; small files go together and count as one.
    pub fn of(request: &str, length: u64) -> Option<Self> {
        let upload = match request.strip_prefix("PUT /api/upload/") {
            Some(rest) => rest.split('/').next().unwrap_or_default(),
            None => request.strip_prefix("POST /api/batch/upload").map(|_| "batch")?,
        };
        Some(Self { upload: upload.to_owned(), length })
    }
}

/// Bodies get through whole or wait whole, so what got through is stored without further ado.
#[derive(Debug, Default)]
pub struct Gate {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    rule: Rule,
    passed: HashMap<String, u64>,
    waiting: Vec<(u64, Body)>,
    tickets: u64,
}

impl Gate {
    /// From now on so many bytes of each upload get through.
    pub fn hold_each_after(&self, bytes: u64) {
        self.set(Rule::Each(bytes));
    }

    /// From now on so many bytes get through.
    pub fn hold_all_after(&self, bytes: u64) {
        self.set(Rule::All(bytes));
    }

    /// Everything gets through.
    pub fn open(&self) {
        self.set(Rule::Open);
    }

    /// A body is no longer than this, so where one waits, no less than that under the limit has got through.
    pub const BODY_BYTES_MAX: u64 = 8 << 20;

    /// How many bodies wait.
    pub fn held(&self) -> usize {
        self.lock().waiting.len()
    }

    /// A body comes: nothing where it gets through, else what it waits with.
    pub fn enter(&self, body: Body) -> Option<u64> {
        let mut state = self.lock();
        if state.admit(&body) {
            return None;
        }
        state.tickets += 1;
        let ticket = state.tickets;
        state.waiting.push((ticket, body));
        Some(ticket)
    }

    /// Whether it still waits.
    pub fn holds(&self, ticket: u64) -> bool {
        self.lock().waiting.iter().any(|(waiting, _)| *waiting == ticket)
    }

    /// Nobody sends it any more.
    pub fn leave(&self, ticket: u64) {
        self.lock().waiting.retain(|(waiting, _)| *waiting != ticket);
    }

    fn set(&self, rule: Rule) {
        let mut state = self.lock();
        state.rule = rule;
        state.passed.clear();
        for (ticket, body) in std::mem::take(&mut state.waiting) {
            if !state.admit(&body) {
                state.waiting.push((ticket, body));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn admit(&mut self, body: &Body) -> bool {
        let (passed, max) = match self.rule {
            Rule::Open => return true,
            Rule::Each(max) => (self.passed.get(&body.upload).copied().unwrap_or(0), max),
            Rule::All(max) => (self.passed.values().sum(), max),
        };
        // Behind what waits nothing gets through: a small body would come before its file's own.
        let is_behind = self.waiting.iter().any(|(_, waiting)| waiting.upload == body.upload);
        let is_admitted = !is_behind && passed + body.length <= max;
        if is_admitted {
            *self.passed.entry(body.upload.clone()).or_default() += body.length;
        }
        is_admitted
    }
}
