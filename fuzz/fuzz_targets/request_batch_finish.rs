//! The JSON body `BatchRequest<Vec<BatchFinish>>`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cairn_fuzz::shared::request::<
    cairn_shared::message::BatchRequest<Vec<cairn_shared::message::BatchFinish>>,
>(bytes));
