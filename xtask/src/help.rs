//! The list of commands.

use std::fmt::Write as _;

use crate::say;

/// Every command, and what it does.
pub(crate) const COMMANDS: &[(&str, &str)] = &[
    (
        "serve",
        "sets up, builds page and server, and serves on http://127.0.0.1:8080; `-- ARGS` go to `cairn serve`",
    ),
    ("test", "sets up and runs every test; `test STEP...` runs only the named steps"),
    ("accept", "runs the big proofs, or the named one"),
    ("torture", "runs rounds with changing seeds, or the named one"),
    ("bench", "measures Cairn beside its peers, or takes the named figures"),
    ("tidy", "checks the walls and the style of the source"),
    ("setup", "installs what is missing, and nothing else; `setup serve` leaves out what only tests need"),
    ("page", "builds the page into dist/"),
    ("help", "prints this"),
];

/// Prints the commands.
pub(crate) fn print() {
    say::tell(&text());
}

/// The commands, one a line.
pub(crate) fn text() -> String {
    let mut text = String::from("Commands of `cargo xtask`:");
    for (name, about) in COMMANDS {
        // Writing to a string can't fail.
        let _ = write!(text, "\n  {name:<8} {about}");
    }
    text
}
