//! Media types.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cairn_fuzz::shared::media_type(bytes));
