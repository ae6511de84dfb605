//! What answers change.

use cairn_shared::message::{
    CheckResponse, FinishResponse, RowState, SessionState, StartResponse, StatusResponse,
};
use cairn_shared::problem::Retry;
use cairn_shared::{ChunkRule, ClientKey, Problem, ProblemCode, Row};

use super::next::{BLOB_PAUSE_MAX_MS, BLOB_PAUSE_MS};
use super::upload::Goal;
use super::{Engine, Kind};
use crate::effect::Effect;
use crate::input::{Failure, Reply};
use crate::journal::SessionHandle;
use crate::line::narrower;
use crate::view::Trouble;
use crate::{Now, RequestId, UploadId};

/// Manifests or sizes that may disagree in a row before an upload fails.
const MISMATCHES_MAX: u32 = 3;
/// Refusals in a row that are tried again, though no retry is promised to help.
const REFUSALS_MAX: u32 = 8;
/// Attempts to give a cancelled session up; its time ends it anyway.
const FAREWELLS_MAX: u32 = 5;

impl Engine {
    pub(super) fn take_reply(&mut self, request: RequestId, reply: Result<Reply, Failure>, now: Now) {
        let Some(pending) = self.pending.remove(&request) else { return };
        let (id, kind) = (pending.upload, pending.kind);
        if let Some(upload) = self.uploads.get_mut(&id) {
            match kind {
                Kind::Send(..) => upload.sends = upload.sends.saturating_sub(1),
                Kind::Start | Kind::Status | Kind::Check | Kind::Finish | Kind::Blob | Kind::Delete => {
                    upload.call = None;
                }
            }
        }
        if let (Kind::Send(_, row), Ok(Reply::Stored)) = (kind, &reply)
            && pending.deadline != Now::MAX
        {
            let (bytes, took) = (u64::from(row.length), now - pending.began);
            self.pulse.came(bytes, took);
            self.group.run_came(bytes, took);
        }
        match reply {
            Ok(reply) => self.succeeded(id, kind, reply, now),
            Err(failure) => self.failed(id, kind, failure, now),
        }
    }

    /// Breaks off what has made no progress for too long, and treats it as lost.
    pub(super) fn give_up_waiting(&mut self, now: Now) {
        let late: Vec<_> = self
            .pending
            .iter()
            .filter(|(_, pending)| pending.deadline <= now)
            .map(|(request, _)| *request)
            .collect();
        for request in late {
            self.pulse.was_lost();
            self.batches.remove(&request);
            self.effects.push_back(Effect::Abort(request));
            self.take_reply(request, Err(Failure::Network), now);
        }
    }

    fn succeeded(&mut self, id: UploadId, kind: Kind, reply: Reply, now: Now) {
        if kind == Kind::Delete {
            self.farewells.remove(&id);
            return;
        }
        let Some(upload) = self.uploads.get_mut(&id) else { return };
        upload.backoff.succeed();
        if !upload.backoff.is_asked() {
            upload.trouble = None;
        }
        match (kind, reply) {
            (Kind::Start, Reply::Start(started)) => self.started(id, started),
            (Kind::Status, Reply::Status(status)) => self.told_status(id, status, now),
            (Kind::Check, Reply::Check(checked)) => self.checked(id, checked, now),
            (Kind::Finish, Reply::Finish(finished)) => {
                if upload.rows.manifest_digest(upload.rule) == finished.manifest_digest {
                    self.published(id, finished, now);
                } else {
                    self.fail(id, Trouble::Problem(ProblemCode::ManifestDiffers));
                }
            }
            (Kind::Blob, Reply::Status(status)) => self.told_blob(id, status, now),
            (Kind::Send(_, row), Reply::Stored) => self.stored(id, row, now),
            // An answer to another question is no answer.
            _ => self.failed(id, kind, Failure::Network, now),
        }
    }

    fn started(&mut self, id: UploadId, started: StartResponse) {
        let Some(upload) = self.uploads.get_mut(&id) else { return };
        upload.session = Some(SessionHandle { id: started.session_id, key: started.session_key });
        upload.server_size = Some(upload.start_size);
        upload.ask_status = upload.maybe_started;
        upload.server_rows = 0;
        self.save(id);
    }

    fn told_status(&mut self, id: UploadId, status: StatusResponse, now: Now) {
        let Some(upload) = self.uploads.get_mut(&id) else { return };
        if let (SessionState::Finished, Some(finished)) = (status.state, status.finished) {
            // What was published is what the file was then. Is it still?
            if upload.changed {
                self.replace_session(id);
            } else {
                self.published(id, finished, now);
            }
            return;
        }
        let end = status.received.end().max(status.missing.end());
        upload.server_rows = status.next.unwrap_or(end).max(end);
        upload.revision = status.revision;
        upload.server_size = status.size;
        upload.ask_status = status.next.is_some();
    }

