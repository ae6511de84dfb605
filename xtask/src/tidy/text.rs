//! What texts must not say, and must say truly.

use super::{Finding, Source, Tree};
use crate::help::COMMANDS;

/// Folders of one machine or person: on every other machine they are wrong.
const MACHINE_PATHS: &[&str] = &[concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/ho", "me/")];

/// Paths that exist on one machine only.
pub(super) fn machine_paths(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        for (number, line) in file.lines() {
            let found = MACHINE_PATHS.iter().filter(|path| is_path(line, path));
            findings
                .extend(found.map(|path| file.finding(number, format!("`{path}`: a path of one machine"))));
        }
    }
    findings
}

/// Whether the path begins here, rather than goes on: `src/work/` is no path of a machine.
fn is_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "_-.}/*".contains(c))
    })
}

/// `cargo xtask NAME` in documentation names a command, and `cairn NAME` in its code blocks a subcommand.
pub(super) fn commands(tree: &Tree) -> Vec<Finding> {
    let cli = tree.files.iter().find(|file| file.path == "cli/src/main.rs");
    let subcommands = cli.map(subcommands);
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        let mut fenced = false;
        for (number, line) in file.lines() {
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
            }
            for name in line.split("cargo xtask ").skip(1).filter_map(first_word) {
                if !COMMANDS.iter().any(|(known, _)| *known == name) {
                    findings.push(file.finding(number, format!("there is no `cargo xtask {name}`")));
                }
            }
            let typed =
                line.trim_start().trim_start_matches("$ ").strip_prefix("cairn ").and_then(first_word);
            if let (true, Some(name), Some(known)) = (fenced, typed, &subcommands)
                && !known.contains(&name)
            {
                findings.push(file.finding(number, format!("there is no `cairn {name}`")));
            }
        }
    }
    findings
}

/// The first word, where it is a plain lower-case one: `[NAME]` and `...` are no commands.
fn first_word(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
    (!word.is_empty() && !word.starts_with('-')).then_some(word)
}

/// Variants of the command line's `enum Command`, in the words that clap makes of them.
fn subcommands(cli: &Source) -> Vec<String> {
    let lines = cli.code.lines().skip_while(|line| !line.contains("enum Command")).skip(1);
    let variants = lines.take_while(|line| !line.starts_with('}'));
    variants
        .filter_map(|line| line.trim().split('(').next())
        .filter_map(|name| first_word(&name.to_lowercase()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn paths_of_a_machine_are_found_anywhere() {
        for path in MACHINE_PATHS {
            assert_eq!(check(machine_paths, "a.sh", &format!("cd {path}x\n")).len(), 1);
            assert!(check(machine_paths, "a.sh", &format!("cd src{path}x\n")).is_empty());
        }
    }

    #[test]
    fn unknown_commands_in_documentation_are_found() {
        let text = "Run `cargo xtask serve`, `cargo xtask bench [NAME]` or `cargo xtask fly`.\n";
        assert_eq!(check(commands, "README.md", text), ["README.md:1: there is no `cargo xtask fly`"]);
    }

    #[test]
    fn unknown_subcommands_in_code_blocks_are_found() {
        let cli = "enum Command {\n    /// Runs it.\n    Serve(serve::Options),\n    Put(put::Options),\n}\n";
        let readme = "cairn flies\n```sh\n$ cairn serve --listen x\ncairn put a\ncairn fly\n```\n";
        let tree = Tree {
            files: vec![
                Source::new("cli/src/main.rs", cli.to_owned()),
                Source::new("README.md", readme.to_owned()),
            ],
        };
        let found: Vec<String> = commands(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["README.md:5: there is no `cairn fly`"]);
    }
}
