//! What the shell tells, put where people see it.

use std::collections::HashSet;

use cairn_engine::{UploadId, View};
use cairn_shared::Name;
use leptos::prelude::*;

use crate::platform::document;
use crate::shell::{FolderId, FolderView, Unfinished, Watcher};
use crate::state::focus::{UNFINISHED_PANEL, refocus};
use crate::state::language::Language;
use crate::state::notices::Notices;
use crate::state::uploads::Uploads;

/// Listens to the shell.
pub(super) struct Watch {
    pub(super) language: Language,
    pub(super) notices: Notices,
    pub(super) uploads: Uploads,
}

impl Watcher for Watch {
    fn changed(&self, views: Vec<(UploadId, View)>) {
        views.into_iter().for_each(|(upload, view)| self.uploads.put(upload, view));
        self.uploads.sum_up();
    }

    fn folders(&self, views: Vec<(FolderId, FolderView)>) {
        views.into_iter().for_each(|(id, view)| self.uploads.put_folder(id, view));
        self.uploads.sum_up();
    }

    fn folder_gone(&self, folder: FolderId, name: &Name) {
        self.uploads.remove_folder(folder);
        let unread = self.language.named(|words| &words.folder_unread, &name.visible());
        self.notices.notice.set(Some(unread));
        refocus();
    }

    fn unread(&self, names: &[String]) {
        self.notices.unread(names);
    }

    fn unfinished(&self, left: Vec<Unfinished>) {
        let shown = self.uploads.unfinished;
        if shown.with_untracked(|shown| *shown != left) {
            let focused = document::has_focus(&format!("#{UNFINISHED_PANEL}"));
            shown.set(left);
            if focused {
                refocus();
            }
        }
    }

    fn elsewhere(&self, uploads: HashSet<UploadId>) {
        self.uploads.elsewhere.set(uploads);
    }

    fn reads(&self, reads: bool) {
        self.notices.reads(reads);
    }

    fn forgets(&self) {
        self.notices.forgetful.set(true);
    }

    fn weighs(&self, bytes: u64) {
        document::set_attribute("data-wasm-bytes", &bytes.to_string());
    }
}
