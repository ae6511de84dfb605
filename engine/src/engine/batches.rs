//! Several requests in one: those of many small files, where what gathers while one batch is under way goes with the next, and the
//! chunks of a large file that lie together.

use cairn_shared::SessionId;
use cairn_shared::frame::FRAME_HEAD_BYTES;
use cairn_shared::limits::{CHUNK_BYTES_MAX, RUN_ROWS_MAX};
use cairn_shared::message::{BatchCheck, BatchFinish};

use super::{Engine, Kind};
use crate::effect::{BatchCall, BatchChunk, Call, Effect};
use crate::input::{Failure, Reply};
use crate::{Now, RequestId, UploadId};

/// Batches of chunks on their way at once.
const SENDS_MAX: usize = 2;
/// How long a small file may take to be read, in milliseconds: a longer one is small no more.
const SMALL_READ_MS: u64 = 5_000;

/// What goes in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Start,
    Check,
    /// Chunks of small files.
    Upload,
    /// Chunks of one large file that lie together.
    Run,
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
            Verb::Upload | Verb::Run => return,
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
                    let chunks = vec![chunk];
                    self.effects.push_back(Effect::Send {
                        request: items[0],
                        upload,
                        session,
                        index,
                        chunks,
                    });
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

    /// Sends chunks of one large file, as many in one request as the line takes in a short time: each request costs as
    /// much as many kilobytes. False where there is nothing to send, or too little while other requests are on their way.
    pub(super) fn send_run(&mut self, id: UploadId, bytes_max: u64, under_way: usize, now: Now) -> bool {
        let Some(session) = self.may_send(id) else { return false };
        let Some(upload) = self.uploads.get_mut(&id) else { return false };
        // Under a limit they go one by one: the line rests more often, and not as long.
        let bytes_max = self.pace.limit().map_or(bytes_max, |_| 0);
        let is_cutting = upload.pass.as_ref().is_some_and(|pass| !pass.ended);
        if under_way > 0 && is_cutting && upload.rows.ready_bytes() < bytes_max {
            return false;
        }
        let Some((index, row, chunk)) = upload.rows.next_send() else { return false };
        let (mut rows, mut chunks, mut bytes) = (vec![row], vec![chunk], u64::from(row.length));
        while bytes < bytes_max && chunks.len() < RUN_ROWS_MAX {
            let room = u64::from(CHUNK_BYTES_MAX) - bytes;
            let Some((row, chunk)) = upload.rows.send_too(index + rows.len() as u32, room) else { break };
            bytes += u64::from(row.length);
            rows.push(row);
            chunks.push(chunk);
        }
        upload.sends += rows.len();
        self.pace.sent(bytes, now);
        let request = if rows.len() == 1 {
            self.request(id, Kind::Send(index, row), now, self.pulse.time(bytes))
        } else {
            let kinds = (index..).zip(rows).map(|(index, row)| Kind::Send(index, row));
            let items = kinds.map(|kind| self.request(id, kind, now, Now::MAX)).collect();
            self.depart(Verb::Run, items, bytes, now)
        };
        self.effects.push_back(Effect::Send { request, upload: id, session, index, chunks });
        true
    }

    /// Requests on their way with chunks of large files.
    pub(super) fn runs(&self) -> usize {
        let alone = self.pending.iter().filter(|(request, pending)| {
            let is_own = pending.deadline != Now::MAX && !self.batches.contains_key(request);
            is_own && matches!(pending.kind, Kind::Send(..))
        });
        alone.count() + self.under_way(Verb::Run)
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
        let deadline = now + self.pulse.time(bytes);
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
                self.note_came(&batch, now - batch.began);
                for (item, reply) in batch.items.iter().zip(replies) {
                    self.take_reply(*item, reply.clone(), now);
                }
            }
            Ok(Reply::Stored) if batch.verb == Verb::Run => {
                self.note_came(&batch, now - batch.began);
                for item in &batch.items {
                    self.take_reply(*item, Ok(Reply::Stored), now);
                }
            }
            // An answer to another question is no answer.
            Ok(_) => self.lose(&batch, &Failure::Network, now),
            Err(failure) => self.lose(&batch, failure, now),
        }
        true
    }

    fn note_came(&mut self, batch: &Batch, took: Now) {
        if batch.verb == Verb::Run {
            self.pulse.came(batch.bytes, took);
            self.group.run_came(batch.bytes, took);
        } else {
            self.group.came(batch.items.len(), batch.bytes, took);
        }
    }

    fn lose(&mut self, batch: &Batch, failure: &Failure, now: Now) {
        if failure.is_too_large() && batch.items.len() > 1 {
            // Less goes at once from now on; nothing is wrong with the items.
            if batch.verb == Verb::Run {
                self.group.run_was_too_large(batch.bytes);
            } else {
                self.group.was_too_large(batch.items.len(), batch.bytes);
            }
            for item in &batch.items {
                self.take_back(*item);
            }
            return;
        }
        if batch.verb == Verb::Run {
            self.group.run_was_lost(batch.bytes);
            // One refusal counts once, however many chunks went together.
            for item in batch.items.iter().skip(1) {
                self.take_back(*item);
            }
            if let Some(first) = batch.items.first() {
                self.take_reply(*first, Err(failure.clone()), now);
            }
            return;
        }
        if !failure.is_too_often() {
            self.group.was_lost(batch.items.len(), batch.bytes);
        }
        for item in &batch.items {
            self.take_reply(*item, Err(failure.clone()), now);
        }
    }

    /// Breaks off the runs that these chunks are on their way in: all of a run belong to one upload.
    pub(super) fn drop_runs(&mut self, items: &[RequestId]) {
        let is_dropped = |batch: &Batch| {
            batch.verb == Verb::Run && batch.items.first().is_some_and(|item| items.contains(item))
        };
        for (request, _) in self.batches.extract_if(.., |_, batch| is_dropped(batch)) {
            self.effects.push_back(Effect::Abort(request));
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
            self.pulse.was_lost();
            self.effects.push_back(Effect::Abort(request));
            self.take_batch(request, &Err(Failure::Network), now);
        }
    }
}
