//! Snapshots of the index.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cairn_store::fuzz::snapshot(bytes));
