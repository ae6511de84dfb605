//! What readers tell: chunks, the end of a file, failures.

use cairn_shared::{ChunkDigest, Proof, Row, UnixMs};

use super::rows::Taken;
use super::upload::Goal;
use super::{Engine, Upload};
use crate::effect::{ChunkRef, Effect};
use crate::input::PassFailure;
use crate::view::Trouble;
use crate::{Now, PassId, UploadId};

/// Readings in a row during which the file may change.
const UNSTEADY_PASSES_MAX: u32 = 5;
/// Pause before a changing file is read again, in milliseconds.
const STEADY_PAUSE_MS: u64 = 1_000;

impl Engine {
    /// The upload, where the pass is its current one.
    fn reading(&mut self, id: UploadId, pass: PassId) -> Option<&mut Upload> {
        self.uploads
            .get_mut(&id)
            .filter(|upload| upload.pass.as_ref().is_some_and(|current| current.id == pass))
    }

    pub(super) fn take_chunks(&mut self, id: UploadId, pass: PassId, chunks: Vec<(ChunkRef, ChunkDigest)>) {
        let Some(upload) = self.reading(id, pass) else { return };
        let mut released = Vec::new();
        for (chunk, digest) in chunks {
            let Some(pass) = &mut upload.pass else { break };
            let index = pass.cut_rows;
            pass.cut_rows += 1;
            pass.cut_bytes += u64::from(chunk.length);
            let row = Row { digest, length: chunk.length };
            let declared =
                upload.rows.declared().max(upload.checking.map_or(0, |check| check.at + check.rows));
            let (taken, changed) = upload.rows.take(index, row, chunk);
            if changed && index < declared {
                upload.changed = true;
                upload.revise(index);
            }
            if taken == Taken::Release {
                released.push(chunk);
            }
        }
        self.release(id, released);
    }

    pub(super) fn proven(&mut self, id: UploadId, index: u32, chunk: ChunkRef, proof: Proof) {
        if let Some(upload) = self.uploads.get_mut(&id) {
            upload.rows.proven(index, chunk, proof);
        }
    }

    /// Tells the reader, and counts.
    pub(super) fn release(&mut self, id: UploadId, chunks: Vec<ChunkRef>) {
        let Some(upload) = self.uploads.get_mut(&id) else { return };
        let Some(pass) = &mut upload.pass else { return };
        let chunks: Vec<_> = chunks.into_iter().filter(|chunk| chunk.pass == pass.id).collect();
        if chunks.is_empty() {
            return;
        }
        let bytes: u64 = chunks.iter().map(|chunk| u64::from(chunk.length)).sum();
        pass.held_bytes = pass.held_bytes.saturating_sub(bytes);
        self.effects.push_back(Effect::Release { upload: id, chunks });
    }

    pub(super) fn end_of_pass(
        &mut self,
        id: UploadId,
        pass: PassId,
        size: u64,
        mtime: Option<UnixMs>,
        now: Now,
    ) {
        let Some(upload) = self.reading(id, pass) else { return };
        let Some(pass) = &mut upload.pass else { return };
        if pass.cut_bytes != size || pass.began_with != (size, mtime) {
            upload.source.size = size;
            upload.source.mtime = mtime;
            self.read_again(id, now);
            return;
        }
        pass.ended = true;
        let (rows, cut) = (pass.cut_rows, pass.cut_bytes);
        upload.unsteady_passes = 0;
        if upload.rows.len() > rows {
            upload.rows.truncate(rows);
            upload.changed = true;
        }
        if let Some(checking) = &mut upload.checking {
            checking.spoilt |= checking.at + checking.rows > rows;
        }
        self.held_is_cut(id, cut);
    }

    /// What was granted beyond the end of the file will never be read.
    fn held_is_cut(&mut self, id: UploadId, cut: u64) {
        let Some(upload) = self.uploads.get_mut(&id) else { return };
        let unreleased = upload.rows.held_bytes();
        if let Some(pass) = &mut upload.pass {
            pass.held_bytes = unreleased.min(cut);
        }
    }

    pub(super) fn pass_failed(&mut self, id: UploadId, pass: PassId, failure: PassFailure, now: Now) {
        if self.reading(id, pass).is_none() {
            return;
        }
        match failure {
            PassFailure::Changed => self.read_again(id, now),
            PassFailure::Lost => {
                self.end_pass(id);
                if let Some(upload) = self.uploads.get_mut(&id)
                    && matches!(upload.goal, Goal::Run | Goal::Paused)
                {
                    upload.goal = Goal::NeedsFile;
                }
            }
        }
    }

    /// The file changed while it was read: from the start again, after a pause.
    fn read_again(&mut self, id: UploadId, now: Now) {
        self.end_pass(id);
        let Some(upload) = self.uploads.get_mut(&id) else { return };
        upload.changed = true;
        upload.unsteady_passes += 1;
        upload.read_after = Some(now + STEADY_PAUSE_MS);
        if upload.unsteady_passes >= UNSTEADY_PASSES_MAX {
            self.abort_all(id);
            if let Some(upload) = self.uploads.get_mut(&id) {
                upload.fail(Trouble::KeepsChanging);
            }
        }
    }
}
