//! An unfinished upload goes on on another device.

use cairn_engine::{JournalEntry, UploadId};
use cairn_shared::{ClientKey, HandOver};
use wasm_bindgen_futures::spawn_local;

use super::Shell;
use crate::platform::random;

impl Shell {
    /// What another device needs to go on with an upload of this tab; nothing before it has begun.
    pub fn hand_over(&self, upload: UploadId) -> Option<HandOver> {
        self.0.engine.borrow().entry(upload)?.hand_over()
    }

    /// As above, of what an earlier visit left.
    pub async fn hand_over_left(&self, key: ClientKey) -> Option<HandOver> {
        self.0.db.as_ref()?.entry(key).await?.hand_over()
    }

    /// Takes what another device handed over: from now on it is unfinished here.
    pub fn take_over(&self, handed: HandOver) {
        let shell = self.clone();
        spawn_local(async move {
            let Some(db) = &shell.0.db else { return };
            let is_known = |entry: &JournalEntry| {
                entry.session.as_ref().is_some_and(|session| session.id == handed.session)
            };
            if !db.entries().await.iter().any(is_known) {
                shell.0.journal.save(None, JournalEntry::handed(random::client_key(), handed));
            }
            shell.look_for_unfinished().await;
        });
    }
}
