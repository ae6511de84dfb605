//! The only place that writes to the terminal.

use std::io::{self, Write};

/// One line on standard output. A closed pipe is no error of ours.
pub(crate) fn tell(line: &str) {
    // Tests of xtask run among all others: a line like `FAILED` would only mislead whoever reads their output.
    if cfg!(test) {
        return;
    }
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{line}");
    let _ = stdout.flush();
}

/// One line that says what begins now.
pub(crate) fn begin(what: &str) {
    tell(&format!("\n==> {what}"));
}

/// One line on standard error.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
