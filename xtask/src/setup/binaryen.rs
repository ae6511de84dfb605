//! `wasm-opt`, by npm's `binaryen` package where npm is there. The page works without it.

use std::path::PathBuf;

use super::{find, version};
use crate::place::Place;
use crate::{run, say};

const BINARYEN: &str = "132.0.0";
/// Older ones (Debian 12 has 108) don't know all that today's Rust emits.
const VERSION_MIN: u32 = 116;

/// Installs `wasm-opt` where that can be done; never fails.
pub(super) fn ensure(place: &Place) -> anyhow::Result<String> {
    if wasm_opt(place).is_some() {
        return Ok("wasm-opt: there".to_owned());
    }
    let by_hand = "To have it: install Node.js with npm, or a binaryen of version 116 or later.";
    if find(place, "npm").is_none() {
        return Ok(format!("wasm-opt: not there, the page will be larger. {by_hand}"));
    }
    say::tell(&format!("  wasm-opt: missing, npm installs binaryen {BINARYEN}"));
    let folder = place.tools().join("npm");
    let made = std::fs::create_dir_all(&folder);
    let mut npm =
        run::command(place, "npm", &["install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"])?;
    npm.arg(&folder).arg(format!("binaryen@{BINARYEN}")).current_dir(&place.cache);
    match made.map_err(anyhow::Error::from).and_then(|()| run::show(&mut npm)) {
        Ok(()) if wasm_opt(place).is_some() => Ok("wasm-opt: installed".to_owned()),
        Ok(()) => Ok(format!("wasm-opt: installed, but it does not run; the page will be larger. {by_hand}")),
        Err(error) => Ok(format!("wasm-opt: not installed ({error:#}), the page will be larger. {by_hand}")),
    }
}

/// `wasm-opt`, where there is one that is new enough.
pub(crate) fn wasm_opt(place: &Place) -> Option<PathBuf> {
    let own = place.node_modules().join(".bin").join("wasm-opt");
    let candidates = [Some(own), find(place, "wasm-opt")];
    candidates
        .into_iter()
        .flatten()
        .find(|program| version(place, program).is_some_and(|version| is_new(&version)))
}

fn is_new(version: &str) -> bool {
    let digits = version.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().is_ok_and(|number: u32| number >= VERSION_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_one_does_not_count() {
        assert!(is_new("132"));
        assert!(is_new("116.1"));
        assert!(!is_new("108"));
        assert!(!is_new(""));
    }
}
