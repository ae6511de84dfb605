//! Reads a version out of `Cargo.lock`.

use anyhow::Context;

/// The one version of a crate that `Cargo.lock` names.
pub(super) fn version(lockfile: &str, name: &str) -> anyhow::Result<String> {
    let wanted = format!("name = \"{name}\"");
    let mut lines = lockfile.lines();
    lines
        .find(|line| line.trim() == wanted)
        .and_then(|_| lines.next())
        .and_then(|line| line.trim().strip_prefix("version = \"")?.strip_suffix('"'))
        .map(str::to_owned)
        .with_context(|| format!("Cargo.lock names no version of {name}: run `cargo generate-lockfile`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_crate_counts() {
        let lockfile = "[[package]]\nname = \"wasm-bindgen-macro\"\nversion = \"1.0.0\"\n\n\
                        [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\nsource = \"x\"\n";
        assert_eq!(version(lockfile, "wasm-bindgen").unwrap(), "0.2.130");
        assert!(version(lockfile, "bindgen").is_err());
    }

    #[test]
    fn our_own_lockfile_pins_the_glue() {
        let lockfile = include_str!("../../../Cargo.lock");
        let manifest = include_str!("../../../Cargo.toml");
        let pinned = version(lockfile, "wasm-bindgen").unwrap();
        assert!(manifest.contains(&format!("wasm-bindgen = \"={pinned}\"")), "crate and tool must be equal");
    }
}
