//! What every active upload does next.

use cairn_shared::ProofKey;
use cairn_shared::limits::CHECK_ROWS_MAX;
use cairn_shared::message::{CheckRequest, FinishRequest, StartRequest};

use super::batches::Verb;
use super::upload::{Checking, Goal, Pass, Upload};
use super::{Engine, Kind};
use crate::effect::{Call, Effect};
use crate::line::CALL_TIME_MS;
use crate::{Now, PassId, RequestId, UploadId};

/// Smallest grant to a reader, in bytes, where its share is twice that.
const GRANT_BYTES_MIN: u64 = 1 << 20;
/// How long a platform is believed that says there is no network, in milliseconds.
pub(super) const OFFLINE_TIME_MS: u64 = 30_000;
/// First pause before the whole-file digest is asked for again, and the longest, in milliseconds.
pub(super) const BLOB_PAUSE_MS: u64 = 250;
pub(super) const BLOB_PAUSE_MAX_MS: u64 = 30_000;

/// Small grants cost more than they bring.
fn grant_min(share: u64) -> u64 {
    GRANT_BYTES_MIN.min(share / 2)
}

impl Engine {
    /// Lets every active upload take its next steps.
    pub(super) fn advance(&mut self, now: Now) {
        self.uploads.values_mut().for_each(|upload| upload.wake(now));
        self.offline_until = self.offline_until.filter(|until| *until > now);
        self.pace.wake(now);
        self.outgrow(now);
        self.yield_turns();
        self.assign_turns();
        let small_max = self.config.small_max;
        let is_small = |id: &UploadId| small_max > 0 && self.uploads.get(id).is_some_and(Upload::is_small);
        let (small, large): (Vec<_>, Vec<_>) = self.active().partition(is_small);
        // Small files share half of the memory, all of it where they are alone.
        let budget = self.config.held_bytes_max >> u32::from(!large.is_empty());
        let rest = if small.is_empty() { self.config.held_bytes_max } else { budget };
        let share = rest / large.len().max(1) as u64;
        self.read_small(&small, budget, now);
        self.ask_small(&small, now);
        for id in &large {
            self.make_room(*id, share);
            self.read(*id, share);
            if self.may_ask(*id) && !self.may_gather(*id, share) {
                self.ask(*id, now);
            }
        }
        self.prove();
        let batches = self.send_small(&small, now);
        self.send(&large, batches, share, now);
        self.ask_for_blobs(now);
        self.say_farewell(now);
    }

    fn held_bytes(&self) -> u64 {
        self.uploads.values().filter_map(|upload| upload.pass.as_ref()).map(|pass| pass.held_bytes).sum()
    }

    /// An active upload that lacks its share gets it from those that rest: they will read again.
    fn make_room(&mut self, id: UploadId, share: u64) {
        let own =
            self.uploads.get(&id).and_then(|upload| upload.pass.as_ref()).map_or(0, |pass| pass.held_bytes);
        if own + grant_min(share) > share {
            return;
        }
        while self.held_bytes() + share - own > self.config.held_bytes_max {
            let holds = |upload: &Upload| upload.pass.as_ref().is_some_and(|pass| pass.held_bytes > 0);
            let resting = self.uploads.iter().find(|(_, upload)| !upload.turn && holds(upload));
            let Some(resting) = resting.map(|(id, _)| *id) else { return };
            self.end_pass(resting);
        }
    }

    /// Begins a reading where one is needed, and grants it what its share allows.
    fn read(&mut self, id: UploadId, share: u64) {
        let held = self.held_bytes();
        let Some(upload) = self.uploads.get_mut(&id) else { return };
        if upload.read_after.is_some() {
            return;
        }
        let again = upload.pass.as_ref().is_some_and(|pass| pass.ended)
            && upload.rows.lacks_bytes()
            && upload.sends == 0;
        if again {
            self.end_pass(id);
        }
        if self.uploads.get(&id).is_some_and(|upload| upload.pass.is_none() && !upload.asks_for_room()) {
            self.begin_pass(id);
        }
        let Some(upload) = self.uploads.get_mut(&id) else { return };
        let Some(pass) = &mut upload.pass else { return };
        let room = share.saturating_sub(pass.held_bytes).min(self.config.held_bytes_max.saturating_sub(held));
        if !pass.ended && room >= grant_min(share) {
            pass.held_bytes += room;
            let (pass, rule) = (pass.id, upload.rule);
            self.effects.push_back(Effect::Read { upload: id, pass, rule, bytes: room });
        }
    }

