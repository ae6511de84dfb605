//! What people call their files: data, never a path on any disk.

use std::str::FromStr;

use crate::limits::{MEDIA_TYPE_BYTES_MAX, NAME_BYTES_MAX, PATH_BYTES_MAX, PATH_PARTS_MAX};
use crate::text::wire_text;

pub use crate::visible::visible;

/// Why a text is not a name or path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing is left to call the file by.
    #[error("is empty")]
    Empty,
    /// More bytes or parts than `limits` allow.
    #[error("is too long: 1024 bytes a part, 64 parts, 4096 bytes in all")]
    TooLong,
    /// `.` or `..`.
    #[error("is or contains \".\" or \"..\"")]
    Dots,
    /// A slash in a name, or at an end of a path.
    #[error("contains a slash where none may be")]
    Slash,
    /// NUL, or another control character below U+0020, or U+007F.
    #[error("contains a control character")]
    Control,
}

/// A file's or folder's name: one part, kept as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(String);

impl Name {
    /// The name as it was sent. Escape it wherever it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name for people: characters that hide, reorder or control text are spelled out, `\u{202E}`.
    pub fn visible(&self) -> String {
        visible(&self.0)
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        check_part(text)?;
        Ok(Self(text.to_owned()))
    }
}

wire_text!(Name);

/// Where a file lay below the folder that was dropped: names, split by `/`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelPath(String);

impl RelPath {
    /// The whole path, parts joined by `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The names from the top down.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// The last of its names.
    pub fn last(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// Everything above the last name; `None` at the top.
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(parent, _)| Self(parent.to_owned()))
    }

    /// What it lies in, from the nearest up to the topmost.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> {
        std::iter::successors(self.parent(), Self::parent)
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}

impl FromStr for RelPath {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > PATH_BYTES_MAX || text.split('/').count() > PATH_PARTS_MAX {
            return Err(NameError::TooLong);
        }
        for part in text.split('/') {
            if part.is_empty() {
                return Err(NameError::Slash);
            }
            check_part(part)?;
        }
        Ok(Self(text.to_owned()))
    }
}

wire_text!(RelPath);

impl From<&Name> for RelPath {
    /// The path of one part.
    fn from(name: &Name) -> Self {
        Self(name.0.clone())
    }
}

fn check_part(part: &str) -> Result<(), NameError> {
    if part.is_empty() {
        return Err(NameError::Empty);
    }
    if part.len() > NAME_BYTES_MAX {
        return Err(NameError::TooLong);
    }
    if part == "." || part == ".." {
        return Err(NameError::Dots);
    }
    if part.contains('/') {
        return Err(NameError::Slash);
    }
    if part.chars().any(|c| c.is_ascii_control()) {
        return Err(NameError::Control);
    }
    Ok(())
}

/// A text is not a media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a media type of the form type/subtype (RFC 6838 section 4.2), 127 bytes at most")]
pub struct MediaTypeError;

/// What the sender says a file contains, `type/subtype` without parameters. A hint, never trusted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MediaType(String);

impl MediaType {
    /// `type/subtype`, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}

impl FromStr for MediaType {
    type Err = MediaTypeError;

    fn from_str(text: &str) -> Result<Self, MediaTypeError> {
        let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let (kind, subtype) = essence.split_once('/').ok_or(MediaTypeError)?;
        let fits = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_alphanumeric())
                && part.chars().all(|c| c.is_ascii_alphanumeric() || "!#$&-^_.+".contains(c))
        };
        if essence.len() > MEDIA_TYPE_BYTES_MAX || !fits(kind) || !fits(subtype) {
            return Err(MediaTypeError);
        }
        Ok(Self(essence))
    }
}

wire_text!(MediaType);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_names_of_any_script_and_refuses_paths() {
        for good in ["a", "über uns.txt", "日本語", "a\\b", "...", "\u{202e}fdp.exe", " x "] {
            assert_eq!(good.parse::<Name>().map(|name| name.to_string()).as_deref(), Ok(good));
        }
        let long = "x".repeat(1_025);
        for (bad, why) in [
            ("", NameError::Empty),
            (".", NameError::Dots),
            ("..", NameError::Dots),
            ("a/b", NameError::Slash),
            ("a\0", NameError::Control),
            ("a\nb", NameError::Control),
            ("\u{7f}", NameError::Control),
            (long.as_str(), NameError::TooLong),
        ] {
            assert_eq!(bad.parse::<Name>(), Err(why), "{bad:?}");
        }
    }

    #[test]
    fn paths_never_leave_their_root() {
        assert!("a/b/c.txt".parse::<RelPath>().is_ok());
        for bad in ["", "/a", "a/", "a//b", "a/../b", "./a", "..", "a/\0"] {
            assert!(bad.parse::<RelPath>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_path_knows_what_it_lies_in() {
        let path: RelPath = "a/b/c.txt".parse().unwrap_or_else(|error| unreachable!("{error}"));
        assert_eq!(path.last(), "c.txt");
        assert_eq!(path.ancestors().map(|path| path.to_string()).collect::<Vec<_>>(), ["a/b", "a"]);
        let top = path.ancestors().last();
        assert_eq!(top.as_ref().map(RelPath::last), Some("a"));
        assert_eq!(top.and_then(|top| top.parent()), None);
    }

    #[test]
    fn media_types_lose_parameters_and_case() {
        assert_eq!(
            "Text/HTML; charset=x".parse::<MediaType>().map(|m| m.to_string()).as_deref(),
            Ok("text/html")
        );
        for bad in ["", "text", "text/", "/x", "a b/c", "a/b\r\nx"] {
            assert!(bad.parse::<MediaType>().is_err(), "{bad:?}");
        }
    }
}
