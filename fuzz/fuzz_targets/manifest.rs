//! Manifests and their digests.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cairn_fuzz::shared::manifest(bytes));
