//! Settings of what one guest can cost everybody (docs/THREATS.md).

use std::time::Duration;

use cairn_store::model::GuestLimits;

use super::read::{ConfigError, Source};

/// What guests may ask for in a minute, each address and each owner; 0: without a limit.
#[derive(Debug, Clone, Copy)]
pub struct GuestRates {
    /// Owner keys.
    pub owner: u32,
    /// Sessions and folders that are started.
    pub start: u32,
    /// Declarations of rows.
    pub check: u32,
    /// Looks at sessions, and thousands of rows that these look at.
    pub status: u32,
}

impl GuestRates {
    pub(super) fn read(source: &Source<'_>) -> Result<Self, ConfigError> {
        let a_minute = |key| source.parse(key, "it must be a number, so many a minute; 0 is no limit");
        Ok(Self {
            owner: a_minute("owner_rate")?,
            start: a_minute("start_rate")?,
            check: a_minute("check_rate")?,
            status: a_minute("status_rate")?,
        })
    }
}

/// What guests may keep, and for how long without content.
#[derive(Debug, Clone, Copy)]
pub struct GuestFacts {
    /// Rows of one owner, in bytes; 0: without a limit.
    pub own_bytes: u64,
    /// Rows of all guests together, in bytes; 0: without a limit.
    pub all_bytes: u64,
    /// Rows of a session that are declared before their chunks come; 0: without a limit.
    pub rows_ahead: u32,
    /// An owner who never held anything, and a session of which nothing came, end after so long.
    pub idle: Duration,
}

impl GuestFacts {
    pub(super) fn read(source: &Source<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            own_bytes: source.parse("guest_facts_bytes", "it must be a number of bytes; 0 is no limit")?,
            all_bytes: source.parse("guests_facts_bytes", "it must be a number of bytes; 0 is no limit")?,
            rows_ahead: source.parse("guest_rows_ahead", "it must be a number of rows; 0 is no limit")?,
            idle: source.span("guest_idle")?,
        })
    }

    /// As the store has it.
    pub(crate) fn limits(&self) -> GuestLimits {
        let or_all = |bytes: u64| if bytes == 0 { u64::MAX } else { bytes };
        GuestLimits {
            facts_bytes: or_all(self.own_bytes),
            all_facts_bytes: or_all(self.all_bytes),
            rows_ahead: if self.rows_ahead == 0 { u32::MAX } else { self.rows_ahead },
            unused_ms: u64::try_from(self.idle.as_millis()).unwrap_or(u64::MAX),
        }
    }
}
