//! The header `Range`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cairn_server::fuzz::range(bytes));
