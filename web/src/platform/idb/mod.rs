//! IndexedDB: the journal, handles, the owner key that all tabs share, and which tabs are alive.

mod journal;
mod owner;
mod tabs;

use std::pin::pin;
use std::rc::Rc;

use cairn_shared::ClientKey;
use futures_util::future::{Either, select};
use idb::{Database, DatabaseEvent, Error, Factory, ObjectStore, ObjectStoreParams, Transaction};
use idb::{TransactionMode, TransactionMode::ReadOnly, TransactionMode::ReadWrite};
use wasm_bindgen::JsValue;

use crate::platform::clock;

pub use cairn_engine::folder::FolderRecord;
pub use journal::{Batch, Kept};

/// Entries of loose files: session key -> JSON.
const JOURNAL: &str = "journal";
/// Folders under way: folder key -> JSON.
const FOLDERS: &str = "folders";
/// Entries of files in folders: folder key and session key -> JSON.
const FILES: &str = "files";
/// Handles of loose files and of folders, by the key of their entry.
const HANDLES: &str = "handles";
const OWNER: &str = "owner";
/// Tabs that are open: the tab's key -> JSON.
const TABS: &str = "tabs";
const STORES: [&str; 6] = [JOURNAL, FOLDERS, FILES, HANDLES, OWNER, TABS];
/// Raised whenever a store is added.
const VERSION: u32 = 2;
/// Another tab may block the opening; the page rather runs without a memory than not at all.
const OPEN_MS_MAX: u32 = 3_000;

/// The browser's memory of this origin.
#[derive(Clone)]
pub struct Db(Rc<Database>);

impl Db {
    /// Opens it, or makes it; nothing where the browser keeps none (some private modes).
    pub async fn open(name: &str) -> Option<Self> {
        let open = pin!(open(name));
        let late = pin!(clock::sleep(OPEN_MS_MAX));
        match select(open, late).await {
            Either::Left((database, _)) => database.ok().map(|database| Self(Rc::new(database))),
            Either::Right(_) => None,
        }
    }

    fn begin(&self, store: &str, mode: TransactionMode) -> Result<(Transaction, ObjectStore), Error> {
        let transaction = self.0.transaction(&[store], mode)?;
        let store = transaction.object_store(store)?;
        Ok((transaction, store))
    }
}

async fn open(name: &str) -> Result<Database, Error> {
    let mut request = Factory::new()?.open(name, Some(VERSION))?;
    request.on_upgrade_needed(|event| {
        if let Ok(database) = event.database() {
            let there = database.store_names();
            for store in STORES.into_iter().filter(|store| !there.iter().any(|name| name == store)) {
                // A failure shows when the store is used; the page then runs without a memory.
                let _ = database.create_object_store(store, ObjectStoreParams::new());
            }
        }
    });
    let mut database = request.await?;
    // A later version of the page, in another tab, need not wait for this one to be closed.
    database.on_version_change(|event| {
        if let Ok(database) = event.database() {
            database.close();
        }
    });
    Ok(database)
}

fn name(key: ClientKey) -> JsValue {
    JsValue::from_str(&key.to_string())
}
