//! Waits for what the server lacks: time, or room on its disk.

use cairn_shared::limits::CHECK_ROWS_MAX;
use cairn_shared::{Problem, ProblemCode};

use super::upload::{Goal, Upload};
use super::{Engine, Kind};
use crate::view::Trouble;
use crate::{Now, UploadId};

impl Engine {
    /// The server says why, and for how long. Rows in front of the one that finds no room are asked about at once: that one waits.
    pub(super) fn wait_as_told(&mut self, id: UploadId, kind: Kind, problem: &Problem, now: Now) {
        let Some(upload) = self.uploads.get_mut(&id) else { return };
        let mut trouble = Trouble::of(problem);
        if problem.code == ProblemCode::StorageFull {
            let fits_until = problem.at.filter(|at| kind == Kind::Check && *at > upload.rows.declared());
            if fits_until.is_some() && upload.fits_until.is_none() {
                upload.fits_until = fits_until;
                return;
            }
            upload.fits_until = None;
            // The server knows of the rows that it was asked about; people mean the file.
            let left = upload.source.size.saturating_sub(upload.rows.stored_bytes());
            let needed = problem.needed_bytes.map(|needed| needed.max(left));
            trouble = Trouble::Full { needed, free: problem.free_bytes };
        }
        let asked = u64::from(problem.retry_after.unwrap_or(0)) * 1_000;
        if problem.code == ProblemCode::TooManyRequests && asked > 0 {
            // Nothing is wrong: it goes on when its turn comes.
            upload.backoff.take_turn(now, asked);
            return;
        }
        self.wait(id, kind, trouble, asked, now);
    }

    /// Who waits for room on the server's disk lets others go on: its bytes go, and what it will ask then needs none. Small files
    /// are soon read again; a large one waits with its bytes where nobody wants its turn.
    pub(super) fn yield_turns(&mut self) {
        let small_max = self.config.small_max;
        let is_small = |upload: &Upload| small_max > 0 && upload.is_small();
        let is_wanted = self.uploads.values().any(|upload| {
            upload.goal == Goal::Run && !upload.turn && !upload.waits_for_room() && !is_small(upload)
        });
        let yields = |upload: &Upload| {
            let is_idle = upload.sends == 0 && upload.call.is_none();
            upload.turn && is_idle && upload.waits_for_room() && (is_small(upload) || is_wanted)
        };
        let yielding: Vec<_> =
            self.uploads.iter().filter(|(_, upload)| yields(upload)).map(|(id, _)| *id).collect();
        for id in yielding {
            self.end_pass(id);
            if let Some(upload) = self.uploads.get_mut(&id) {
                upload.rows.ask_again();
                upload.turn = false;
            }
        }
    }
}

impl Upload {
    /// Whether it waits until the server has room.
    pub(super) fn waits_for_room(&self) -> bool {
        matches!(self.trouble, Some(Trouble::Full { .. })) && self.backoff.until().is_some()
    }

    /// Whether it is asked, without another reading, if there is room by now for rows that were cut already.
    pub(super) fn asks_for_room(&self) -> bool {
        matches!(self.trouble, Some(Trouble::Full { .. }))
            && self.session.is_some()
            && !self.ask_status
            && self.rows.declared() < self.rows.len()
    }

    /// How many rows the next check may declare.
    pub(super) fn check_rows(&self) -> usize {
        let fits = self.fits_until.map(|end| end.saturating_sub(self.rows.declared()));
        fits.filter(|rows| *rows > 0).map_or(CHECK_ROWS_MAX, |rows| CHECK_ROWS_MAX.min(rows as usize))
    }
}
