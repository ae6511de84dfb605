//! What each part of the workspace must not know.

use super::mask::is_word;
use super::{Finding, Source, Tree};

/// Neither time, chance, threads nor a platform: such things come in as arguments.
const OUTSIDE: &[&str] = &[
    "async",
    "await",
    "tokio",
    "web_sys",
    "js_sys",
    "Instant",
    "SystemTime",
    "rand",
    "getrandom",
    "gloo_net",
    "gloo_timers",
    "gloo_file",
    "gloo_events",
];
/// Paths into the standard library that do I/O.
const STD_IO: &[&str] = &["std::fs", "std::net", "std::thread", "std::process", "std::env"];

/// `shared` and `engine` do no I/O and read no clock.
pub(super) fn sans_io(tree: &Tree) -> Vec<Finding> {
    let inside = |file: &&Source| file.path.starts_with("shared/") || file.path.starts_with("engine/");
    let mut findings = Vec::new();
    for file in tree.rust().filter(inside) {
        for (number, line) in file.code_lines() {
            let words = OUTSIDE.iter().filter(|word| words(line).any(|(_, found)| found == **word));
            // Tests may read files of vectors.
            let paths = STD_IO.iter().filter(|path| file.path.contains("/src/") && line.contains(**path));
            findings.extend(words.chain(paths).map(|word| {
                file.finding(
                    number,
                    format!("`{word}`: time, chance and I/O come into this crate as arguments"),
                )
            }));
        }
    }
    findings
}

/// `service.rs` files decide, and `route.rs` files speak HTTP.
pub(super) fn services(tree: &Tree) -> Vec<Finding> {
    let services = tree.rust().filter(|file| file.path.ends_with("/service.rs"));
    mentions(services, "actix", "a service doesn't know HTTP; its route.rs does")
}

/// Other parts of the store can change what the index is kept in without noticing.
pub(super) fn index_library(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for library in ["sled", "redb"] {
        let home = format!("store/src/meta/{library}");
        for file in tree.rust().filter(|file| !file.path.starts_with(&home)) {
            for (number, line) in file.code_lines() {
                let crates =
                    words(line).filter(|(at, word)| *word == library && !is_our_module(&line[..*at]));
                let why = format!("`{library}`: only {home} knows it");
                findings.extend(crates.map(|_| file.finding(number, why.clone())));
            }
        }
    }
    findings
}

/// Whether a library's name after this is the folder of ours, as in `mod sled` and `super::sled`.
fn is_our_module(before: &str) -> bool {
    let before = before.trim_end();
    let path = before.strip_suffix("::").and_then(|path| path.chars().next_back());
    path.is_some_and(is_word) || before.ends_with("mod")
}

/// Everything else of the page could be shown by another library.
pub(super) fn page_library(tree: &Tree) -> Vec<Finding> {
    let may = ["web/src/ui", "web/src/state", "web/tests"];
    let others = tree.rust().filter(|file| !may.iter().any(|folder| file.path.starts_with(folder)));
    mentions(others, "leptos", "only web/src/ui and web/src/state know Leptos")
}

/// The page's tests may reach into the browser to see what came of it.
pub(super) fn browser(tree: &Tree) -> Vec<Finding> {
    let outside =
        |file: &&Source| file.path.starts_with("web/src") && !file.path.starts_with("web/src/platform");
    let mut findings = Vec::new();
    for prefix in ["web_sys", "js_sys", "gloo_"] {
        findings.extend(mentions(
            tree.rust().filter(outside),
            prefix,
            "only web/src/platform knows the browser",
        ));
    }
    findings
}

/// Names in code that begin with `prefix`.
fn mentions<'a>(files: impl Iterator<Item = &'a Source>, prefix: &str, why: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        for (number, line) in file.code_lines() {
            let found = words(line).filter(|(_, word)| word.starts_with(prefix));
            findings.extend(found.map(|(_, word)| file.finding(number, format!("`{word}`: {why}"))));
        }
    }
    findings
}

/// Names in a line, with where they begin.
fn words(line: &str) -> impl Iterator<Item = (usize, &str)> {
    line.split(|c| !is_word(c))
        .map(|word| (word.as_ptr().addr() - line.as_ptr().addr(), word))
        .filter(|(_, word)| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn engine_and_shared_are_sans_io() {
        let bad = "use std::time::Instant;\nasync fn a() {}\nlet r = rand::rng();\nstd::fs::read(p);\n";
        assert_eq!(check(sans_io, "engine/src/a.rs", bad).len(), 4);
        assert!(check(sans_io, "shared/src/a.rs", bad)[1].starts_with("shared/src/a.rs:2: `async`"));
        assert!(check(sans_io, "cli/src/a.rs", bad).is_empty());
        assert!(check(sans_io, "engine/src/a.rs", "// no async\nlet random = \"tokio\";\n").is_empty());
        assert!(check(sans_io, "engine/tests/a.rs", "std::fs::read(p);\n").is_empty());
    }

    #[test]
    fn services_do_not_know_http() {
        let bad = "use actix_web::web;\n";
        assert_eq!(check(services, "server/src/stages/start/service.rs", bad).len(), 1);
        assert!(check(services, "server/src/stages/start/route.rs", bad).is_empty());
    }

    #[test]
    fn the_index_library_is_behind_one_folder() {
        assert_eq!(check(index_library, "store/src/meta/log.rs", "use sled::Db;\n").len(), 1);
        assert_eq!(check(index_library, "store/src/meta/log.rs", "let a: ::sled::Db;\n").len(), 1);
        assert_eq!(check(index_library, "store/src/meta/sled/mod.rs", "use redb::Database;\n").len(), 1);
        assert!(check(index_library, "store/src/meta/sled/mod.rs", "use sled::Db;\n").is_empty());
        assert!(
            check(index_library, "store/src/meta/open.rs", "mod sled;\nuse super::sled::Index;\n").is_empty()
        );
    }

    #[test]
    fn the_page_library_is_behind_two_folders() {
        let bad = "use leptos::prelude::*;\n";
        assert_eq!(check(page_library, "web/src/shell.rs", bad).len(), 1);
        assert!(check(page_library, "web/src/ui/row.rs", bad).is_empty());
        assert!(check(page_library, "web/src/state/row.rs", bad).is_empty());
    }

    #[test]
    fn the_browser_is_behind_one_folder() {
        let bad = "use web_sys::Window;\nuse js_sys::Promise;\nuse gloo_net::http;\n";
        assert_eq!(check(browser, "web/src/ui/row.rs", bad).len(), 3);
        assert!(check(browser, "web/src/platform/http.rs", bad).is_empty());
        assert!(check(browser, "web/tests/row.rs", bad).is_empty());
    }
}