    pub(super) fn begin_pass(&mut self, id: UploadId) {
        self.passes += 1;
        let Some(upload) = self.uploads.get_mut(&id) else { return };
        upload.pass = Some(Pass {
            id: PassId(self.passes),
            began_with: (upload.source.size, upload.source.mtime),
            cut_rows: 0,
            cut_bytes: 0,
            held_bytes: 0,
            ended: false,
            small_until: None,
        });
    }

    /// One JSON request at a time, none while the line rests.
    pub(super) fn may_ask(&self, id: UploadId) -> bool {
        self.offline_until.is_none()
            && self
                .uploads
                .get(&id)
                .is_some_and(|upload| upload.call.is_none() && upload.backoff.until().is_none())
    }

    /// Whether rows may wait for others to be asked about with them: more are being cut, and what waits is a quarter of what may be held,
    /// half of that where the line has nothing to do and the last answer brought it something. The reader never waits for it: a chunk
    /// that is not cut yet and a grant have their place beside what waits, and so has what is not sent since it would be a short run.
    fn may_gather(&self, id: UploadId, share: u64) -> bool {
        let Some(upload) = self.uploads.get(&id) else { return false };
        let is_cutting = upload.pass.as_ref().is_some_and(|pass| !pass.ended);
        let asks_rows = upload.session.is_some()
            && !upload.ask_status
            && upload.revise_at.is_none()
            && !upload.rows.has_proofs();
        if !is_cutting || !asks_rows || upload.rows.declared() == 0 {
            return false;
        }
        let line_waits = upload.lacks && upload.sends == 0 && upload.rows.ready_bytes() == 0;
        let longest = u64::from(upload.rule.length_max());
        let room = share.saturating_sub(longest + grant_min(share)) / 2;
        upload.rows.undeclared_bytes() < room.min(share / if line_waits { 8 } else { 4 })
    }

    pub(super) fn ask(&mut self, id: UploadId, now: Now) -> Option<RequestId> {
        let (kind, call) = self.next_call(id)?;
        let request = self.call(id, kind, call, now);
        if let Some(upload) = self.uploads.get_mut(&id) {
            upload.call = Some(request);
        }
        Some(request)
    }

    /// Whether the server has to be asked first where the session stands.
    pub(super) fn asks_status(&self, id: UploadId) -> bool {
        self.uploads.get(&id).is_some_and(|upload| upload.session.is_some() && upload.ask_status)
    }

    /// What `next_call` would ask that has a batch route.
    pub(super) fn wants(&mut self, id: UploadId) -> Option<Verb> {
        let upload = self.uploads.get_mut(&id)?;
        if upload.session.is_none() {
            return Some(Verb::Start);
        }
        if upload.ask_status {
            return None;
        }
        let (revises, has_rows) = upload.wants_check();
        if revises || has_rows || upload.rows.has_proofs() {
            return Some(Verb::Check);
        }
        upload.is_whole().then_some(Verb::Finish)
    }

