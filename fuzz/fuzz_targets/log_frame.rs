//! Frames of the log as they are.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cairn_store::fuzz::log_frame(bytes));
