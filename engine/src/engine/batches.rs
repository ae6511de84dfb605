//! Requests of many small files in one: what gathers while one batch is under way goes with the next.

use cairn_shared::SessionId;
use cairn_shared::frame::FRAME_HEAD_BYTES;
use cairn_shared::message::{BatchCheck, BatchFinish};

use super::{Engine, Kind};
use crate::effect::{BatchCall, BatchChunk, Call, Effect};
use crate::input::{Failure, Reply};
use crate::line::CALL_TIME_MS;
use crate::{Now, RequestId, UploadId};

/// Batches of chunks on their way at once.
const SENDS_MAX: usize = 2;
/// How long a small file may take to be read, in milliseconds: a longer one is small no more.
const SMALL_READ_MS: u64 = 5_000;

/// Which route takes a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Start,
    Check,
    Upload,
    Finish,
}

/// A batch on its way, or the one request that stands for it while it has no company.
#[derive(Debug)]
pub(super) struct Batch {
    verb: Verb,
    /// Requests of their own, as far as their uploads know.
    items: Vec<RequestId>,
    bytes: u64,
    began: Now,
    pub(super) deadline: Now,
}

impl Engine {
    fn under_way(&self, verb: Verb) -> usize {
        self.batches.values().filter(|batch| batch.verb == verb).count()
    }

    /// Reads small files, as many as the memory for them takes.
    pub(super) fn read_small(&mut self, ids: &[UploadId], budget: u64, now: Now) {
        let mut held: u64 =
            ids.iter().filter_map(|id| self.uploads.get(id)?.pass.as_ref()).map(|p| p.held_bytes).sum();
        for id in ids {
            let Some(upload) = self.uploads.get(id) else { continue };
            if let Some(pass) = &upload.pass {
                let again = pass.ended && upload.rows.lacks_bytes() && upload.sends == 0;
                if !again {
                    continue;
                }
                self.end_pass(*id);
            }
            // One byte more than it has: the end is seen by reading behind it.
            let Some(bytes) = self.uploads.get(id).map(|upload| upload.source.size + 1) else { continue };
            let waits = self.uploads.get(id).is_none_or(|upload| upload.read_after.is_some());
            if waits || (held > 0 && held + bytes > budget) {
                continue;
            }
            held += bytes;
            self.begin_pass(*id);
            let Some(upload) = self.uploads.get_mut(id) else { continue };
            let (rule, Some(pass)) = (upload.rule, &mut upload.pass) else { continue };
            pass.held_bytes = bytes;
            pass.small_until = Some(now + SMALL_READ_MS);
            let pass = pass.id;
            self.effects.push_back(Effect::Read { upload: *id, pass, rule, bytes });
        }
    }

    /// What takes so long is not small any more: from now on it is read like any other file.
    pub(super) fn outgrow(&mut self, now: Now) {
        for upload in self.uploads.values_mut() {
            let Some(pass) = upload.pass.as_mut().filter(|pass| !pass.ended) else { continue };
            if pass.small_until.is_some_and(|until| until <= now) {
                pass.small_until = None;
                upload.has_grown = true;
            }
        }
    }

    /// Asks for small files: a batch of each kind at a time, alone what has no company.
    pub(super) fn ask_small(&mut self, ids: &[UploadId], now: Now) {
        for verb in [Verb::Finish, Verb::Check, Verb::Start] {
            if self.under_way(verb) > 0 {
                continue;
            }
            let mut asking = Vec::new();
            for id in ids {
                if asking.len() < self.group.items() && self.may_ask(*id) && self.wants(*id) == Some(verb) {
                    asking.push(*id);
                }
            }
            match asking[..] {
                [] => {}
                [alone] => {
                    if let Some(item) = self.ask(alone, now) {
                        self.depart_alone(verb, item, now);
                    }
                }
                _ => self.ask_together(verb, &asking, now),
            }
        }
        for id in ids {
            // What has no batch route: where an old session stands.
            if self.may_ask(*id) && self.asks_status(*id) {
                self.ask(*id, now);
            }
        }
    }

    fn ask_together(&mut self, verb: Verb, ids: &[UploadId], now: Now) {
        let mut items = Vec::new();
        let (mut starts, mut checks, mut finishes) = (Vec::new(), Vec::new(), Vec::new());
        for id in ids {
            let Some((kind, call)) = self.next_call(*id) else { continue };
            match call {
                Call::Start(start) => starts.push(start),
                Call::Check(session, check) => checks.push(BatchCheck { session, check }),
                Call::Finish(session, finish) => finishes.push(BatchFinish { session, finish }),
                Call::Status(..) | Call::Delete(_) => continue,
            }
            let item = self.request(*id, kind, now, Now::MAX);
            if let Some(upload) = self.uploads.get_mut(id) {
                upload.call = Some(item);
            }
            items.push(item);
        }
        let call = match verb {
            Verb::Start => BatchCall::Start(starts),
            Verb::Check => BatchCall::Check(checks),
            Verb::Finish => BatchCall::Finish(finishes),
            Verb::Upload => return,
        };
        let request = self.depart(verb, items, 0, now);
        self.effects.push_back(Effect::Batch { request, call });
    }