    /// The next JSON request, where there is one to be made.
    pub(super) fn next_call(&mut self, id: UploadId) -> Option<(Kind, Call)> {
        let upload = self.uploads.get_mut(&id)?;
        let Some(session) = upload.session.as_ref().map(|session| session.id) else {
            let request = StartRequest {
                name: upload.source.name.clone(),
                size: Some(upload.start_size),
                key: Some(upload.key),
                path: upload.source.path.clone(),
                folder: upload.source.folder,
                mtime: upload.start_mtime,
                media_type: upload.source.media_type.clone(),
                chunking: Some(upload.rule),
                meta: None,
            };
            return Some((Kind::Start, Call::Start(request)));
        };
        if upload.ask_status {
            return Some((Kind::Status, Call::Status(session, upload.server_rows)));
        }
        let (revises, has_rows) = upload.wants_check();
        if !revises && upload.rows.has_proofs() {
            let (at, chunks) = upload.rows.proofs(CHECK_ROWS_MAX);
            let (revision, size) = (upload.revision, None);
            upload.checking = Some(Checking { at, rows: chunks.len() as u32, size, spoilt: false });
            return Some((Kind::Check, Call::Check(session, CheckRequest { revision, at, size, chunks })));
        }
        if revises || has_rows {
            let at = upload.rows.declared();
            let chunks = upload.rows.undeclared(upload.check_rows());
            let revision = upload.revision + u32::from(revises);
            let size = revises.then_some(upload.source.size);
            upload.checking = Some(Checking { at, rows: chunks.len() as u32, size, spoilt: false });
            return Some((Kind::Check, Call::Check(session, CheckRequest { revision, at, size, chunks })));
        }
        if !upload.is_whole() {
            return None;
        }
        let request = FinishRequest {
            revision: Some(upload.revision),
            chunks: Some(upload.rows.len()),
            size: Some(upload.source.size),
            manifest_digest: Some(upload.rows.manifest_digest(upload.rule)),
            link: None,
        };
        Some((Kind::Finish, Call::Finish(session, request)))
    }

    /// Has everything proven that was offered and whose bytes are here.
    fn prove(&mut self) {
        for (id, upload) in self.uploads.iter_mut().filter(|(_, upload)| upload.turn) {
            let Some(session) = &upload.session else { continue };
            // Only where one is wanted: of thousands of small files each has a session, and this comes by each time.
            let mut of_session = None;
            while let Some((index, row, chunk)) = upload.rows.next_proof() {
                let key =
                    of_session.get_or_insert_with(|| ProofKey::of_session(&session.key)).of_row(index, row);
                self.effects.push_back(Effect::Prove { upload: *id, index, chunk, key });
            }
        }
    }

    /// Fills the window, one upload after the other.
    fn send(&mut self, ids: &[UploadId], batches: usize, share: u64, now: Now) {
        // What is on its way with a full window leaves half of what may be held to the reader.
        let all = self.config.held_bytes_max / 2 / u64::from(self.config.sends_max.max(1));
        let bytes_max = self.group.run_bytes().min(all).min(share / 4);
        for id in ids.iter().copied() {
            loop {
                let under_way = batches + self.runs();
                let may = self.offline_until.is_none() && self.pace.until().is_none();
                if !may || under_way >= self.window.size() || !self.send_run(id, bytes_max, under_way, now) {
                    break;
                }
            }
        }
    }

    fn ask_for_blobs(&mut self, now: Now) {
        let due: Vec<_> = self
            .uploads
            .iter()
            .filter(|(_, upload)| upload.goal == Goal::Done && upload.call.is_none())
            .filter(|(_, upload)| upload.blob_at.is_some_and(|(at, _)| at <= now))
            .filter_map(|(id, upload)| Some((*id, upload.session.as_ref()?.id)))
            .collect();
        for (id, session) in due {
            let request = self.call(id, Kind::Blob, Call::Status(session, 0), now);
            if let Some(upload) = self.uploads.get_mut(&id) {
                upload.call = Some(request);
            }
        }
    }

    /// Gives up the sessions of cancelled uploads.
    fn say_farewell(&mut self, now: Now) {
        let due: Vec<_> = self
            .farewells
            .iter()
            .filter(|(id, farewell)| {
                farewell.at <= now && !self.pending.values().any(|pending| pending.upload == **id)
            })
            .map(|(id, farewell)| (*id, farewell.session))
            .collect();
        for (id, session) in due {
            self.call(id, Kind::Delete, Call::Delete(session), now);
            if let Some(farewell) = self.farewells.get_mut(&id) {
                farewell.at = now + CALL_TIME_MS;
            }
        }
    }
}
