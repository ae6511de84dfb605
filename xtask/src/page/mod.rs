//! Builds the page into `dist/`, small and precompressed.

mod compress;
mod optimise;
mod stamp;

use std::fs;

use anyhow::Context;

pub(crate) use compress::is_text;

use crate::place::Place;
use crate::setup::{self, Need};
use crate::{run, say};

/// `cargo xtask page`.
pub(crate) fn run(place: &Place) -> anyhow::Result<()> {
    setup::ensure(place, &Need::FOR_PAGE)?;
    build(place)
}

/// Builds the page, unless nothing that goes into it has changed since.
pub(crate) fn build(place: &Place) -> anyhow::Result<()> {
    say::begin("page: trunk build --release");
    let wasm_opt = setup::wasm_opt(place);
    let stamp = stamp::of(place, wasm_opt.is_some())?;
    if stamp::is_fresh(place, &stamp) {
        say::tell("dist/ is up to date");
        return Ok(());
    }
    let mut trunk = run::command(place, "trunk", &["build", "--release", "--offline"])?;
    // Trunk takes this variable for an option of its own that wants `true` or `false`.
    trunk.env_remove("NO_COLOR").env("CARGO_TARGET_DIR", &place.target);
    run::show(&mut trunk)?;
    anyhow::ensure!(
        place.dist().join("index.html").is_file(),
        "trunk is through, but there is no dist/index.html"
    );
    match wasm_opt {
        Some(program) => optimise::all(place, &program)?,
        None => say::tell("wasm-opt is not there: the page is larger than it could be"),
    }
    compress::all(&place.dist())?;
    let path = stamp::path(place);
    fs::write(&path, stamp).with_context(|| format!("can't write {}", path.display()))
}
