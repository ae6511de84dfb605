//! `cargo xtask tidy`: the walls between the crates, and the style of the source, as rules that fail.

mod manifest;
mod mask;
mod shape;
mod text;
mod walls;

use std::fmt;

use anyhow::Context;

use crate::place::Place;
use crate::{run, say};

/// What a rule is: it looks at everything and says where it is broken.
type Rule = fn(&Tree) -> Vec<Finding>;

const RULES: &[(&str, Rule)] = &[
    ("shared and engine are sans-I/O", walls::sans_io),
    ("service.rs files don't know actix", walls::services),
    ("only store/src/meta/sled knows sled, only store/src/meta/redb knows redb", walls::index_library),
    ("only web/src/ui and web/src/state know Leptos", walls::page_library),
    ("only web/src/platform knows the browser", walls::browser),
    ("dependencies of shared and engine", manifest::dependencies),
    ("every file says its responsibility first", shape::first_line),
    ("files stay short", shape::length),
    ("nothing is left for later", shape::unfinished),
    ("no path of a machine", text::machine_paths),
    ("commands in the documentation exist", text::commands),
];

/// One file of the project.
#[derive(Debug)]
struct Source {
    /// From the root of the checkout, with `/`.
    path: String,
    text: String,
    /// As `text`, with comments and strings blanked out: only code is left. Empty for what is not Rust.
    code: String,
}

/// All files of the project.
#[derive(Debug)]
struct Tree {
    files: Vec<Source>,
}

/// A place where a rule is broken.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    line: usize,
    message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// Runs every rule; fails with all findings.
pub(crate) fn run(place: &Place) -> anyhow::Result<()> {
    let tree = Tree::read(place)?;
    let mut broken = Vec::new();
    for (name, rule) in RULES {
        for finding in rule(&tree) {
            say::complain(&format!("{finding}   [{name}]"));
            broken.push(*name);
        }
    }
    anyhow::ensure!(broken.is_empty(), "tidy: {} findings", broken.len());
    say::tell(&format!("tidy: {} rules, {} files, no finding", RULES.len(), tree.files.len()));
    Ok(())
}

impl Tree {
    /// What git tracks, and what it would: a new file is looked at before it is added.
    fn read(place: &Place) -> anyhow::Result<Self> {
        let args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"];
        let listed = run::ask(&mut run::command(place, "git", &args)?);
        let listed =
            listed.context("tidy asks git which files are the project's, and git does not answer")?;
        let mut files = Vec::new();
        for path in listed.split('\0').filter(|path| !path.is_empty()) {
            // Deleted files are still listed, and pictures are no text.
            let Ok(bytes) = std::fs::read(place.root.join(path)) else { continue };
            if let Ok(text) = String::from_utf8(bytes) {
                files.push(Source::new(path, text));
            }
        }
        Ok(Self { files })
    }

    /// The Rust files.
    fn rust(&self) -> impl Iterator<Item = &Source> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }
}

impl Source {
    fn new(path: &str, text: String) -> Self {
        let code = if path.ends_with(".rs") { mask::code_only(&text) } else { String::new() };
        Self { path: path.to_owned(), text, code }
    }

    fn finding(&self, line: usize, message: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, message: message.into() }
    }

    /// Lines with their numbers, from 1.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }

    /// Lines of code with their numbers, from 1.
    fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.code.lines())
    }
}

#[cfg(test)]
fn check(rule: Rule, path: &str, text: &str) -> Vec<String> {
    let tree = Tree { files: vec![Source::new(path, text.to_owned())] };
    rule(&tree).iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_this_projects() {
        let tree = Tree::read(&Place::find().unwrap()).unwrap();
        assert!(tree.rust().any(|file| file.path == "xtask/src/tidy/mod.rs"));
        assert!(tree.files.iter().any(|file| file.path == "Cargo.toml" && file.code.is_empty()));
        assert!(tree.files.iter().all(|file| !file.path.starts_with("target/")));
    }
}
