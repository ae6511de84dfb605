//! Rows of a fixed layout.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cairn_store::fuzz::row_binary(bytes));
