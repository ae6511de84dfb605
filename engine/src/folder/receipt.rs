//! The receipt: what lies in the source now beside what the server has now, and each difference by its name.

use std::collections::{BTreeSet, HashMap};

use cairn_shared::RelPath;

use super::contents::{Contents, Stat};
use super::left_out::{LeftOut, Why};

/// What the server has of a folder, beside what it should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Its link, relative to the server.
    pub url: Option<String>,
    /// Files that are there.
    pub files: u64,
    /// Files that should be, as far as they could be seen.
    pub files_expected: u64,
    /// Folders that are there as such.
    pub folders: u64,
    /// Empty folders that should be.
    pub folders_expected: u64,
    /// Bytes that are there.
    pub bytes: u64,
    /// Bytes that should be.
    pub bytes_expected: u64,
    /// What is not there as it should be, in the order of paths.
    pub left_out: Vec<LeftOut>,
    /// What the server has and the source has not any more.
    pub more: Vec<RelPath>,
}

impl Receipt {
    /// Compares. `known` says of some paths why they are not there.
    pub fn of(here: &Contents, there: &Contents, known: &[LeftOut], url: Option<String>) -> Self {
        let differs = |(path, stat): (_, &Stat)| match there.files.get(path) {
            None => Some((path, Why::Missing)),
            Some(other) if !other.agrees(*stat) => Some((path, Why::Changed)),
            Some(_) => None,
        };
        let files = here.files.iter().filter_map(differs);
        let folders = here.folders.difference(&there.folders).map(|path| (path, Why::Missing));
        // What is known of a path says more than that it is not there.
        let reasons: HashMap<&str, &LeftOut> = known.iter().map(|left| (left.path.as_str(), left)).collect();
        let unknown = files.chain(folders).filter(|(path, _)| !reasons.contains_key(path.as_str()));
        let unknown = unknown.map(|(path, why)| LeftOut { path: path.as_str().to_owned(), why });
        let mut left_out: Vec<_> = known.iter().cloned().chain(unknown).collect();
        left_out.sort_by(|a, b| a.path.cmp(&b.path));
        Self {
            url,
            files: there.files.len() as u64,
            files_expected: here.files.len() as u64,
            folders: there.folders.len() as u64,
            folders_expected: here.folders.len() as u64,
            bytes: there.bytes(),
            bytes_expected: here.bytes(),
            left_out,
            more: more(here, there),
        }
    }

    /// Whether the server has what lies in the source, no less and no more.
    pub fn is_whole(&self) -> bool {
        self.left_out.is_empty() && self.more.is_empty()
    }

    /// Whether nothing would come of sending the same source again.
    pub fn is_final(&self) -> bool {
        !self.left_out.iter().any(|left| left.why.may_pass())
    }
}

/// A folder that was made as such is none too many where something lies in it by now.
fn more(here: &Contents, there: &Contents) -> Vec<RelPath> {
    let files = there.files.keys().filter(|path| !here.files.contains_key(*path));
    let mut folders: Vec<_> = there.folders.difference(&here.folders).collect();
    if !folders.is_empty() {
        let all = here.files.keys().chain(&here.folders);
        let above: BTreeSet<RelPath> = all.flat_map(RelPath::ancestors).collect();
        folders.retain(|path| !above.contains(*path));
    }
    files.chain(folders).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RelPath {
        text.parse().unwrap()
    }

    fn contents(files: &[(&str, u64, u64)], folders: &[&str]) -> Contents {
        let file =
            |(name, size, mtime): &(&str, u64, u64)| (path(name), Stat { size: *size, mtime: Some(*mtime) });
        Contents {
            files: files.iter().map(file).collect(),
            folders: folders.iter().map(|folder| path(folder)).collect(),
        }
    }

    fn left(path: &str, why: Why) -> LeftOut {
        LeftOut { path: path.to_owned(), why }
    }

    #[test]
    fn the_same_on_both_sides_is_whole() {
        let both = contents(&[("a", 1, 1), ("b/c", 2, 2)], &["d"]);
        let receipt = Receipt::of(&both, &both, &[], Some("/d/x".to_owned()));
        assert!(receipt.is_whole() && receipt.is_final());
        assert_eq!((receipt.files, receipt.folders, receipt.bytes), (2, 1, 3));
    }

    #[test]
    fn each_difference_is_named() {
        let here = contents(&[("a", 1, 1), ("late", 2, 2), ("old", 3, 3), ("size", 4, 4)], &["e", "f"]);
        let there = contents(&[("a", 1, 1), ("old", 3, 9), ("size", 5, 4), ("gone", 1, 1)], &["e", "g"]);
        let receipt = Receipt::of(&here, &there, &[left("link", Why::Link)], None);
        let expected = [
            left("f", Why::Missing),
            left("late", Why::Missing),
            left("link", Why::Link),
            left("old", Why::Changed),
            left("size", Why::Changed),
        ];
        assert_eq!(receipt.left_out, expected);
        assert_eq!(receipt.more, [path("gone"), path("g")]);
        assert!(!receipt.is_whole() && !receipt.is_final());
    }

    /// Numbers alone would say that all is well.
    #[test]
    fn one_too_few_and_one_too_many_are_two_differences() {
        let receipt = Receipt::of(&contents(&[("a", 1, 1)], &[]), &contents(&[("b", 1, 1)], &[]), &[], None);
        assert_eq!((receipt.files, receipt.bytes), (receipt.files_expected, receipt.bytes_expected));
        assert_eq!((receipt.left_out, receipt.more), (vec![left("a", Why::Missing)], vec![path("b")]));
    }

    #[test]
    fn a_known_reason_is_told_once() {
        let here = contents(&[("a", 1, 1)], &[]);
        let receipt = Receipt::of(&here, &Contents::default(), &[left("a", Why::Denied)], None);
        assert_eq!(receipt.left_out, [left("a", Why::Denied)]);
    }

    #[test]
    fn links_alone_leave_nothing_to_send_again() {
        let receipt = Receipt::of(&contents(&[], &[]), &contents(&[], &[]), &[left("l", Why::Link)], None);
        assert!(!receipt.is_whole() && receipt.is_final());
    }

    #[test]
    fn a_folder_that_was_empty_may_have_got_something() {
        let (here, there) = (contents(&[("e/f/x", 1, 1)], &[]), contents(&[("e/f/x", 1, 1)], &["e", "e/f"]));
        assert!(Receipt::of(&here, &there, &[], None).is_whole());
    }

    #[test]
    fn a_date_that_nobody_knows_is_not_compared() {
        let mut here = contents(&[("a", 1, 1)], &[]);
        here.files.insert(path("a"), Stat { size: 1, mtime: None });
        assert!(Receipt::of(&here, &contents(&[("a", 1, 7)], &[]), &[], None).is_whole());
    }
}