    fn checked(&mut self, id: UploadId, checked: CheckResponse, now: Now) {
        let Some(upload) = self.uploads.get_mut(&id) else { return };
        let Some(checking) = upload.checking.take() else { return };
        upload.revision = checked.revision;
        upload.server_rows = upload.server_rows.max(checking.at + checking.rows);
        if checking.size.is_some() {
            upload.server_rows = checking.at + checking.rows;
            upload.server_size = checking.size;
        }
        if checking.spoilt {
            // The server has rows that were cut anew meanwhile: they are revised with the next check.
            return;
        }
        if checking.size.is_some() {
            upload.revise_at = None;
        }
        upload.fits_until = None;
        upload.lacks = checked.chunks.iter().any(|state| *state != RowState::Have);
        let released = upload.rows.answered(checking.at, &checked.chunks);
        self.release(id, released);
        self.save_sometimes(id, now);
    }

    fn stored(&mut self, id: UploadId, row: Row, now: Now) {
        self.window.grow();
        let Some(upload) = self.uploads.get_mut(&id) else { return };
        let released = upload.rows.arrived(row);
        self.release(id, released);
        self.save_sometimes(id, now);
    }

    fn save_sometimes(&mut self, id: UploadId, now: Now) {
        let Some(upload) = self.uploads.get_mut(&id) else { return };
        if upload.wants_saving(now) {
            self.save(id);
        }
    }

    fn published(&mut self, id: UploadId, finished: FinishResponse, now: Now) {
        self.end_pass(id);
        let Some(upload) = self.uploads.get_mut(&id) else { return };
        upload.goal = Goal::Done;
        upload.blob_at = finished.blob.is_none().then_some((now + BLOB_PAUSE_MS, BLOB_PAUSE_MS));
        upload.finished = Some(finished);
        self.effects.push_back(Effect::Forget(id));
    }

    fn told_blob(&mut self, id: UploadId, status: StatusResponse, now: Now) {
        let Some(upload) = self.uploads.get_mut(&id) else { return };
        match status.finished {
            Some(finished) if finished.blob.is_some() => {
                upload.finished = Some(finished);
                upload.blob_at = None;
            }
            Some(_) | None => self.ask_for_blob_later(id, now),
        }
    }

    fn ask_for_blob_later(&mut self, id: UploadId, now: Now) {
        let Some(upload) = self.uploads.get_mut(&id) else { return };
        if let Some((_, pause)) = upload.blob_at {
            let pause = (pause * 2).min(BLOB_PAUSE_MAX_MS);
            upload.blob_at = Some((now + pause, pause));
        }
    }

    fn failed(&mut self, id: UploadId, kind: Kind, failure: Failure, now: Now) {
        match kind {
            Kind::Delete => self.farewell_failed(id, &failure),
            Kind::Blob => match failure {
                // The file is published whatever becomes of its digest.
                Failure::Problem(problem) if problem.code.retry() == Retry::No => {
                    if let Some(upload) = self.uploads.get_mut(&id) {
                        upload.blob_at = None;
                    }
                }
                Failure::Problem(_) | Failure::Network | Failure::Status { .. } => {
                    self.ask_for_blob_later(id, now)
                }
            },
            Kind::Send(index, row) => {
                let Some(upload) = self.uploads.get_mut(&id) else { return };
                if !upload.rows.lost(index, row) {
                    return;
                }
                let narrower = if failure.is_too_large() { narrower(upload.rule, row.length) } else { None };
                match narrower {
                    Some(rule) => self.cut_anew(id, rule),
                    None => self.troubled(id, kind, failure, now),
                }
            }
            Kind::Start | Kind::Status | Kind::Check | Kind::Finish => {
                let Some(upload) = self.uploads.get_mut(&id) else { return };
                if kind == Kind::Check {
                    upload.checking = None;
                }
                upload.maybe_started |= kind == Kind::Start && !failure.is_too_often();
                self.troubled(id, kind, failure, now);
            }
        }
    }

    fn farewell_failed(&mut self, id: UploadId, failure: &Failure) {
        let over = match failure {
            Failure::Problem(problem) => problem.code.retry() == Retry::No,
            Failure::Network | Failure::Status { .. } => false,
        };
        let Some(farewell) = self.farewells.get_mut(&id) else { return };
        farewell.tries += 1;
        if over || farewell.tries >= FAREWELLS_MAX {
            self.farewells.remove(&id);
        }
    }

    fn troubled(&mut self, id: UploadId, kind: Kind, failure: Failure, now: Now) {
        let may_pass = failure.may_pass();
        if let Failure::Problem(problem) = &failure
            && let Some(upload) = self.uploads.get_mut(&id)
        {
            upload.said = Some((problem.code, problem.detail.clone()));
        }
        match failure {
            Failure::Network => self.wait(id, kind, Trouble::Network, 0, now),
            Failure::Status { status, retry_after_seconds } => {
                let asked = u64::from(retry_after_seconds.unwrap_or(0)) * 1_000;
                self.wait(id, kind, Trouble::Status(status), asked, now);
                if !may_pass {
                    self.count_refusal(id, Trouble::Status(status), now);
                }
            }
            Failure::Problem(problem) if may_pass => self.wait_as_told(id, kind, &problem, now),
            Failure::Problem(problem) => self.refused(id, &problem, now),
        }
    }

