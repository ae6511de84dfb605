//! The header `Content-Digest`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cairn_server::fuzz::content_digest(bytes));
