//! The bandwidth limit that a person set.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use crate::platform::settings;

const SETTING: &str = "cairn.limit";

/// What a limit is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Unit {
    /// 1,000 bytes a second.
    KiloByte,
    /// 1,000,000 bytes a second.
    #[default]
    MegaByte,
    /// 125,000 bytes a second.
    MegaBit,
}

impl Unit {
    /// In the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::KiloByte, Self::MegaByte, Self::MegaBit];

    /// As it is written, in every language.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::KiloByte => "kB/s",
            Self::MegaByte => "MB/s",
            Self::MegaBit => "Mbit/s",
        }
    }

    const fn bytes(self) -> f64 {
        match self {
            Self::KiloByte => 1e3,
            Self::MegaByte => 1e6,
            Self::MegaBit => 125e3,
        }
    }
}

/// A limit as it was typed.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Limit {
    /// How many of them; absent: as fast as the line is.
    pub amount: Option<f64>,
    /// Of what.
    pub unit: Unit,
}

impl Limit {
    /// Bytes a second; `None`: as fast as the line is.
    pub fn bytes(self) -> Option<NonZeroU64> {
        let amount = self.amount.filter(|amount| amount.is_finite() && *amount > 0.0)?;
        // A cast of what is too large saturates, and the engine's smallest step is one byte.
        NonZeroU64::new(((amount * self.unit.bytes()) as u64).max(1))
    }

    /// The one that an earlier visit kept.
    pub(super) fn kept() -> Self {
        settings::load(SETTING).unwrap_or_default()
    }

    /// Keeps it for later visits.
    pub(super) fn keep(&self) {
        settings::save(SETTING, self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test(unsupported = test)]
    fn counts_in_every_unit_and_never_stops_the_line() {
        let bytes = |amount, unit| Limit { amount, unit }.bytes().map(NonZeroU64::get);
        assert_eq!(bytes(Some(1.5), Unit::MegaByte), Some(1_500_000));
        assert_eq!(bytes(Some(16.0), Unit::MegaBit), Some(2_000_000));
        assert_eq!(bytes(Some(0.0001), Unit::KiloByte), Some(1));
        for none in [None, Some(0.0), Some(-3.0), Some(f64::NAN), Some(f64::INFINITY)] {
            assert_eq!(bytes(none, Unit::KiloByte), None);
        }
    }
}
