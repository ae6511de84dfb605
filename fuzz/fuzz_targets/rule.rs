//! Names of chunking rules.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cairn_fuzz::shared::rule(bytes));
