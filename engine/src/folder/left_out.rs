//! What of a source did not arrive, and why: one type for walk, sending and receipt.

use std::io::ErrorKind;

use cairn_shared::limits::PATH_PARTS_MAX;
use cairn_shared::name::NameError;
use cairn_shared::{ProblemCode, RelPath};

use crate::{State, Trouble, View};

/// Something that is not on the server as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Where it lies below the source, as well as text can say it; empty for the source itself. Spell it out wherever it is shown.
    pub path: String,
    /// Why.
    pub why: Why,
}

/// Why something is not on the server as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// Whoever runs this may not read it.
    Denied,
    /// It can't be read.
    Unreadable,
    /// It was there when the source was looked at, and is gone.
    Vanished,
    /// A symbolic link: what it leads to may lie anywhere.
    Link,
    /// A named pipe.
    Pipe,
    /// A socket.
    Socket,
    /// A device.
    Device,
    /// Its name is no text.
    NotText,
    /// Its name or path can't be kept.
    Name(NameError),
    /// It lies below more folders than a path may have.
    TooDeep,
    /// Another one has the same path.
    Twice,
    /// The walk could not see it.
    Unseen,
    /// Somebody else on this machine is sending it.
    Elsewhere,
    /// It was tried, and ended with this.
    Failed(Trouble),
    /// The server does not have it, and nothing says why: it came while the rest was sent, perhaps.
    Missing,
    /// The server has it with another size or date: it changed while it was sent.
    Changed,
}

impl Why {
    /// One stable word, for programs; where it was tried, that of what it ended with.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Unreadable => "unreadable",
            Self::Vanished => "vanished",
            Self::Link => "link",
            Self::Pipe => "pipe",
            Self::Socket => "socket",
            Self::Device => "device",
            Self::NotText => "not_text",
            Self::Name(_) => "name",
            Self::TooDeep => "too_deep",
            Self::Twice => "twice",
            Self::Unseen => "unseen",
            Self::Elsewhere => "elsewhere",
            Self::Failed(trouble) => trouble.as_str(),
            Self::Missing => "missing",
            Self::Changed => "changed",
        }
    }

    /// Whether the same source may arrive whole another time, with nobody changing what it is.
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::Link
            | Self::Pipe
            | Self::Socket
            | Self::Device
            | Self::NotText
            | Self::Name(_)
            | Self::TooDeep
            | Self::Twice => false,
            Self::Denied
            | Self::Unreadable
            | Self::Vanished
            | Self::Unseen
            | Self::Elsewhere
            | Self::Failed(_)
            | Self::Missing
            | Self::Changed => true,
        }
    }

    /// Why a file with that row did not arrive.
    pub fn of_view(view: &View) -> Self {
        match &view.trouble {
            Some(trouble) if view.state == State::Failed => Self::Failed(trouble.clone()),
            Some(_) | None => Self::Unreadable,
        }
    }
}

impl From<ErrorKind> for Why {
    fn from(kind: ErrorKind) -> Self {
        if kind == ErrorKind::PermissionDenied {
            Self::Denied
        } else if kind == ErrorKind::NotFound {
            Self::Vanished
        } else {
            Self::Unreadable
        }
    }
}

/// The path of something below a source, or why none can be kept.
pub fn path_of(text: &str) -> Result<RelPath, Why> {
    text.parse().map_err(|error| {
        let is_deep = error == NameError::TooLong && text.split('/').count() > PATH_PARTS_MAX;
        if is_deep { Why::TooDeep } else { Why::Name(error) }
    })
}

/// Whether another path may be taken where this one was refused.
pub(super) const fn is_of_one_path(code: ProblemCode) -> bool {
    matches!(code, ProblemCode::PathTaken | ProblemCode::FieldInvalid | ProblemCode::BodyLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_can_not_be_kept_says_why() {
        assert_eq!(path_of("a/b").map(|path| path.to_string()).as_deref(), Ok("a/b"));
        assert_eq!(path_of(&"a/".repeat(70)[..139]), Err(Why::TooDeep));
        assert_eq!(path_of("a/b\nc"), Err(Why::Name(NameError::Control)));
        assert_eq!(path_of(&"x".repeat(5_000)), Err(Why::Name(NameError::TooLong)));
    }

    #[test]
    fn what_a_system_says_of_a_file_is_a_reason() {
        assert_eq!(Why::from(ErrorKind::PermissionDenied), Why::Denied);
        assert_eq!(Why::from(ErrorKind::NotFound), Why::Vanished);
        assert_eq!(Why::from(ErrorKind::Other), Why::Unreadable);
    }
}
