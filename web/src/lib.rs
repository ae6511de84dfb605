//! The page of Cairn: the browser's shell around the engine, and what people see.

pub mod api;
pub mod platform;
pub mod shell;
pub mod state;
pub mod ui;
pub mod worker;

use platform::worker_scope;

#[cfg(all(test, target_arch = "wasm32"))]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

/// Runs the page, or in a worker the worker: both load this same program.
pub fn start() {
    console_error_panic_hook::set_once();
    match worker_scope::scope() {
        Some(scope) => worker::run(scope),
        None => ui::mount(),
    }
}
