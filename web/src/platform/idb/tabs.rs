//! Which tabs are alive and what they own, for hosts without Web Locks.

use std::collections::HashSet;

use cairn_shared::ClientKey;
use idb::{Error, Query};
use serde::{Deserialize, Serialize};
use wasm_bindgen::JsValue;

use super::{Db, ReadOnly, ReadWrite, TABS, name};

/// One tab's sign of life.
#[derive(Debug, Serialize, Deserialize)]
struct Beat {
    tab: ClientKey,
    at: u64,
    owns: Vec<ClientKey>,
}

impl Db {
    /// Says that a tab lives at `at`, by the browser's clock, and what it owns.
    pub async fn beat(&self, tab: ClientKey, at: u64, owns: Vec<ClientKey>) -> Result<(), Error> {
        let Ok(text) = serde_json::to_string(&Beat { tab, at, owns }) else { return Ok(()) };
        let (transaction, store) = self.begin(TABS, ReadWrite)?;
        store.put(&JsValue::from_str(&text), Some(&name(tab)))?.await?;
        transaction.await.map(|_| ())
    }

    /// Says, without waiting, that a tab goes.
    pub fn end_beat(&self, tab: ClientKey) {
        if let Ok((_transaction, store)) = self.begin(TABS, ReadWrite) {
            // Where it stays, it is too old soon.
            let _ = store.delete(Query::Key(name(tab)));
        }
    }

    /// What other tabs own that have given a sign of life at `since` or later; drops the others.
    pub async fn owned_by_others(&self, tab: ClientKey, since: u64) -> Result<HashSet<ClientKey>, Error> {
        let (_transaction, store) = self.begin(TABS, ReadOnly)?;
        let all = store.get_all(None, None)?.await?;
        let beats = all.iter().filter_map(|text| serde_json::from_str::<Beat>(&text.as_string()?).ok());
        let (alive, gone): (Vec<_>, Vec<_>) =
            beats.filter(|beat| beat.tab != tab).partition(|beat| beat.at >= since);
        gone.into_iter().for_each(|beat| self.end_beat(beat.tab));
        Ok(alive.into_iter().flat_map(|beat| beat.owns).collect())
    }
}
