//! What a folder does next: made, listed, filled, compared, and removed again where nothing arrived.

use cairn_shared::message::FolderListResponse;
use cairn_shared::{FolderId, RelPath};

use super::contents::Contents;
use super::left_out::{LeftOut, Why, is_of_one_path};
use super::receipt::Receipt;
use super::talk::{Call, Reply, trouble};
use super::{File, Folder, Sum, Waiting, pages};
use crate::{Failure, JournalEntry, Trouble};

/// How far a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The server does not know of it.
    Unmade,
    /// What the server has of it is listed.
    Listing,
    /// Files go, and empty folders are told.
    Sending,
    /// What lies here is to be told once more.
    Looking,
    /// What the server has is listed for the receipt.
    Comparing,
    /// Nothing arrived: it is removed.
    Removing,
    /// Nothing is left to do.
    Over,
}

impl<F: File> Folder<F> {
    /// Asks for what is next, where nothing is asked.
    pub(super) fn advance(&mut self) {
        if self.stage == Stage::Sending {
            self.sort();
        }
        if !self.talk.is_idle() || self.refused.is_some() {
            return;
        }
        match self.stage {
            Stage::Unmade if self.is_wanted() => self.talk.ask(Call::Make(self.record.request(Vec::new()))),
            Stage::Unmade if self.config.unattended && !self.walking => self.stage = Stage::Over,
            Stage::Sending if !self.walking => {
                if let Some(page) = self.untold.front() {
                    self.talk.ask(Call::Make(self.record.request(page.clone())));
                } else if self.is_done() {
                    self.compare();
                }
            }
            Stage::Listing | Stage::Comparing => self.list(None),
            Stage::Removing => self.ask(Call::Delete),
            Stage::Unmade | Stage::Sending | Stage::Looking | Stage::Over => {}
        }
    }

    /// Whether there is anything to make it for. One of which nothing can be sent is not made.
    fn is_wanted(&self) -> bool {
        let is_plainly_empty = !self.walking && self.left_out.is_empty();
        !self.is_new || !self.here.is_empty() || is_plainly_empty
    }

    fn ask(&mut self, call: impl FnOnce(FolderId) -> Call) {
        match &self.server {
            Some(server) => self.talk.ask(call(server.folder)),
            None => self.stage = Stage::Over,
        }
    }

    fn list(&mut self, after: Option<RelPath>) {
        self.ask(|folder| Call::List(folder, after));
    }

    fn compare(&mut self) {
        if self.config.unattended {
            self.stage = Stage::Looking;
        } else {
            self.there = Contents::default();
            self.stage = Stage::Comparing;
            self.list(None);
        }
    }

    pub(super) fn take_answer(&mut self, call: Call, reply: Result<Reply, Failure>) {
        match (call, reply) {
            (Call::Make(_), Ok(Reply::Made(made))) => {
                self.server = Some(made);
                if self.stage == Stage::Unmade {
                    self.stage = if self.is_new { Stage::Sending } else { Stage::Listing };
                } else {
                    self.untold.pop_front();
                }
            }
            (Call::List(..), Ok(Reply::Listed(page))) => self.take_page(page),
            (Call::Delete(_), _) => {
                // Where it stays, it is among the owner's folders, and says what it has: nothing.
                self.server = None;
                self.stage = Stage::Over;
            }
            (call, Err(failure)) => self.take_refusal(&call, &failure),
            // An answer to something else.
            (_, Ok(_)) => self.refused = Some(Trouble::Network),
        }
    }

    fn take_page(&mut self, page: FolderListResponse) {
        let FolderListResponse { url, items, next, .. } = page;
        self.there.take_page(items);
        if next.is_some() {
            self.list(next);
        } else if self.stage == Stage::Listing {
            self.stage = Stage::Sending;
        } else {
            self.end(url);
        }
    }

    /// Everything is listed, here and there.
    fn end(&mut self, url: Option<String>) {
        let known = self.left_out();
        let receipt = Receipt::of(&self.here, &self.there, &known, url);
        let is_nothing = self.there.is_empty() && !receipt.left_out.is_empty();
        let is_news = !self.config.unattended && receipt.left_out.len() > self.accepted;
        self.leave_out(receipt.left_out.clone());
        self.receipt = Some(receipt);
        self.stage = if is_nothing {
            Stage::Removing
        } else if is_news {
            // A person has to know of it before it is at its end.
            Stage::Sending
        } else {
            Stage::Over
        };
    }

