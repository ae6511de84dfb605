//! Uploads handed over to another device.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cairn_fuzz::shared::hand_over(bytes));
