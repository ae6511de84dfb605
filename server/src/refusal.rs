//! The one error of services: a problem for the client, made from whatever went wrong.

use std::{fmt, io};

use cairn_shared::limits::{INTEGER_MAX, LINKS_MAX};
use cairn_shared::{Problem, ProblemCode, name};
use cairn_store::model::SessionState;
use cairn_store::{Conflict, StoreError};

/// How long to wait where there is no space, in seconds: what nobody holds is removed at once then.
const FULL_SECONDS: u32 = 10;

/// A request that was refused, with the body that tells why.
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) Box<Problem>);

/// What every service returns.
pub(crate) type Answer<T> = Result<T, Refusal>;

impl Refusal {
    /// A refusal with a code and what happened here.
    pub(crate) fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Problem::new(code, detail).into()
    }

    /// A field whose value is not allowed.
    pub(crate) fn field(field: &str, detail: impl fmt::Display) -> Self {
        Problem::new(ProblemCode::FieldInvalid, format!("Field \"{field}\" {detail}."))
            .with_field(field)
            .into()
    }

    /// A field whose number is larger than JSON carries exactly.
    pub(crate) fn unless_exact(field: &str, number: Option<u64>) -> Answer<()> {
        match number {
            Some(number) if number > INTEGER_MAX => Err(Self::field(field, "is larger than 2^53-1")),
            Some(_) | None => Ok(()),
        }
    }

    /// The one answer for everything unknown, foreign or forbidden.
    pub(crate) fn not_found() -> Self {
        Self::new(ProblemCode::NotFound, "There is nothing at this address, or it is not yours.")
    }

    /// No space for what is about to come.
    pub(crate) fn no_space(needed: u64, free: u64) -> Self {
        let detail = format!(
            "This needs {needed} bytes, and {free} are free. What was acknowledged is safe; go on when there is room."
        );
        Problem::new(ProblemCode::StorageFull, detail)
            .with_space(needed, free)
            .with_retry_after(FULL_SECONDS)
            .into()
    }

    /// A condition that only a bug, a broken disk or a broken random source makes; the log says which.
    pub(crate) fn internal(error: impl fmt::Display) -> Self {
        tracing::error!(error = %error, "request failed");
        Self::new(ProblemCode::Internal, "The server's log says what went wrong. Nothing was acknowledged.")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(conflict) => conflict.into(),
            StoreError::Full => Problem::new(
                ProblemCode::StorageFull,
                "The server's disk is full. Nothing was changed by this, and what was acknowledged is safe. It goes on when there is room.",
            )
            .with_retry_after(FULL_SECONDS)
            .into(),
            StoreError::Closed(reason) => {
                // It was told when it closed.
                tracing::debug!(reason, "the store is closed");
                let detail =
                    "The store closed after a failure, and is opened again. What was acknowledged is safe.";
                Problem::new(ProblemCode::Unavailable, detail).with_retry_after(10).into()
            }
            StoreError::Io(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => {
                tracing::debug!(
                    "a request was refused, since the data folder can only be read at the moment"
                );
                let detail = "The server's disk can only be read at the moment. What is there can be downloaded; nothing \
                              was changed.";
                Problem::new(ProblemCode::Unavailable, detail).with_retry_after(30).into()
            }
            StoreError::Io(error) => {
                tracing::error!(error = %error, "input/output error");
                Problem::new(
                    ProblemCode::Unavailable,
                    "The disk reported an error. Nothing was acknowledged.",
                )
                .with_retry_after(10)
                .into()
            }
            StoreError::Damaged(what) => {
                tracing::error!(what, "damaged");
                let detail = "A part of this is damaged on the server's disk, and is not given away as if it were \
                              sound. It heals when the same content is uploaded again.";
                Problem::new(ProblemCode::ContentDamaged, detail).with_retry_after(300).into()
            }
            StoreError::Away(what) => {
                tracing::error!(what, "something stored is not where it was; is its disk mounted?");
                let detail = "A part of this is not there at the moment: a disk or folder of the server is away. It goes on when that \
                              is back.";
                Problem::new(ProblemCode::Unavailable, detail).with_retry_after(30).into()
            }
            StoreError::Apart(_) | StoreError::Newer { .. } => Self::internal(error),
        }
    }
}

