//! Which unfinished upload a chosen file goes on with.

use cairn_engine::{JournalEntry, Source};

/// What a file is recognised by.
pub trait Known {
    /// Name, size and mtime as last seen.
    fn seen(&self) -> Seen<'_>;
}

/// A file as it was last seen.
pub struct Seen<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where it lay below the folder that was chosen.
    pub path: Option<&'a str>,
    /// In bytes.
    pub size: u64,
    /// When it was last changed.
    pub mtime: Option<u64>,
}

impl Known for JournalEntry {
    fn seen(&self) -> Seen<'_> {
        Seen {
            name: self.name.as_str(),
            path: self.path.as_ref().map(|path| path.as_str()),
            size: self.size,
            mtime: self.mtime,
        }
    }
}

impl Known for Source {
    fn seen(&self) -> Seen<'_> {
        Seen {
            name: self.name.as_str(),
            path: self.path.as_ref().map(|path| path.as_str()),
            size: self.size,
            mtime: self.mtime,
        }
    }
}

/// The index of the best match: the same name and path, preferably with the same size and mtime, then with
/// the same size. A file that changed meanwhile still goes on: only what differs is sent. Without the name, size and mtime
/// together will do: it was renamed, and were it another file, none of it would be taken for the same.
pub fn best(file: &Source, known: &[impl Known]) -> Option<usize> {
    let file = file.seen();
    let fit = |seen: Seen<'_>| {
        let is_named = seen.name == file.name && (seen.path == file.path || file.path.is_none());
        let same_size = seen.size == file.size;
        let is_alike = same_size && seen.mtime == file.mtime;
        let is_renamed = is_alike && seen.mtime.is_some() && seen.path.is_none() && file.size > 0;
        (is_named || is_renamed).then_some((is_named, is_alike, same_size))
    };
    let fits = known.iter().enumerate().filter_map(|(index, one)| Some((fit(one.seen())?, index)));
    // Of equal ones the first, which waits longest.
    fits.max_by_key(|&(fit, index)| (fit, std::cmp::Reverse(index))).map(|(_, index)| index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn source(name: &str, size: u64, mtime: u64) -> Source {
        Source {
            name: name.parse().unwrap(),
            path: None,
            folder: None,
            size,
            mtime: Some(mtime),
            media_type: None,
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn prefers_the_same_size_and_mtime_then_the_same_size_then_the_name_alone() {
        let known = [source("a", 1, 1), source("a", 2, 1), source("a", 2, 2), source("b", 3, 3)];
        assert_eq!(best(&source("a", 2, 2), &known), Some(2));
        assert_eq!(best(&source("a", 2, 9), &known), Some(1));
        assert_eq!(best(&source("a", 9, 9), &known), Some(0));
        assert_eq!(best(&source("c", 1, 9), &known), None);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn a_renamed_file_is_known_by_size_and_mtime() {
        let known = [source("a", 5, 5), source("b", 6, 6), source("c", 0, 7)];
        assert_eq!(best(&source("b (1)", 6, 6), &known), Some(1));
        assert_eq!(best(&source("a", 6, 6), &known), Some(0), "the name counts more");
        assert_eq!(best(&source("d", 6, 5), &known), None);
        assert_eq!(best(&source("d", 0, 7), &known), None, "all empty files are alike");
    }
}
