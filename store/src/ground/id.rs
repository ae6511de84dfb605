//! The name of a store, which every part of its data folder carries.

use std::fmt;
use std::str::FromStr;

/// 128 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct StoreId([u8; 16]);

impl StoreId {
    /// From fresh random bytes, or from where they were kept.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// As rows and the witness keep it.
    pub(crate) const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreId({self})")
    }
}

/// The text is not 32 digits of lower-case hexadecimal.
#[derive(Debug)]
#[doc(hidden)]
pub struct NoId;

impl FromStr for StoreId {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Self, NoId> {
        if text.len() != 32 || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(NoId);
        }
        let number = u128::from_str_radix(text, 16).map_err(|_| NoId)?;
        Ok(Self(number.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_prints_and_nothing_else() {
        let id = StoreId::new([0x0f; 16]);
        assert_eq!(id.to_string(), "0f".repeat(16));
        assert_eq!(id.to_string().parse::<StoreId>().unwrap(), id);
        for bad in ["", "0f", &"0F".repeat(16), &"+f".repeat(16), &"0f".repeat(17), &"ä".repeat(16)] {
            assert!(bad.parse::<StoreId>().is_err(), "{bad}");
        }
    }
}
