//! Chunks that lie compressed.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cairn_store::fuzz::chunk_frames(bytes));
