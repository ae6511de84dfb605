//! Why something is not sent, in words, for people and for programs.

use cairn_engine::folder::{LeftOut, Why};
use serde::Serialize;

use crate::shell::why;

/// Something that is not sent, for programs.
#[derive(Debug, Serialize)]
pub(crate) struct Told {
    path: String,
    why: &'static str,
    reason: String,
}

impl Told {
    /// With the reason in words.
    pub(crate) fn of(server: &str, left: &LeftOut) -> Self {
        Self { path: left.path.clone(), why: left.why.as_str(), reason: words(server, &left.why, None) }
    }
}

/// The reason; `said` is what the server says of it.
pub(crate) fn words(server: &str, reason: &Why, said: Option<&str>) -> String {
    let words = match reason {
        Why::Denied => "you may not read it",
        Why::Unreadable => "it can't be read",
        Why::Vanished => "it is gone since it was found",
        Why::Link => "it is a symbolic link (--follow-links sends what links lead to)",
        Why::Pipe => "it is a named pipe",
        Why::Socket => "it is a socket",
        Why::Device => "it is a device",
        Why::NotText => "its name is not UTF-8: rename it",
        Why::Name(error) => return format!("its name {error}: rename it"),
        Why::TooDeep => "it lies in more than 63 folders: move it up",
        Why::Twice => "something else has the same path",
        Why::Unseen => "it could not be seen",
        Why::Elsewhere => "it is being uploaded by another cairn",
        Why::Failed(trouble) => return why(server, trouble, said),
        Why::Missing => "it came while the rest was sent: run this again",
        Why::Changed => "it changed while it was sent: run this again",
    };
    words.to_owned()
}
