//! The only place that writes to the terminal.

use std::io::{self, Write};

/// One line on standard output. A closed pipe is no error of ours.
pub(crate) fn tell(line: &str) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{line}");
    let _ = stdout.flush();
}

/// One line on standard error.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
