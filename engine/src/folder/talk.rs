//! What a folder asks the server: one thing at a time, again after a pause where that may help.

use cairn_shared::message::{FolderListResponse, FolderRequest, FolderResponse};
use cairn_shared::{FolderId, RelPath};

use crate::{Failure, Now, Trouble};

/// Pause before something that failed is asked again, in milliseconds.
const PAUSE_MS: Now = 2_000;
/// The longest pause that the server may ask for, in milliseconds.
const PAUSE_MS_MAX: Now = 300_000;

/// A request about a folder, with the owner's credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// `POST /api/folder`.
    Make(FolderRequest),
    /// `GET /api/folder/{folder}?after=`.
    List(FolderId, Option<RelPath>),
    /// `DELETE /api/folder/{folder}`.
    Delete(FolderId),
}

/// Its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// To `Call::Make`.
    Made(FolderResponse),
    /// To `Call::List`.
    Listed(FolderListResponse),
    /// To `Call::Delete`.
    Deleted,
}

/// One request, until it has an answer.
#[derive(Debug, Default)]
pub(super) struct Talk {
    call: Option<Call>,
    is_asked: bool,
    waits: Option<(Trouble, Now)>,
}

impl Talk {
    /// Whether nothing waits for an answer.
    pub(super) fn is_idle(&self) -> bool {
        self.call.is_none()
    }

    /// Asks something, once nothing else is.
    pub(super) fn ask(&mut self, call: Call) {
        *self = Self { call: Some(call), is_asked: false, waits: None };
    }

    /// What is to be asked now.
    pub(super) fn poll(&mut self, now: Now) -> Option<Call> {
        let is_due = !self.is_asked && self.waits.as_ref().is_none_or(|(_, until)| *until <= now);
        let call = self.call.as_ref().filter(|_| is_due)?;
        self.is_asked = true;
        Some(call.clone())
    }

    /// When there will be something to ask.
    pub(super) fn timeout(&self) -> Option<Now> {
        self.waits.as_ref().filter(|_| !self.is_asked).map(|(_, until)| *until)
    }

    /// Why there was no answer so far, and when it is, or was, asked again.
    pub(super) fn waits(&self) -> Option<&(Trouble, Now)> {
        self.waits.as_ref()
    }

    /// What was asked with what came of it; nothing where it is asked again, or was not asked.
    pub(super) fn answer(
        &mut self,
        reply: Result<Reply, Failure>,
        now: Now,
    ) -> Option<(Call, Result<Reply, Failure>)> {
        if !std::mem::take(&mut self.is_asked) {
            return None;
        }
        if let Err(failure) = &reply
            && failure.may_pass()
        {
            self.waits = Some((trouble(failure), now + pause(failure)));
            return None;
        }
        self.waits = None;
        self.call.take().map(|call| (call, reply))
    }

    /// A person wants to see it asked at once.
    pub(super) fn hurry(&mut self, now: Now) {
        if let Some((_, until)) = &mut self.waits {
            *until = now;
        }
    }
}

/// What a failure looks like.
pub(super) fn trouble(failure: &Failure) -> Trouble {
    match failure {
        Failure::Network => Trouble::Network,
        Failure::Status { status, .. } => Trouble::Status(*status),
        Failure::Problem(problem) => Trouble::of(problem),
    }
}

fn pause(failure: &Failure) -> Now {
    (Now::from(failure.asked_seconds().unwrap_or(0)) * 1_000).clamp(PAUSE_MS, PAUSE_MS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy(retry_after_seconds: Option<u32>) -> Result<Reply, Failure> {
        Err(Failure::Status { status: 503, retry_after_seconds })
    }

    #[test]
    fn what_may_pass_is_asked_again_after_a_pause() {
        let call = Call::Delete(FolderId::new([1; 16]));
        let mut talk = Talk::default();
        assert_eq!((talk.poll(0), talk.timeout()), (None, None));
        talk.ask(call.clone());
        assert_eq!(talk.poll(5), Some(call.clone()));
        assert_eq!(talk.poll(5), None, "once");
        assert_eq!(talk.answer(Err(Failure::Network), 10), None);
        assert_eq!(talk.answer(Ok(Reply::Deleted), 10), None, "nothing was asked");
        assert_eq!((talk.timeout(), talk.poll(2_009)), (Some(2_010), None));
        assert_eq!(talk.poll(2_010), Some(call.clone()));
        assert_eq!(talk.waits(), Some(&(Trouble::Network, 2_010)), "it shows until there is an answer");
        assert_eq!(talk.answer(busy(Some(7)), 3_000), None);
        assert_eq!(talk.timeout(), Some(10_000));
        talk.hurry(4_000);
        assert_eq!(talk.poll(4_000), Some(call.clone()));
        assert_eq!(talk.answer(busy(Some(u32::MAX)), 0), None);
        assert_eq!(talk.timeout(), Some(PAUSE_MS_MAX));
        talk.poll(PAUSE_MS_MAX);
        assert_eq!(talk.answer(Ok(Reply::Deleted), 0), Some((call, Ok(Reply::Deleted))));
        assert!(talk.is_idle() && talk.waits().is_none());
    }

    #[test]
    fn what_does_not_pass_is_told_at_once() {
        let mut talk = Talk::default();
        talk.ask(Call::Delete(FolderId::new([1; 16])));
        talk.poll(0);
        let refusal = Failure::Status { status: 403, retry_after_seconds: None };
        assert_eq!(talk.answer(Err(refusal.clone()), 0).map(|(_, reply)| reply), Some(Err(refusal)));
    }
}
