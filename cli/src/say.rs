//! The only place that writes to the terminal: control characters of names never reach it.

use std::io::{self, IsTerminal, Write};

use cairn_shared::name::visible;

/// One line for people or programs on standard output. A closed pipe is no error of ours.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// One line for people on standard error.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", visible(line));
}

/// Several lines for people on standard error. Not for what has names of people's files in it.
pub(crate) fn explain(lines: &str) {
    lines.lines().for_each(complain);
}

/// One line on standard error where nobody watches: who does sees it in the progress.
pub(crate) fn notice(line: &str) {
    if !io::stderr().is_terminal() {
        complain(line);
    }
}

/// A line on standard error that the next one replaces; nothing where nobody watches.
pub(crate) fn progress(line: &str) {
    let mut stderr = io::stderr().lock();
    if stderr.is_terminal() {
        let _ = write!(stderr, "\r\x1b[2K{}", visible(line));
        let _ = stderr.flush();
    }
}
