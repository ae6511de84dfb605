//! The bandwidth limit.

use std::num::NonZeroU64;

use crate::Now;

/// Spreads chunks over time: after each one the line rests for as long as its bytes take at the limit. A chunk itself goes
/// as fast as the line takes it.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    limit: Option<NonZeroU64>,
    /// The line rests until then.
    until: Option<Now>,
}

impl Pace {
    /// Holds everything to `limit` bytes a second from now on.
    pub(crate) fn set(&mut self, limit: Option<NonZeroU64>) {
        // What went before was another limit's.
        *self = Self { limit, until: None };
    }

    /// Bytes a second.
    pub(crate) fn limit(&self) -> Option<NonZeroU64> {
        self.limit
    }

    /// When the line may be used again; `None`: now.
    pub(crate) fn until(&self) -> Option<Now> {
        self.until
    }

    /// Ends the rest where it is over.
    pub(crate) fn wake(&mut self, now: Now) {
        self.until = self.until.filter(|until| *until > now);
    }

    /// So many bytes leave now.
    pub(crate) fn sent(&mut self, bytes: u64, now: Now) {
        if let Some(limit) = self.limit {
            let rest = bytes.saturating_mul(1_000).div_ceil(limit.get());
            self.until = Some(self.until.unwrap_or(now).saturating_add(rest));
        }
    }
}
