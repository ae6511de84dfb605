//! What a client sends by WebSocket.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cairn_server::fuzz::websocket(bytes));