    /// Sends small chunks, alone what has no company. Gives how many places in the window their requests take.
    pub(super) fn send_small(&mut self, ids: &[UploadId], now: Now) -> usize {
        let may_send = |engine: &Self| engine.offline_until.is_none() && engine.pace.until().is_none();
        let bytes_max =
            self.pace.limit().map_or(self.group.bytes(), |limit| self.group.bytes().min(limit.get()));
        while may_send(self) && self.under_way(Verb::Upload) < SENDS_MAX {
            let (mut items, mut chunks, mut bytes) = (Vec::new(), Vec::new(), 0);
            for id in ids {
                if items.len() >= self.group.items() || bytes >= bytes_max {
                    break;
                }
                let Some(session) = self.may_send(*id) else { continue };
                let Some(upload) = self.uploads.get_mut(id) else { continue };
                let Some((index, row, chunk)) = upload.rows.next_send() else { continue };
                upload.sends += 1;
                bytes += (FRAME_HEAD_BYTES as u64) + u64::from(chunk.length);
                items.push(self.request(*id, Kind::Send(index, row), now, Now::MAX));
                chunks.push(BatchChunk { upload: *id, session, index, chunk });
            }
            if chunks.is_empty() {
                break;
            }
            self.pace.sent(bytes, now);
            match chunks[..] {
                [BatchChunk { upload, session, index, chunk }] => {
                    self.effects.push_back(Effect::Send { request: items[0], upload, session, index, chunk });
                    self.depart_alone(Verb::Upload, items[0], now);
                    if let Some(pending) = self.pending.get_mut(&items[0]) {
                        pending.deadline = now + self.pulse.time(bytes);
                    }
                }
                _ => {
                    let request = self.depart(Verb::Upload, items, bytes, now);
                    self.effects.push_back(Effect::SendBatch { request, chunks });
                }
            }
        }
        self.under_way(Verb::Upload)
    }

    /// The session that an upload may send to now.
    pub(super) fn may_send(&self, id: UploadId) -> Option<SessionId> {
        let upload = self.uploads.get(&id)?;
        let may = !upload.ask_status && upload.backoff.until().is_none();
        upload.session.as_ref().filter(|_| may).map(|session| session.id)
    }

    fn depart(&mut self, verb: Verb, items: Vec<RequestId>, bytes: u64, now: Now) -> RequestId {
        self.requests += 1;
        let request = RequestId(self.requests);
        let deadline = now + CALL_TIME_MS + self.pulse.time(bytes);
        self.batches.insert(request, Batch { verb, items, bytes, began: now, deadline });
        request
    }

    fn depart_alone(&mut self, verb: Verb, item: RequestId, now: Now) {
        // Its own deadline counts.
        let batch = Batch { verb, items: Vec::new(), bytes: 0, began: now, deadline: Now::MAX };
        self.batches.insert(item, batch);
    }

    /// The reply to a batch; hands each item its own. False where the request is none.
    pub(super) fn take_batch(
        &mut self,
        request: RequestId,
        reply: &Result<Reply, Failure>,
        now: Now,
    ) -> bool {
        let Some(batch) = self.batches.remove(&request).filter(|batch| !batch.items.is_empty()) else {
            return false;
        };
        match reply {
            Ok(Reply::Batch(replies)) if replies.len() == batch.items.len() => {
                self.group.came(batch.items.len(), batch.bytes, now - batch.began);
                for (item, reply) in batch.items.iter().zip(replies) {
                    self.take_reply(*item, reply.clone(), now);
                }
            }
            // An answer to another question is no answer.
            Ok(_) => self.lose(&batch, &Failure::Network, now),
            Err(failure) => self.lose(&batch, failure, now),
        }
        true
    }

    fn lose(&mut self, batch: &Batch, failure: &Failure, now: Now) {
        if failure.is_too_large() && batch.items.len() > 1 {
            // Less goes at once from now on; nothing is wrong with the items.
            self.group.was_too_large(batch.items.len(), batch.bytes);
            for item in &batch.items {
                self.take_back(*item);
            }
            return;
        }
        self.group.was_lost(batch.items.len(), batch.bytes);
        for item in &batch.items {
            self.take_reply(*item, Err(failure.clone()), now);
        }
    }

    /// Undoes a request, so that it is made again.
    fn take_back(&mut self, item: RequestId) {
        let Some(pending) = self.pending.remove(&item) else { return };
        let Some(upload) = self.uploads.get_mut(&pending.upload) else { return };
        if let Kind::Send(index, row) = pending.kind {
            upload.sends = upload.sends.saturating_sub(1);
            upload.rows.lost(index, row);
        } else {
            upload.call = None;
            upload.checking = None;
        }
    }

    /// Breaks off batches that made no progress for too long.
    pub(super) fn give_up_batches(&mut self, now: Now) {
        let late: Vec<_> = self
            .batches
            .iter()
            .filter(|(_, batch)| batch.deadline <= now)
            .map(|(request, _)| *request)
            .collect();
        for request in late {
            self.effects.push_back(Effect::Abort(request));
            self.take_batch(request, &Err(Failure::Network), now);
        }
    }
}
