//! `make`, with which the server's allocator is built (jemalloc, on Linux).

use anyhow::Context;

use super::debian::Rights;
use super::find;
use crate::place::Place;
use crate::say;

const BY_HAND: &str = "the system's package `make` (`apt-get install make`, `dnf install make`)";

/// Installs it where there is an `apt-get`, unless it is there.
pub(super) fn ensure(place: &Place) -> anyhow::Result<String> {
    if !cfg!(target_os = "linux") || find(place, "make").is_some() {
        return Ok("make: there, or not needed".to_owned());
    }
    find(place, "apt-get").with_context(|| format!("make is missing: install {BY_HAND}"))?;
    let rights = Rights::find(place)
        .with_context(|| format!("make is missing, and only root may install {BY_HAND}"))?;
    say::tell("  make: missing, apt-get installs it");
    let installed = rights.install(place, &["make"]);
    installed.with_context(|| format!("make could not be installed. By hand: {BY_HAND}"))?;
    find(place, "make")
        .with_context(|| format!("apt-get is through, but make is not there: install {BY_HAND}"))?;
    Ok("make: installed".to_owned())
}
