//! What `shared` and `engine` may depend on.

use super::{Finding, Source, Tree};

/// Pure computation only: no one of these does I/O, reads a clock or needs a platform.
const ALLOWED: &[(&str, &[&str])] = &[
    ("shared/Cargo.toml", &["data-encoding", "form_urlencoded", "hmac", "serde", "sha2", "thiserror"]),
    ("engine/Cargo.toml", &["cairn-shared", "fastcdc", "serde", "thiserror"]),
];

/// Dependencies that are not on the list; those of tests are free.
pub(super) fn dependencies(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, allowed) in ALLOWED {
        for file in tree.files.iter().filter(|file| file.path == *path) {
            let others = declared(file).into_iter().filter(|(_, name)| !allowed.contains(&name.as_str()));
            findings.extend(others.map(|(line, name)| {
                file.finding(
                    line,
                    format!("dependency `{name}` is not on the list in xtask/src/tidy/manifest.rs"),
                )
            }));
        }
    }
    findings
}

/// Names below `[dependencies]`, `[build-dependencies]` and their `[target...]` and `[dependencies.name]` forms.
fn declared(file: &Source) -> Vec<(usize, String)> {
    let mut inside = false;
    let mut names = Vec::new();
    for (number, line) in file.lines() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_end_matches(']');
            let (table, name) = header.rsplit_once("dependencies").unwrap_or((header, ""));
            inside = header.ends_with("dependencies") && !table.ends_with("dev-");
            if let Some(name) = name.strip_prefix('.')
                && !table.ends_with("dev-")
            {
                names.push((number, name.to_owned()));
            }
        } else if inside && !line.is_empty() && !line.starts_with('#') {
            names.push((number, line.split(['.', '=', ' ']).next().unwrap_or_default().to_owned()));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn new_dependencies_are_found_in_every_form() {
        let text = "[package]\nname = \"x\"\n[dependencies]\nserde.workspace = true\ntokio = \"1\"\n\
                    [target.'cfg(unix)'.dependencies]\nlibc = \"1\"\n[dependencies.rand]\nversion = \"1\"\n\
                    [dev-dependencies]\nproptest = \"1\"\n[dev-dependencies.insta]\nversion = \"1\"\n\
                    [lints]\nworkspace = true\n";
        let found = check(dependencies, "engine/Cargo.toml", text);
        assert_eq!(found.len(), 3, "{found:?}");
        for (finding, name) in found.iter().zip(["tokio", "libc", "rand"]) {
            assert!(finding.contains(&format!("dependency `{name}`")), "{finding}");
        }
        assert!(check(dependencies, "cli/Cargo.toml", text).is_empty());
    }
}
