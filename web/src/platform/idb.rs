//! IndexedDB: the journal, and the owner key that all tabs share.

use cairn_engine::JournalEntry;
use cairn_shared::{Bearer, ClientKey};
use futures_util::future::{Either, select};
use idb::{Database, DatabaseEvent, Error, Factory, ObjectStore, ObjectStoreParams, Query, Transaction};
use idb::{TransactionMode, TransactionMode::ReadOnly, TransactionMode::ReadWrite};
use std::pin::pin;
use std::rc::Rc;
use wasm_bindgen::JsValue;

use crate::platform::clock;

const JOURNAL: &str = "journal";
const OWNER: &str = "owner";
/// The one key of the owner store.
const OWNER_KEY: &str = "key";
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

    /// Every entry that can be read.
    pub async fn entries(&self) -> Vec<JournalEntry> {
        let texts = self.all_entries().await.unwrap_or_default();
        texts.iter().filter_map(|text| serde_json::from_str(&text.as_string()?).ok()).collect()
    }

    async fn all_entries(&self) -> Result<Vec<JsValue>, Error> {
        let (_transaction, store) = self.begin(JOURNAL, ReadOnly)?;
        store.get_all(None, None)?.await
    }

    /// Keeps an entry, in place of the one with its key. Durable when it returns.
    pub async fn save(&self, entry: &JournalEntry) -> Result<(), Error> {
        let Ok(text) = serde_json::to_string(entry) else { return Ok(()) };
        let (transaction, store) = self.begin(JOURNAL, ReadWrite)?;
        store.put(&JsValue::from_str(&text), Some(&name(entry.key)))?.await?;
        transaction.await.map(|_| ())
    }

    /// Drops the entry with that key, if there is one.
    pub async fn forget(&self, key: ClientKey) -> Result<(), Error> {
        let (transaction, store) = self.begin(JOURNAL, ReadWrite)?;
        store.delete(Query::Key(name(key)))?.await?;
        transaction.await.map(|_| ())
    }

    /// The owner key that this browser keeps.
    pub async fn owner(&self) -> Result<Option<Bearer>, Error> {
        let (_transaction, store) = self.begin(OWNER, ReadOnly)?;
        read_owner(&store).await
    }

    /// Keeps a fresh owner key unless another tab was faster; tells the one that counts. One transaction.
    pub async fn adopt_owner(&self, fresh: Bearer) -> Result<Bearer, Error> {
        let (transaction, store) = self.begin(OWNER, ReadWrite)?;
        if let Some(kept) = read_owner(&store).await? {
            return Ok(kept);
        }
        store.put(&JsValue::from_str(&fresh.to_string()), Some(&JsValue::from_str(OWNER_KEY)))?.await?;
        transaction.await?;
        Ok(fresh)
    }

    /// Drops an owner key that the server no longer knows, unless another tab has replaced it already.
    pub async fn drop_owner(&self, stale: Bearer) -> Result<(), Error> {
        let (transaction, store) = self.begin(OWNER, ReadWrite)?;
        if read_owner(&store).await? == Some(stale) {
            store.delete(Query::Key(JsValue::from_str(OWNER_KEY)))?.await?;
        }
        transaction.await.map(|_| ())
    }

    fn begin(&self, store: &str, mode: TransactionMode) -> Result<(Transaction, ObjectStore), Error> {
        let transaction = self.0.transaction(&[store], mode)?;
        let store = transaction.object_store(store)?;
        Ok((transaction, store))
    }
}

async fn open(name: &str) -> Result<Database, Error> {
    let mut request = Factory::new()?.open(name, Some(1))?;
    request.on_upgrade_needed(|event| {
        if let Ok(database) = event.database() {
            for store in [JOURNAL, OWNER] {
                // A failure shows when the store is used; the page then runs without a memory.
                let _ = database.create_object_store(store, ObjectStoreParams::new());
            }
        }
    });
    request.await
}

async fn read_owner(store: &ObjectStore) -> Result<Option<Bearer>, Error> {
    let text = store.get(Query::Key(JsValue::from_str(OWNER_KEY)))?.await?;
    Ok(text.and_then(|text| text.as_string()).and_then(|text| text.parse().ok()))
}

fn name(key: ClientKey) -> JsValue {
    JsValue::from_str(&key.to_string())
}
