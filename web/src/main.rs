//! Entry of the wasm program, in the page and in its worker.

fn main() {
    cairn_web::start();
}
