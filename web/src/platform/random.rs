//! Random bits from the browser's cryptographic source.

use cairn_shared::ClientKey;

/// Names a session that is about to start.
pub fn client_key() -> ClientKey {
    let mut bytes = [0; 16];
    fill(&mut bytes);
    ClientKey::new(bytes)
}

/// Seeds the engine's jitter.
pub fn seed() -> u64 {
    let mut bytes = [0; 8];
    fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

fn fill(bytes: &mut [u8]) {
    let crypto = web_sys::window().and_then(|window| window.crypto().ok());
    // Every browser that runs wasm has the source, and so few bytes are always given.
    let given = crypto.is_some_and(|crypto| crypto.get_random_values_with_u8_array(bytes).is_ok());
    assert!(given, "crypto.getRandomValues is missing");
}
