//! Ids as text and on the wire.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cairn_fuzz::shared::id(bytes));
