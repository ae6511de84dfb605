//! A folder's files: a few at a time with the engine, the others wait; and what a person does about them.

use super::contents::Stat;
use super::left_out::{LeftOut, Why};
use super::{File, Folder, Sum, Waiting};
use crate::{JournalEntry, Now, State, UploadId, View};

impl<F: File> Folder<F> {
    /// The next file for the engine, where there is room for one; `upload` is its number from now on.
    pub fn next_file(&mut self, upload: UploadId) -> Option<Waiting<F>> {
        let going = self.loaded.len() - self.resting.len();
        let has_room = going < self.config.loaded_max && self.resting.len() < self.config.troubled_max;
        if self.paused || !has_room {
            return None;
        }
        let next = self.waiting.pop_front()?;
        self.loaded.insert(upload, None);
        Some(next)
    }

    /// What a file looks like now.
    pub fn looks(&mut self, upload: UploadId, view: View) {
        let Some(kept) = self.loaded.get_mut(&upload) else { return };
        if matches!(view.state, State::Failed | State::NeedsFile) {
            self.resting.insert(upload);
        } else {
            self.resting.remove(&upload);
        }
        *kept = Some(view);
    }

    /// A file is published: the engine need not know it any more.
    pub fn settle(&mut self, upload: UploadId, view: &View) {
        self.unload(upload);
        self.arrived.add(view.size);
        self.reused += view.reused;
        self.sent += view.sent;
        let stat = view.path.as_ref().and_then(|path| self.here.files.get_mut(path));
        if let Some(stat) = stat.filter(|stat| view.changed || stat.size != view.size) {
            // It was read as it is now, whatever the walk saw.
            *stat = Stat { size: view.size, mtime: None };
        }
        self.advance();
    }

    /// A file can't be sent: it is given up, and named.
    pub fn give_up(&mut self, upload: UploadId, left: LeftOut) {
        let view = self.unload(upload);
        self.to_send.remove(view.map_or(0, |view| view.size));
        self.leave_out(vec![left]);
        self.advance();
    }

    /// A person wants it to wait; gives the files that do.
    pub fn pause(&mut self) -> Vec<UploadId> {
        self.paused = true;
        self.loaded.keys().copied().collect()
    }

    /// A person wants it to go on; also a retry of what failed. Gives the files that do.
    pub fn resume(&mut self, now: Now) -> Vec<UploadId> {
        let resting = if self.paused { self.loaded.keys() } else { return self.retry(now) };
        let resting = resting.copied().collect();
        self.paused = false;
        resting
    }

    fn retry(&mut self, now: Now) -> Vec<UploadId> {
        self.refused = None;
        self.talk.hurry(now);
        self.advance();
        self.resting.iter().copied().collect()
    }

    /// A person does without what is missing or failed: entries that were never met, and uploads.
    pub fn do_without(&mut self) -> (Vec<JournalEntry>, Vec<UploadId>) {
        if !self.can_do_without() {
            return (Vec::new(), Vec::new());
        }
        let unmet: Vec<_> = self.known.drain().collect();
        let gone = unmet.iter().map(|(path, _)| LeftOut { path: path.clone(), why: Why::Vanished });
        self.leave_out(gone.collect());
        let loaded = std::mem::take(&mut self.loaded);
        self.resting.clear();
        for view in loaded.values().flatten() {
            self.to_send.remove(view.size);
            let path = view.path.as_ref().map_or(view.name.as_str(), |path| path.as_str());
            self.leave_out(vec![LeftOut { path: path.to_owned(), why: Why::of_view(view) }]);
        }
        self.accepted = self.left_out.len();
        self.count();
        self.advance();
        (unmet.into_iter().map(|(_, entry)| entry).collect(), loaded.into_keys().collect())
    }

    /// The folder on the server, where nothing of it has arrived as far as that is known.
    pub fn made_in_vain(&self) -> Option<cairn_shared::FolderId> {
        let is_empty = self.arrived == Sum::default() && self.base() == Sum::default();
        self.server.as_ref().filter(|_| is_empty && !self.is_over()).map(|server| server.folder)
    }

    /// Everything is given up: files with the engine, and entries of those that are not.
    pub fn take_apart(self) -> (Vec<UploadId>, Vec<JournalEntry>) {
        let waiting = self.waiting.into_iter().filter_map(|waiting| waiting.entry);
        (self.loaded.into_keys().collect(), waiting.chain(self.known.into_values()).collect())
    }

    fn unload(&mut self, upload: UploadId) -> Option<View> {
        self.resting.remove(&upload);
        self.loaded.remove(&upload).flatten()
    }
}
