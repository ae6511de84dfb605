//! Every way a request can fail: one enum of stable codes, told as `application/problem+json` (RFC 9457).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::message::StatusResponse;
use crate::ranges::Ranges;
use crate::text::wire_text;

/// Whether sending the same request again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Never: the request or the session has to change.
    No,
    /// After a pause; `Retry-After` says how long where it is known.
    Later,
}

macro_rules! problem_codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $status:literal, $retry:ident, $title:literal;)*) => {
        /// What went wrong. The text of a code never changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ProblemCode { $($(#[$doc])* $name,)* }

        impl ProblemCode {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The HTTP status.
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// One short sentence, always the same for a code.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// Whether a retry helps.
            pub const fn retry(self) -> Retry {
                match self { $(Self::$name => Retry::$retry,)* }
            }
        }
    };
}

problem_codes! {
    /// The body is not JSON.
    JsonInvalid = "json_invalid", 400, No, "The JSON body can't be read.";
    /// A field is missing, unknown, of another type than it must be, or not allowed; `field` names it.
    FieldInvalid = "field_invalid", 400, No, "A field has a value that is not allowed.";
    /// A part of the address or the query can't be read.
    PathInvalid = "path_invalid", 400, No, "The address can't be read.";
    /// A header can't be read; `field` names it.
    HeaderInvalid = "header_invalid", 400, No, "A header can't be read.";
    /// The session was started without a size, so `finish` must say it.
    SizeRequired = "size_required", 400, No, "The size must be given, because it was unknown at the start.";
    /// The body ended before its declared length.
    BodyShort = "body_short", 400, Later, "The body ended early.";
    /// The body breaks the rules of its transfer coding.
    BodyBroken = "body_broken", 400, Later, "The body can't be read.";

    /// A credential is needed and there is none.
    CredentialMissing = "credential_missing", 401, No, "This needs a credential.";
    /// The credential is none of ours.
    CredentialUnknown = "credential_unknown", 401, No, "The credential is unknown or no longer valid.";
    /// This guest keeps as many names, rows and links here as a guest may.
    GuestFull = "guest_full", 403, No, "A guest may keep no more here.";
    /// The server takes no uploads from people without an account.
    GuestsOff = "guests_off", 403, No, "This server takes no uploads from guests.";
    /// A browser sent an unsafe request from another site (Fetch Metadata, Origin).
    CrossSite = "cross_site", 403, No, "Requests from other sites are refused.";

    /// Nothing is there, or the asker may not know of it.
    NotFound = "not_found", 404, No, "There is nothing here.";
    /// The address takes other methods.
    MethodNotAllowed = "method_not_allowed", 405, No, "This address takes other methods.";
    /// Nothing arrived for too long, or too slowly.
    BodySlow = "body_slow", 408, Later, "The body came too slowly.";

    /// The client key was used before with other fields.
    KeyReused = "key_reused", 409, No, "The key was used before with other fields.";
    /// A row was declared before with another digest or length; `at` says which.
    RowDiffers = "row_differs", 409, No, "A row was declared differently before.";
    /// The session's rule asks for rows to be declared before they are sent.
    RowUndeclared = "row_undeclared", 409, No, "The row must be declared before its chunk is sent.";
    /// The revision is over; `revision` is the current one.
    RevisionOld = "revision_old", 409, No, "The revision is over.";
    /// The revision skips one; `revision` is the current one.
    RevisionGap = "revision_gap", 409, No, "The revision skips one.";
    /// Not every chunk is here; `ranges` says which are missing.
    ChunksMissing = "chunks_missing", 409, No, "Chunks are missing.";
    /// The client's manifest is not the server's.
    ManifestDiffers = "manifest_differs", 409, No, "The manifests differ.";
    /// The size is not the sum of the rows.
    SizeDiffers = "size_differs", 409, No, "The size is not the sum of the rows.";
    /// A file would lie where a folder is, or inside of what is a file; `field` names the path.
    PathTaken = "path_taken", 409, No, "Something else lies at this path.";
    /// A finished session can't be given up; delete its file instead.
    SessionPublished = "session_published", 409, No, "The session is finished; delete its file instead.";

    /// The session is finished; `status` has finish's answer.
    SessionFinished = "session_finished", 410, No, "The session is finished.";
    /// The session was given up or is over time.
    SessionEnded = "session_ended", 410, No, "The session was given up or is over time.";
    /// The link was revoked, is over time, or its file was deleted.
    LinkEnded = "link_ended", 410, No, "The link is no longer valid.";

    /// A condition of the request does not hold (RFC 9110 section 13.1).
    ConditionFailed = "condition_failed", 412, No, "A condition of the request does not hold.";
    /// The body is longer than allowed or declared.
    BodyLarge = "body_large", 413, No, "The body is too large.";
    /// The body must be `application/json`, without a content coding.
    MediaTypeWrong = "media_type_wrong", 415, No, "The body has the wrong media type.";
    /// The range lies outside the file (RFC 9110 section 14.4).
    RangeUnsatisfiable = "range_unsatisfiable", 416, No, "The range lies outside the file.";
    /// The request was sent to a host name that is not ours (RFC 9110 section 15.5.20).
    HostUnknown = "host_unknown", 421, No, "This server does not answer for that host name.";
    /// The bytes are not those of the declared digest.
    DigestMismatch = "digest_mismatch", 422, No, "The bytes don't have the declared digest.";
    /// The chunk has not the length that its row or the rule asks for.
    ChunkLength = "chunk_length", 422, No, "The chunk has the wrong length.";
    /// The index lies behind the last row.
    IndexOutOfRange = "index_out_of_range", 422, No, "The index lies behind the last row.";
    /// A session has no more rows than this.
    RowsTooMany = "rows_too_many", 422, No, "The session has too many rows.";
    /// A file or folder has no more links than this.
    LinksTooMany = "links_too_many", 422, No, "The file or folder has too many links.";
    /// More rows are declared whose chunks did not come than a guest may declare.
    RowsAhead = "rows_ahead", 422, No, "Too many rows are declared ahead of their chunks.";
    /// Too many requests of one kind.
    TooManyRequests = "too_many_requests", 429, Later, "Too many requests.";

    /// A bug of the server's; its log says more.
    Internal = "internal", 500, Later, "Something went wrong on the server.";
    /// A part of the file is damaged on the server's disk. It heals when the same content is uploaded again.
    ContentDamaged = "content_damaged", 503, Later, "A part of this file is damaged on the server.";
    /// All guests together keep as many names, rows and links here as guests may.
    GuestsFull = "guests_full", 503, Later, "The server keeps no more for guests.";
    /// The server is starting, stopping or can't write for now.
    Unavailable = "unavailable", 503, Later, "The server can't do this now.";
    /// The disk is full; nothing is lost.
    StorageFull = "storage_full", 507, Later, "The server has no space left.";
}

