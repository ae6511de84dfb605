//! What this browser's owner sent earlier: listed, and deleted.

use leptos::prelude::*;

use crate::api::own::{Own, OwnId};
use crate::state::running::Running;
use crate::state::uploads::Uploads;

/// What was sent earlier.
#[derive(Clone, Copy)]
pub struct Library {
    /// The latest first.
    pub files: RwSignal<Vec<Own>>,
    uploads: Uploads,
    running: Running,
}

impl Library {
    /// Nothing is known of yet.
    pub fn new(uploads: Uploads, running: Running) -> Self {
        Self { files: RwSignal::default(), uploads, running }
    }

    /// That of the page that a component belongs to.
    pub fn here() -> Self {
        expect_context()
    }

    /// Asks the server what there is.
    pub(super) async fn list(self) {
        if let Some(shell) = self.running.shell() {
            self.files.set(shell.own().await);
        }
    }

    /// Deletes a file or a folder with its links; tells whether it is gone.
    pub async fn delete(self, id: OwnId) -> bool {
        let Some(shell) = self.running.shell() else { return false };
        let gone = shell.delete_own(id).await;
        if gone {
            let url = self.files.with_untracked(|all| all.iter().find(|own| own.id == id)?.url.clone());
            self.files.update(|files| files.retain(|own| own.id != id));
            self.uploads.remove_deleted(id, url.as_deref());
        }
        gone
    }
}
