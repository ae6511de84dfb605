//! What there is to see of all uploads together.

use std::path::Path;

use cairn_engine::folder::Why;
use cairn_engine::{State, View};
use cairn_shared::Name;
use cairn_shared::message::FinishResponse;

use super::Job;

/// How far everything has come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    /// Files in all.
    pub(crate) files: usize,
    /// Files that have ended.
    pub(crate) ended: usize,
    /// Bytes in all.
    pub(crate) size: u64,
    /// Bytes that the server has.
    pub(crate) stored: u64,
    /// Bytes that had not to be sent.
    pub(crate) reused: u64,
    /// Bytes a second.
    pub(crate) speed: u64,
    /// Where the first file stands that has not ended.
    pub(crate) state: Option<State>,
    /// Why one of them waits.
    pub(crate) why: Option<String>,
}

/// Tells what happens.
pub(crate) trait Report {
    /// The server acknowledged a chunk.
    fn stored(&self, job: &Job, session: &str, index: u32, length: u32);
    /// A file is done, or can't be; `why` says why not, and `said` is what the server says of that.
    fn ended(&self, job: &Job, view: &View, why: Option<&Why>, said: Option<&str>);
    /// A stream was sent to its end, or could not be, for this reason.
    fn streamed(&self, path: &Path, name: &Name, ended: Result<(&FinishResponse, u64), &str>);
    /// Something is not sent at all.
    fn left_out(&self, path: &Path, why: &Why);
    /// Something moved, perhaps.
    fn moved(&self, progress: &Progress);
    /// Whether a file has ended only once the digest of all of it is known, which comes a moment after its link.
    fn wants_digests(&self) -> bool;
}