    fn take_refusal(&mut self, call: &Call, failure: &Failure) {
        let trouble = trouble(failure);
        match (self.stage, call) {
            (Stage::Sending, Call::Make(_)) => self.take_page_refusal(failure, &trouble),
            // The server refuses to say: there is nothing to wait for.
            (Stage::Comparing, _) => {
                self.receipt = None;
                self.server = None;
                self.refused = Some(trouble);
                self.stage = Stage::Over;
            }
            _ => self.refused = Some(trouble),
        }
    }

    /// One path that is refused is none of the others' business.
    fn take_page_refusal(&mut self, failure: &Failure, trouble: &Trouble) {
        let Some(page) = self.untold.pop_front() else { return };
        let is_of_one = match failure {
            Failure::Problem(problem) => is_of_one_path(problem.code),
            Failure::Network | Failure::Status { .. } => failure.is_too_large(),
        };
        if is_of_one && page.len() > 1 {
            let (first, second) = pages::halves(page);
            self.untold.push_front(second);
            self.untold.push_front(first);
            return;
        }
        let left =
            |path: RelPath| LeftOut { path: path.as_str().to_owned(), why: Why::Failed(trouble.clone()) };
        self.leave_out(page.into_iter().map(left).collect());
    }

    /// What was found is with the server already, or waits to be sent.
    fn sort(&mut self) {
        let folder = self.server.as_ref().map(|server| server.folder);
        for (mut file, key) in std::mem::take(&mut self.unsorted) {
            file.source_mut().folder = folder;
            let source = file.source();
            let entry = source.path.as_ref().and_then(|path| self.known.remove(path.as_str()));
            // What was begun in a folder that is gone can't come into this one.
            let entry = entry.filter(|entry| entry.folder.is_none() || entry.folder == folder);
            if entry.is_none() && self.there.has(source) {
                self.were_there.add(source.size);
                continue;
            }
            self.to_send.add(source.size);
            let key = entry.as_ref().map_or(key, |entry| entry.key);
            if entry.is_none() {
                self.fresh.push(JournalEntry::fresh(key, source));
            }
            self.waiting.push_back(Waiting { file, key, entry });
        }
    }

    /// Every file has arrived.
    pub(super) fn is_done(&self) -> bool {
        self.sends_nothing() && self.loaded.is_empty() && self.lacks_none()
    }

    pub(super) fn sends_nothing(&self) -> bool {
        self.is_settled() && self.waiting.is_empty()
    }

    fn lacks_none(&self) -> bool {
        self.config.unattended || (self.left_out.len() == self.accepted && self.known.is_empty())
    }

    /// Nothing goes on any more but by a person, who may do without what is missing or failed.
    pub(super) fn can_do_without(&self) -> bool {
        let is_held_up = self.waiting.is_empty() || self.resting.len() >= self.config.troubled_max;
        let rests = self.is_settled() && is_held_up && !self.paused && !self.is_done();
        rests && self.server.is_some() && self.loaded.len() == self.resting.len()
    }

    /// All of it, as far as it is known.
    pub(super) fn total(&self) -> Sum {
        let unsorted = self.unsorted.iter().map(|(file, _)| file.source().size);
        let met = self.were_there.and(self.to_send).and(Sum::of(unsorted));
        if self.is_settled() {
            return met.and(Sum::of(self.known.values().map(|entry| entry.size)));
        }
        // What may still be met is part of what an earlier visit counted.
        met.max(self.earlier.and(self.to_send))
    }

    /// Everything was found, and it is known what of it the server has.
    fn is_settled(&self) -> bool {
        !self.walking && self.unsorted.is_empty()
    }

    /// What was there before this visit, as far as it is known.
    pub(super) fn base(&self) -> Sum {
        if self.is_settled() { self.were_there } else { self.were_there.max(self.earlier) }
    }
}
