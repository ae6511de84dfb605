//! The JSON body `FolderRequest`.

#![no_main]

libfuzzer_sys::fuzz_target!(
    |bytes: &[u8]| cairn_fuzz::shared::request::<cairn_shared::message::FolderRequest>(bytes)
);
