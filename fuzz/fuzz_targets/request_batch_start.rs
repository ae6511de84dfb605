//! The JSON body `BatchRequest<Vec<StartRequest>>`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cairn_fuzz::shared::request::<
    cairn_shared::message::BatchRequest<Vec<cairn_shared::message::StartRequest>>,
>(bytes));
