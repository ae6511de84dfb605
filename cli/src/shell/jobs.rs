//! Files of this machine on their way through the engine: which is next, and what came of it.

use std::path::PathBuf;

use cairn_engine::folder::{File, LeftOut, Why};
use cairn_engine::{Input, JournalEntry, Source, State, UploadId, View};
use cairn_shared::limits::PACKED_BYTES_MAX;
use cairn_shared::{ClientKey, HandOver};

use super::{LIVE_MAX, Shell, Upload};
use crate::journal::Place;
use crate::platform::random;

/// One file to upload.
#[derive(Debug)]
pub(crate) struct Job {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What it is.
    pub(crate) source: Source,
    /// What another device began of it.
    pub(crate) handed: Option<HandOver>,
}

impl File for Job {
    fn source(&self) -> &Source {
        &self.source
    }

    fn source_mut(&mut self) -> &mut Source {
        &mut self.source
    }
}

/// A file in the journal.
#[derive(Default)]
struct Slot {
    place: Option<Place>,
    kept: Option<JournalEntry>,
}

impl Shell {
    /// Hands files to the engine that it has room for, all of them before it decides what is next.
    pub(super) fn add_more(&mut self) -> anyhow::Result<()> {
        let mut inputs = Vec::new();
        while self.uploads.len() < LIVE_MAX {
            let upload = UploadId(self.numbers);
            let Some((job, home)) = self.next_job(upload) else { break };
            self.numbers += 1;
            let source = job.source.clone();
            let Some(Slot { place, kept }) = self.find_slot(&job, home)? else {
                self.progress.size -= job.source.size;
                if home.is_none() {
                    self.report.left_out(&job.path, &Why::Elsewhere);
                }
                self.give_up(upload, &job, home, Why::Elsewhere);
                continue;
            };
            let key = ClientKey::new(random()?);
            let handed = job.handed.clone().map(|handed| JournalEntry::handed(key, handed));
            let entry = handed.or(kept);
            let session = entry.as_ref().and_then(|entry| entry.session.clone());
            self.uploads.insert(upload, Upload { job, home, place, session });
            inputs.push(Input::Add { upload, source, key, entry });
        }
        self.engine.handle_all(inputs, self.clock.now());
        self.carry_out()
    }

    fn next_job(&mut self, upload: UploadId) -> Option<(Job, Option<usize>)> {
        if let Some(job) = self.waiting.pop_front() {
            return Some((job, None));
        }
        let mut trees = self.trees.iter_mut().enumerate();
        trees.find_map(|(home, tree)| Some((tree.folder.next_file(upload)?.file, Some(home))))
    }

    /// Its place in the journal with what an earlier run left there; small files of a folder have none. Nothing where somebody else
    /// has it.
    fn find_slot(&self, job: &Job, home: Option<usize>) -> anyhow::Result<Option<Slot>> {
        let home =
            home.and_then(|home| Some((self.trees.get(home)?.root.as_path(), job.source.path.as_ref()?)));
        if home.is_some() && job.source.size <= u64::from(PACKED_BYTES_MAX) {
            return Ok(Some(Slot::default()));
        }
        let Some(place) = Place::take(&self.state, self.line.server(), home, &job.path)? else {
            return Ok(None);
        };
        // A file keeps the date that it was begun with; in a folder it is compared with what lies here.
        let is_same = |entry: &JournalEntry| home.is_none() || entry.start_mtime == job.source.mtime;
        let kept = place.load().filter(is_same);
        Ok(Some(Slot { place: Some(place), kept }))
    }

    /// A file can't be sent: it is counted, and with a folder named at its end.
    fn give_up(&mut self, upload: UploadId, job: &Job, home: Option<usize>, why: Why) {
        self.progress.ended += 1;
        match home.and_then(|home| self.trees.get_mut(home)) {
            Some(tree) => {
                let path = job.source.path.as_ref().map_or(job.source.name.as_str(), |path| path.as_str());
                tree.folder.give_up(upload, LeftOut { path: path.to_owned(), why });
            }
            None => self.failed += 1,
        }
    }

    pub(super) fn tell_ended(&mut self) {
        let mut over = Vec::new();
        for id in self.uploads.keys() {
            let state = self.engine.state(*id);
            if matches!(state, Some(State::Done | State::Failed | State::NeedsFile))
                && let Some(view) = self.engine.view(*id)
            {
                let lacks_digest = view.finished.as_ref().is_some_and(|done| done.blob.is_none());
                if !(lacks_digest && self.report.wants_digests()) {
                    over.push((*id, view));
                }
            }
        }
        let dismissed: Vec<_> = over.iter().map(|(id, _)| Input::Dismiss(*id)).collect();
        for (id, view) in over {
            let Some(upload) = self.uploads.remove(&id) else { continue };
            self.progress.stored += view.stored;
            self.progress.reused += view.reused;
            let why = (view.state != State::Done).then(|| reason(&upload.job, &view));
            self.waits.give_up(&view);
            self.report.ended(&upload.job, &view, why.as_ref(), self.engine.said(id));
            match (upload.home.and_then(|home| self.trees.get_mut(home)), why) {
                (_, Some(why)) => self.give_up(id, &upload.job, upload.home, why),
                (Some(tree), None) => {
                    tree.folder.settle(id, &view);
                    self.progress.ended += 1;
                }
                (None, None) => self.progress.ended += 1,
            }
        }
        if !dismissed.is_empty() {
            self.engine.handle_all(dismissed, self.clock.now());
        }
    }
}

/// Why a file did not arrive.
fn reason(job: &Job, view: &View) -> Why {
    if view.state == State::Failed {
        return Why::of_view(view);
    }
    // Its reader could not say it.
    std::fs::File::open(&job.path).map_or_else(|error| Why::from(error.kind()), |_| Why::Unreadable)
}
