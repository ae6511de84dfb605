//! Records of the log, with the checksum that belongs to them.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cairn_store::fuzz::log_record(bytes));