impl From<Conflict> for Refusal {
    fn from(conflict: Conflict) -> Self {
        use ProblemCode as Code;
        let detail = sentence(&conflict);
        match conflict {
            Conflict::NotFound => Self::not_found(),
            Conflict::KeyReused => Problem::new(Code::KeyReused, detail).with_field("key").into(),
            Conflict::SessionClosed(session) => Problem::new(closed(&session.state), detail).into(),
            Conflict::RowDiffers { at, revision } => {
                Problem::new(Code::RowDiffers, detail).with_at(at).with_revision(revision).into()
            }
            Conflict::RowUndeclared { at } => Problem::new(Code::RowUndeclared, detail).with_at(at).into(),
            Conflict::RevisionOld { revision } => {
                Problem::new(Code::RevisionOld, detail).with_revision(revision).into()
            }
            Conflict::RevisionGap { revision } => {
                Problem::new(Code::RevisionGap, detail).with_revision(revision).into()
            }
            Conflict::IndexOutOfRange { rows } => {
                Problem::new(Code::IndexOutOfRange, detail).with_at(rows).into()
            }
            Conflict::RowsTooMany => Self::new(Code::RowsTooMany, detail),
            Conflict::LinksTooMany => Self::new(Code::LinksTooMany, detail),
            Conflict::GuestFull { .. } => Self::new(Code::GuestFull, detail),
            Conflict::GuestsFull => Problem::new(Code::GuestsFull, detail).with_retry_after(600).into(),
            Conflict::RowsAhead { .. } => Self::new(Code::RowsAhead, detail),
            Conflict::ChunkLength { .. } => Self::new(Code::ChunkLength, detail),
            Conflict::DigestMismatch { at } => Problem::new(Code::DigestMismatch, detail).with_at(at).into(),
            Conflict::ChunksMissing(ranges) => {
                Problem::new(Code::ChunksMissing, detail).with_ranges(ranges).into()
            }
            Conflict::ManifestDiffers => Self::new(Code::ManifestDiffers, detail),
            Conflict::SizeDiffers { .. } => Problem::new(Code::SizeDiffers, detail).with_field("size").into(),
            Conflict::SizeRequired => Problem::new(Code::SizeRequired, detail).with_field("size").into(),
            Conflict::FolderGone => Problem::new(Code::NotFound, detail).with_field("folder").into(),
            Conflict::PathTaken { .. } => Problem::new(Code::PathTaken, detail).with_field("path").into(),
            Conflict::GenerationOver { .. } | Conflict::Changed => {
                Problem::new(Code::Unavailable, detail).with_retry_after(1).into()
            }
        }
    }
}

fn closed(state: &SessionState) -> ProblemCode {
    match state {
        SessionState::Finished { .. } => ProblemCode::SessionFinished,
        SessionState::Ended { .. } | SessionState::Open => ProblemCode::SessionEnded,
    }
}

/// What happened and what to do about it.
fn sentence(conflict: &Conflict) -> String {
    match conflict {
        Conflict::NotFound => "There is nothing at this address, or it is not yours.".to_owned(),
        Conflict::KeyReused => "This key began something else before. Take a fresh key.".to_owned(),
        Conflict::SessionClosed(session) => match session.state {
            SessionState::Finished { .. } => "The session is finished: its status has the link.".to_owned(),
            SessionState::Ended { .. } | SessionState::Open => {
                "The session was given up or is over time. Start a new one.".to_owned()
            }
        },
        Conflict::RowDiffers { at, revision } => format!(
            "Row {at} was declared differently in revision {revision}. Declare it again with revision {}.",
            revision + 1
        ),
        Conflict::RowUndeclared { at } => format!("Row {at} is not declared. Send a check with it first."),
        Conflict::RevisionOld { revision } | Conflict::RevisionGap { revision } => {
            format!("The current revision is {revision}; the next one is {}.", revision + 1)
        }
        Conflict::IndexOutOfRange { rows } => format!("The session has {rows} rows."),
        Conflict::RowsTooMany => "The session has as many rows as a session may have.".to_owned(),
        Conflict::LinksTooMany => {
            format!(
                "There are {LINKS_MAX} links already, as many as there may be. End one that nobody needs."
            )
        }
        Conflict::GuestFull { bytes, for_what_was_sent: false } => format!(
            "All names, rows and links of this guest take {bytes} bytes, as many as they may. Delete what nobody needs, or ask whoever \
             runs the server for more (CAIRN_GUEST_FACTS_BYTES)."
        ),
        Conflict::GuestFull { bytes, for_what_was_sent: true } => format!(
            "The paths and names of this guest would take more than {bytes} bytes, too many for what was sent with them. Use shorter \
             paths, with fewer folders one in the other."
        ),
        Conflict::GuestsFull => "All guests together have as many names, rows and links here as they may \
                                 (CAIRN_GUESTS_FACTS_BYTES). What was acknowledged is safe. Try again later."
            .to_owned(),
        Conflict::RowsAhead { rows } => format!(
            "More than {rows} rows would be declared whose chunks are not here. Send some of these first."
        ),
        Conflict::ChunkLength { expected } => format!("This chunk must have {expected} bytes."),
        Conflict::DigestMismatch { at } => {
            format!("The bytes are not those of row {at}. Nothing was changed; read and send them again.")
        }
        Conflict::ChunksMissing(ranges) => {
            format!("{} chunks are missing. Send them, then finish again.", ranges.count())
        }
        Conflict::ManifestDiffers => "The server's rows are not those of the client.".to_owned(),
        Conflict::SizeDiffers { sum } => format!("The rows have {sum} bytes in all."),
        Conflict::SizeRequired => "The size was unknown at the start. Say it now.".to_owned(),
        Conflict::FolderGone => "The folder of this upload was deleted.".to_owned(),
        Conflict::PathTaken { at, is_file } => {
            let what = if *is_file { "a file" } else { "a folder" };
            format!("At \"{}\" lies {what} already. Nothing was changed.", name::visible(at.as_str()))
        }
        Conflict::GenerationOver { .. } | Conflict::Changed => {
            "Something else came first. Try again.".to_owned()
        }
    }
}