    pub(super) fn wait(&mut self, id: UploadId, kind: Kind, trouble: Trouble, asked_ms: u64, now: Now) {
        let Some(upload) = self.uploads.get_mut(&id) else { return };
        // Several chunks that fail together are one failure.
        let is_first = upload.backoff.until().is_none();
        if is_first && matches!(kind, Kind::Send(..)) {
            self.window.shrink();
        }
        if is_first || asked_ms > 0 {
            upload.backoff.fail(now, asked_ms, &mut self.rng);
        }
        upload.trouble = Some(trouble);
    }

    /// Tries again a few times, each after a longer pause, then fails. What succeeds between does not count.
    fn count_refusal(&mut self, id: UploadId, trouble: Trouble, now: Now) {
        let Some(upload) = self.uploads.get_mut(&id) else { return };
        upload.backoff.pause(now, upload.refusals);
        upload.refusals += 1;
        if upload.refusals >= REFUSALS_MAX {
            self.fail(id, trouble);
        }
    }

    fn fail(&mut self, id: UploadId, trouble: Trouble) {
        self.abort_all(id);
        self.end_pass(id);
        if let Some(upload) = self.uploads.get_mut(&id) {
            upload.fail(trouble);
        }
    }

    fn refused(&mut self, id: UploadId, problem: &Problem, now: Now) {
        use ProblemCode as Code;
        let Some(upload) = self.uploads.get_mut(&id) else { return };
        let trouble = Trouble::Problem(problem.code);
        match problem.code {
            Code::RowDiffers => {
                upload.changed = true;
                upload.revision = problem.revision.unwrap_or(upload.revision);
                upload.server_rows = upload.server_rows.max(problem.at.unwrap_or(0) + 1);
                upload.revise(problem.at.unwrap_or(0));
                self.count_refusal(id, trouble, now);
            }
            Code::RevisionOld | Code::RevisionGap => {
                upload.revision = problem.revision.unwrap_or(0);
                upload.revise_at = None;
                upload.rows.undeclare(0);
                upload.server_rows = 0;
                upload.ask_status = true;
                self.count_refusal(id, trouble, now);
            }
            Code::ChunksMissing => {
                let missing = problem.ranges.clone().unwrap_or_default();
                upload.rows.miss(missing.indexes());
                self.count_refusal(id, trouble, now);
            }
            Code::ManifestDiffers | Code::SizeDiffers => {
                upload.mismatches += 1;
                upload.revise(0);
                if upload.mismatches >= MISMATCHES_MAX {
                    self.fail(id, trouble);
                }
            }
            Code::RowUndeclared | Code::IndexOutOfRange | Code::DigestMismatch | Code::ChunkLength => {
                upload.rows.undeclare(0);
                upload.ask_status = true;
                upload.server_rows = 0;
                // The bytes in hand are not what was declared: they are read again.
                self.end_pass(id);
                self.count_refusal(id, trouble, now);
            }
            Code::NotFound | Code::SessionEnded if upload.session.is_some() => {
                self.replace_session(id);
                self.count_refusal(id, trouble, now);
            }
            Code::KeyReused => {
                self.replace_session(id);
                self.count_refusal(id, trouble, now);
            }
            Code::SessionFinished => upload.ask_status = true,
            Code::CredentialMissing
            | Code::CredentialUnknown
            | Code::GuestsOff
            | Code::CrossSite
            | Code::JsonInvalid
            | Code::FieldInvalid
            | Code::PathInvalid
            | Code::HeaderInvalid
            | Code::SizeRequired
            | Code::BodyShort
            | Code::BodyBroken
            | Code::NotFound
            | Code::MethodNotAllowed
            | Code::BodySlow
            | Code::PathTaken
            | Code::SessionPublished
            | Code::SessionEnded
            | Code::LinkEnded
            | Code::ConditionFailed
            | Code::BodyLarge
            | Code::MediaTypeWrong
            | Code::RangeUnsatisfiable
            | Code::HostUnknown
            | Code::RowsTooMany
            | Code::LinksTooMany
            | Code::GuestFull
            | Code::GuestsFull
            | Code::RowsAhead
            | Code::TooManyRequests
            | Code::Internal
            | Code::ContentDamaged
            | Code::Unavailable
            | Code::StorageFull => self.fail(id, trouble),
        }
    }

    /// Something on the way takes no chunk of that length: the file is cut into shorter ones, and so are later files.
    fn cut_anew(&mut self, id: UploadId, rule: ChunkRule) {
        self.config.rule = rule;
        self.end_pass(id);
        let Some(upload) = self.uploads.get_mut(&id) else { return };
        upload.rule = rule;
        upload.rows.truncate(0);
        self.replace_session(id);
    }

    /// Begins another session under a fresh key; what the server holds of this owner's is not sent again.
    fn replace_session(&mut self, id: UploadId) {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&self.rng.next().to_le_bytes());
        key[8..].copy_from_slice(&self.rng.next().to_le_bytes());
        self.abort_all(id);
        let Some(upload) = self.uploads.get_mut(&id) else { return };
        upload.start_anew(ClientKey::new(key));
        self.save(id);
    }
}
