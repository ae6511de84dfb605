//! What this program weighs, in the page or in its worker.

use wasm_bindgen::JsCast;

/// Size of this program's wasm memory, in bytes.
pub fn wasm_bytes() -> u64 {
    let memory: js_sys::WebAssembly::Memory = wasm_bindgen::memory().unchecked_into();
    memory.buffer().dyn_into::<js_sys::ArrayBuffer>().map_or(0, |buffer| u64::from(buffer.byte_length()))
}
