//! What looks different goes to those who show it, not more often than people read it.

use cairn_engine::{Now, UploadId};
use wasm_bindgen_futures::spawn_local;

use super::Shell;
use crate::platform::clock;

/// Nobody reads figures that change more often, and drawing them takes time from reading and sending.
const SHOW_MS: Now = 250;

impl Shell {
    /// Has the changes shown with the next frame.
    pub(super) fn ask_for_frame(&self) {
        let any = self.0.uploads.borrow().any_changed() || self.0.folders.borrow().any_changed();
        if any && !self.0.frame_asked.replace(true) {
            let shell = self.clone();
            let rest = (self.0.shown_at.get() + SHOW_MS).saturating_sub(clock::now());
            spawn_local(async move {
                clock::sleep(rest as u32).await;
                clock::next_frame(move || shell.show());
            });
        }
    }

    fn show(&self) {
        self.0.frame_asked.set(false);
        self.0.shown_at.set(clock::now());
        self.feed_loose();
        let (told, changed) = {
            let mut uploads = self.0.uploads.borrow_mut();
            (uploads.take_told(), uploads.take_changed())
        };
        let mut views: Vec<_> = told.into_iter().collect();
        for upload in changed {
            let Some(view) = self.0.engine.borrow().view(upload) else { continue };
            let Some(view) = self.0.folders.borrow_mut().keep_view(upload, view) else { continue };
            if view.finished.is_some() {
                self.close(upload);
            }
            views.push((upload, view));
        }
        self.0.watcher.changed(views);
        let folders = self.0.folders.borrow_mut().take_changed(clock::now());
        if !folders.is_empty() {
            self.0.watcher.folders(folders);
        }
    }

    /// The worker need no longer keep the file.
    pub(super) fn close(&self, upload: UploadId) {
        if self.0.uploads.borrow_mut().close(upload) {
            self.0.pool.close(upload);
        }
    }
}
