//! The standard library for wasm32, by rustup.

use std::path::Path;

use crate::place::Place;
use crate::{run, say};

const TARGET: &str = "wasm32-unknown-unknown";

/// Adds the target to the active toolchain, unless it has it.
pub(super) fn ensure(place: &Place) -> anyhow::Result<String> {
    if is_there(place) {
        return Ok(format!("Rust target {TARGET}: there"));
    }
    say::tell(&format!("  Rust target {TARGET}: missing, rustup adds it"));
    let added = run::show(&mut run::command(place, "rustup", &["target", "add", TARGET])?);
    if added.is_ok() && is_there(place) {
        return Ok(format!("Rust target {TARGET}: added"));
    }
    anyhow::bail!(
        "The Rust target {TARGET} is missing. With rustup (https://rustup.rs): `rustup target add {TARGET}`. \
         With a distribution's Rust: its package of the standard library for wasm32, on Debian `libstd-rust-dev-wasm32`."
    )
}

/// Asks the compiler, which knows however it was installed.
fn is_there(place: &Place) -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let asked = run::command(place, rustc, &["--print", "target-libdir", "--target", TARGET]);
    asked.ok().and_then(|mut command| run::ask(&mut command)).is_some_and(|folder| {
        let libraries = std::fs::read_dir(Path::new(&folder)).into_iter().flatten().flatten();
        libraries.map(|entry| entry.file_name()).any(|name| name.to_string_lossy().starts_with("libcore-"))
    })
}
