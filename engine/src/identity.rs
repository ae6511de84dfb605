//! Which unfinished upload a chosen file goes on with: the best match over all that was chosen at once.

use std::collections::{HashMap, VecDeque};

use cairn_shared::UnixMs;

use crate::{JournalEntry, Source};

/// What a file is recognised by, as it is now or was last seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seen<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where it lay below the folder that was chosen.
    pub path: Option<&'a str>,
    /// In bytes.
    pub size: u64,
    /// When it was last changed.
    pub mtime: Option<UnixMs>,
}

impl<'a> From<&'a JournalEntry> for Seen<'a> {
    fn from(entry: &'a JournalEntry) -> Self {
        let path = entry.path.as_ref().map(|path| path.as_str());
        Self { name: entry.name.as_str(), path, size: entry.size, mtime: entry.mtime }
    }
}

impl<'a> From<&'a Source> for Seen<'a> {
    fn from(source: &'a Source) -> Self {
        let path = source.path.as_ref().map(|path| path.as_str());
        Self { name: source.name.as_str(), path, size: source.size, mtime: source.mtime }
    }
}

/// What two files agree in, beside their name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Agree {
    SizeAndTime,
    Size,
    Name,
}

/// Equal where two files agree.
#[derive(PartialEq, Eq, Hash)]
struct Key<'a> {
    name: &'a str,
    path: Option<&'a str>,
    size: Option<u64>,
    mtime: Option<UnixMs>,
}

impl Agree {
    fn key<'a>(self, seen: &Seen<'a>, with_path: bool) -> Key<'a> {
        Key {
            name: seen.name,
            path: seen.path.filter(|_| with_path),
            size: (self != Self::Name).then_some(seen.size),
            mtime: seen.mtime.filter(|_| self == Self::SizeAndTime),
        }
    }
}

/// For each of `sources`, which of `known` it goes on with, each of them once at most: the index of one with the same name
/// and path, preferably with the same size and mtime, then with the same size; of equal ones the first. A file that was
/// chosen without a path may lie at any.
///
/// A file that changed goes on all the same: only what differs is sent. One that has another name never does, however alike
/// it is: it would come under a name, and later a link, that are another's. What the server has of its content is not sent
/// again anyway.
pub fn assign(sources: &[Seen<'_>], known: &[Seen<'_>]) -> Vec<Option<usize>> {
    let mut assigned = vec![None; sources.len()];
    let mut is_free = vec![true; known.len()];
    for agree in [Agree::SizeAndTime, Agree::Size, Agree::Name] {
        for with_path in [true, false] {
            let mut free: HashMap<Key<'_>, VecDeque<usize>> = HashMap::new();
            for (index, one) in known.iter().enumerate().filter(|(index, _)| is_free[*index]) {
                free.entry(agree.key(one, with_path)).or_default().push_back(index);
            }
            for (source, place) in sources.iter().zip(&mut assigned) {
                if place.is_none()
                    && (with_path || source.path.is_none())
                    && let Some(index) =
                        free.get_mut(&agree.key(source, with_path)).and_then(VecDeque::pop_front)
                {
                    *place = Some(index);
                    is_free[index] = false;
                }
            }
        }
    }
    assigned
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(name: &str, size: u64, mtime: u64) -> Seen<'_> {
        Seen { name, path: None, size, mtime: Some(mtime) }
    }

    fn at<'a>(path: &'a str, file: Seen<'a>) -> Seen<'a> {
        Seen { path: Some(path), ..file }
    }

    fn one(file: Seen<'_>, known: &[Seen<'_>]) -> Option<usize> {
        assign(&[file], known)[0]
    }

    #[test]
    fn prefers_the_same_size_and_mtime_then_the_same_size_then_the_name_alone() {
        let known = [seen("a", 1, 1), seen("a", 2, 1), seen("a", 2, 2), seen("b", 3, 3)];
        assert_eq!(one(seen("a", 2, 2), &known), Some(2));
        assert_eq!(one(seen("a", 2, 9), &known), Some(1));
        assert_eq!(one(seen("a", 9, 9), &known), Some(0));
        assert_eq!(one(seen("c", 1, 9), &known), None);
    }

    /// Parts of an archive have one length, and often one time.
    #[test]
    fn another_name_is_another_file() {
        let (part1, part2) = (seen("part1.rar", 5, 5), seen("part2.rar", 5, 5));
        assert_eq!(one(part2, &[part1]), None);
        assert_eq!(assign(&[part2, part1], &[part1]), [None, Some(0)]);
        assert_eq!(assign(&[part2, part1], &[part1, part2]), [Some(1), Some(0)]);
    }

    #[test]
    fn the_best_of_all_that_were_chosen_gets_it() {
        let known = [seen("a", 2, 2)];
        let edited = seen("a", 9, 9);
        assert_eq!(assign(&[edited, seen("a", 2, 2)], &known), [None, Some(0)]);
        assert_eq!(assign(&[edited, edited], &known), [Some(0), None], "each goes on once");
        let known = [seen("a", 2, 2), seen("a", 3, 3)];
        assert_eq!(assign(&[seen("a", 3, 9), edited], &known), [Some(1), Some(0)]);
    }

    #[test]
    fn a_path_has_to_be_the_same_where_there_is_one() {
        let known = [at("x/a", seen("a", 1, 1)), at("y/a", seen("a", 1, 1)), seen("a", 1, 1)];
        assert_eq!(one(at("y/a", seen("a", 7, 7)), &known), Some(1));
        assert_eq!(one(at("z/a", seen("a", 1, 1)), &known), None);
        assert_eq!(one(seen("a", 7, 7), &known), Some(2), "one without a path first");
        assert_eq!(one(seen("a", 7, 7), &known[..2]), Some(0), "then at any");
    }

    /// Each file looked for among all others would take minutes.
    #[test]
    fn twenty_thousand_find_their_own() {
        const COUNT: usize = 20_000;
        let names: Vec<_> = (0..COUNT).map(|number| format!("{number:05}")).collect();
        let known: Vec<_> = names.iter().map(|name| seen(name, 5, 5)).collect();
        let sources: Vec<_> = known.iter().rev().copied().collect();
        let expected: Vec<_> = (0..COUNT).rev().map(Some).collect();
        assert_eq!(assign(&sources, &known), expected);
    }
}
