//! Makes the page's wasm smaller with `wasm-opt`.

use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::place::Place;
use crate::{run, say};

/// Small before all: most of the page's work is done by the browser's own code.
pub(super) const SIZE: &str = "-Oz";

/// Optimises every wasm file of `dist/` for size, in place.
pub(super) fn all(place: &Place, wasm_opt: &Path) -> anyhow::Result<()> {
    let dist = place.dist();
    for entry in fs::read_dir(&dist).with_context(|| format!("can't read {}", dist.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            one(place, wasm_opt, &path)?;
        }
    }
    Ok(())
}

fn one(place: &Place, wasm_opt: &Path, path: &Path) -> anyhow::Result<()> {
    let before = fs::metadata(path)?.len();
    let fresh = path.with_extension("wasm-new");
    // Which features it may use stands in the file itself.
    let mut command = run::command(place, wasm_opt, &[SIZE, "-o"])?;
    run::show(command.arg(&fresh).arg(path))?;
    fs::rename(&fresh, path)?;
    say::tell(&format!("wasm-opt: {before} bytes became {}", fs::metadata(path)?.len()));
    Ok(())
}