impl ProblemCode {
    fn text(&self) -> String {
        self.as_str().to_owned()
    }
}

/// A text is no known code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown problem code")]
pub struct ProblemCodeError;

impl FromStr for ProblemCode {
    type Err = ProblemCodeError;

    fn from_str(text: &str) -> Result<Self, ProblemCodeError> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text).ok_or(ProblemCodeError)
    }
}

wire_text!(ProblemCode);

/// The body of a failed request (RFC 9457 section 3), with the extension members that codes name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `urn:cairn:problem:<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The code's title.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened here and what to do about it.
    pub detail: String,
    /// The stable code.
    pub code: ProblemCode,
    /// The field or header at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The session's current revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    /// The first row at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u32>,
    /// The rows at fault, the first `STATUS_PAIRS_MAX` pairs of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranges: Option<Ranges>,
    /// Space left for chunks, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_bytes: Option<u64>,
    /// Space that the request would have needed, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed_bytes: Option<u64>,
    /// Pause before a retry, in seconds; the same as the header `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
    /// For `session_finished`: what `status` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Box<StatusResponse>>,
}

impl Problem {
    /// A problem with its code's title and status.
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:cairn:problem:{code}"),
            title: code.title().to_owned(),
            status: code.status(),
            detail: detail.into(),
            code,
            field: None,
            revision: None,
            at: None,
            ranges: None,
            free_bytes: None,
            needed_bytes: None,
            retry_after: None,
            session: None,
        }
    }

    /// Names the field or header at fault.
    pub fn with_field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Tells the current revision.
    pub fn with_revision(mut self, revision: u32) -> Self {
        self.revision = Some(revision);
        self
    }

    /// Tells the first row at fault.
    pub fn with_at(mut self, at: u32) -> Self {
        self.at = Some(at);
        self
    }

    /// Tells the rows at fault.
    pub fn with_ranges(mut self, ranges: Ranges) -> Self {
        self.ranges = Some(ranges);
        self
    }

    /// Tells how much space would be needed and how much is left, in bytes.
    pub fn with_space(mut self, needed: u64, free: u64) -> Self {
        self.needed_bytes = Some(needed);
        self.free_bytes = Some(free);
        self
    }

    /// Asks the client to wait before it tries again, in seconds.
    pub fn with_retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.detail, self.status, self.code)
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_read_back() {
        for code in ProblemCode::ALL {
            assert_eq!(code.as_str().parse(), Ok(*code));
            assert!((400..600).contains(&code.status()));
        }
        let mut names: Vec<_> = ProblemCode::ALL.iter().map(|code| code.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ProblemCode::ALL.len());
    }

    #[test]
    fn the_documentation_has_every_code() {
        let text = include_str!("../../docs/PROTOCOL.md");
        for code in ProblemCode::ALL {
            let retry = match code.retry() {
                Retry::No => "no",
                Retry::Later => "later",
            };
            let row = format!("| `{code}` | {} | {retry} | {} |\n", code.status(), code.title());
            assert!(text.contains(&row), "docs/PROTOCOL.md lacks this row: {row}");
        }
    }
}
