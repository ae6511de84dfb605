//! The header `Content-Disposition` for any name.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cairn_server::fuzz::content_disposition(bytes));
