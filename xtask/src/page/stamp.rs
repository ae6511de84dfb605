//! Tells whether `dist/` was built from what is there now.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::place::Place;
use crate::run;

/// Everything that the page is made from.
const INPUTS: &[&str] = &[
    "web/src",
    "web/Cargo.toml",
    "engine/src",
    "engine/Cargo.toml",
    "shared/src",
    "shared/Cargo.toml",
    "static",
    "Cargo.toml",
    "Cargo.lock",
    "Trunk.toml",
    ".cargo/config.toml",
];

/// A line that changes when anything does that the page is made from.
pub(super) fn of(place: &Place, optimised: bool) -> anyhow::Result<String> {
    let mut files = Vec::new();
    for input in INPUTS {
        collect(&place.root.join(input), &mut files)?;
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    let rustc = run::ask(&mut run::command(place, "rustc", &["--version"])?);
    (optimised.then_some(super::optimise::SIZE), rustc).hash(&mut hasher);
    for file in files {
        file.strip_prefix(&place.root).unwrap_or(&file).hash(&mut hasher);
        fs::read(&file).with_context(|| format!("can't read {}", file.display()))?.hash(&mut hasher);
    }
    Ok(format!("{:016x}\n", hasher.finish()))
}

/// Whether `dist/` carries that stamp, and its page.
pub(super) fn is_fresh(place: &Place, stamp: &str) -> bool {
    let stored = fs::read_to_string(path(place));
    stored.is_ok_and(|stored| stored == stamp) && place.dist().join("index.html").is_file()
}

/// Where the stamp is kept: trunk empties the folder, so a build that broke off leaves none.
pub(super) fn path(place: &Place) -> PathBuf {
    place.dist().join(".stamp")
}

/// Files below `path`, or `path` itself; nothing where there is nothing.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if path.is_file() {
        files.push(path.to_owned());
    } else if path.is_dir() {
        let context = || format!("can't read {}", path.display());
        for entry in fs::read_dir(path).with_context(context)? {
            collect(&entry.with_context(context)?.path(), files)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_change_is_seen() {
        let root = tempfile::tempdir().unwrap();
        let place = Place { root: root.path().to_owned(), ..Place::find().unwrap() };
        fs::create_dir_all(place.root.join("web/src")).unwrap();
        fs::write(place.root.join("web/src/lib.rs"), "one").unwrap();
        let first = of(&place, true).unwrap();
        assert_eq!(of(&place, true).unwrap(), first);
        assert_ne!(of(&place, false).unwrap(), first);
        fs::write(place.root.join("web/src/lib.rs"), "two").unwrap();
        let second = of(&place, true).unwrap();
        assert_ne!(second, first);
        fs::rename(place.root.join("web/src/lib.rs"), place.root.join("web/src/other.rs")).unwrap();
        assert_ne!(of(&place, true).unwrap(), second);
    }

    #[test]
    fn a_page_without_its_stamp_is_not_fresh() {
        let root = tempfile::tempdir().unwrap();
        let place = Place { root: root.path().to_owned(), ..Place::find().unwrap() };
        fs::create_dir_all(place.dist()).unwrap();
        fs::write(place.dist().join("index.html"), "").unwrap();
        assert!(!is_fresh(&place, "1"));
        fs::write(path(&place), "1").unwrap();
        assert!(is_fresh(&place, "1"));
        fs::remove_file(place.dist().join("index.html")).unwrap();
        assert!(!is_fresh(&place, "1"));
    }
}
