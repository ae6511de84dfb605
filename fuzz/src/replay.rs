//! Runs targets over the files of their corpora, one by one: the tests of every crate with targets take this in.

use std::fs;
use std::panic;
use std::path::Path;

/// Every target over every file of its corpus. Fails where a corpus is empty, and names the file that doesn't pass.
pub(crate) fn all(targets: &[super::Target]) {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for (name, target) in targets {
        let folder = corpora.join(name);
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut count = 0;
        for entry in entries {
            let path = entry.map(|entry| entry.path()).unwrap_or_else(|error| panic!("{error}"));
            let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let outcome = panic::catch_unwind(|| target(&bytes));
            assert!(outcome.is_ok(), "{name} fails on {}", path.display());
            count += 1;
        }
        assert!(count > 0, "{} is empty", folder.display());
    }
}
