//! The shape of files: how they begin, how long they are, that they are finished.

use super::{Finding, Source, Tree};

/// Lines of a file before its tests; files below a `tests` folder are nothing but tests.
const LINES_MAX: usize = 400;

/// Files that may be longer, each with the reason why.
const LONG: &[(&str, &str)] = &[("store/src/meta/store.rs", "one short method for each verb of the trait")];

/// Every Rust file begins with one `//!` line.
pub(super) fn first_line(tree: &Tree) -> Vec<Finding> {
    let without = tree.rust().filter(|file| !file.text.starts_with("//! "));
    without
        .map(|file| file.finding(1, "the first line must be `//! ` and say the file's one responsibility"))
        .collect()
}

/// Files up to their tests are short, or on the list.
pub(super) fn length(tree: &Tree) -> Vec<Finding> {
    let counts =
        |file: &&Source| !file.path.contains("/tests/") && !LONG.iter().any(|(path, _)| file.path == *path);
    let mut findings = Vec::new();
    for file in tree.rust().filter(counts) {
        let lines = production_lines(file);
        if lines > LINES_MAX {
            let message =
                format!("{lines} lines before its tests, at most {LINES_MAX}: split it, or give a reason");
            findings.push(file.finding(1, message));
        }
    }
    findings
}

fn production_lines(file: &Source) -> usize {
    let tests = file.code_lines().find(|(_, line)| line.trim_start().starts_with("#[cfg(test)]"));
    tests.map_or_else(|| file.text.lines().count(), |(number, _)| number - 1)
}

/// No `todo!`, no `unimplemented!`, no test that is left out.
pub(super) fn unfinished(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        for (number, line) in file.code_lines() {
            let found =
                ["todo!", "unimplemented!", "#[ignore"].into_iter().filter(|word| line.contains(word));
            findings.extend(
                found.map(|word| file.finding(number, format!("`{word}`: finish it or leave it out"))),
            );
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn files_begin_with_what_they_are_for() {
        assert_eq!(check(first_line, "a.rs", "use std::fmt;\n").len(), 1);
        assert_eq!(check(first_line, "a.rs", "").len(), 1);
        assert!(check(first_line, "a.rs", "//! Says it.\n").is_empty());
        assert!(check(first_line, "a.toml", "").is_empty());
    }

    #[test]
    fn tests_do_not_count() {
        let code = "a();\n".repeat(LINES_MAX);
        assert!(check(length, "a.rs", &code).is_empty());
        assert!(check(length, "a.rs", &format!("{code}#[cfg(test)]\nmod tests {{}}\n")).is_empty());
        assert_eq!(check(length, "a.rs", &format!("{code}b();\n")).len(), 1);
        assert!(check(length, "a/tests/b.rs", &format!("{code}b();\n")).is_empty());
    }

    #[test]
    fn what_is_left_for_later_is_found() {
        let bad = format!("{}!()\n#[{}]\nfn a() {{}}\n", "todo", "ignore = \"slow\"");
        assert_eq!(check(unfinished, "a.rs", &bad).len(), 2);
        assert!(check(unfinished, "a.rs", "// todo! in a comment\n").is_empty());
    }

    #[test]
    fn every_long_file_has_a_reason() {
        assert!(LONG.iter().all(|(path, reason)| path.ends_with(".rs") && reason.len() > 20));
    }
}
