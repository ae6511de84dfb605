//! The journal in the browser's database: entries, folders, and the handles beside them.

use std::collections::{HashMap, HashSet};

use cairn_engine::JournalEntry;
use cairn_engine::folder::FolderRecord;
use cairn_shared::ClientKey;
use idb::{Error, KeyRange, ObjectStore, Query, Transaction, TransactionResult};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::JsValue;

use super::{Db, FILES, FOLDERS, HANDLES, JOURNAL, ReadOnly, ReadWrite, name};
use crate::platform::handle::Handle;

/// What the journal has, files in folders apart.
#[derive(Default)]
pub struct Kept {
    /// Of loose files.
    pub entries: Vec<JournalEntry>,
    /// Folders, with how many of their files are unfinished.
    pub folders: Vec<(FolderRecord, u32)>,
    /// By the key of an entry or a folder.
    pub handles: HashMap<ClientKey, Handle>,
}

/// Changes of the journal that are written together.
#[derive(Default)]
pub struct Batch {
    /// Loose files' entries.
    pub entries: HashMap<ClientKey, JournalEntry>,
    /// Entries of files in folders.
    pub files: HashMap<(ClientKey, ClientKey), JournalEntry>,
    /// Folders.
    pub folders: HashMap<ClientKey, FolderRecord>,
    /// Handles of either.
    pub handles: HashMap<ClientKey, Handle>,
    /// Loose files, or folders with everything in them, to be forgotten.
    pub forgotten: HashSet<ClientKey>,
    /// Files in folders to be forgotten.
    pub forgotten_files: HashSet<(ClientKey, ClientKey)>,
}

impl Batch {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
            && self.files.is_empty()
            && self.folders.is_empty()
            && self.handles.is_empty()
            && self.forgotten.is_empty()
            && self.forgotten_files.is_empty()
    }
}

impl Db {
    /// Loose entries that can be read.
    pub async fn entries(&self) -> Vec<JournalEntry> {
        self.kept().await.entries
    }

    /// Everything that can be read, files in folders apart.
    pub async fn kept(&self) -> Kept {
        self.read_kept().await.unwrap_or_default()
    }

    async fn read_kept(&self) -> Result<Kept, Error> {
        let transaction = self.0.transaction(&[JOURNAL, FOLDERS, FILES, HANDLES], ReadOnly)?;
        let entries = texts(transaction.object_store(JOURNAL)?.get_all(None, None)?.await?);
        let records: Vec<FolderRecord> =
            texts(transaction.object_store(FOLDERS)?.get_all(None, None)?.await?);
        let mut folders = Vec::with_capacity(records.len());
        for record in records {
            let query = Query::KeyRange(files_of(record.key)?);
            let left = transaction.object_store(FILES)?.count(Some(query))?.await?;
            folders.push((record, left));
        }
        let store = transaction.object_store(HANDLES)?;
        let keys = store.get_all_keys(None, None)?.await?;
        let values = store.get_all(None, None)?.await?;
        let key = |key: JsValue| key.as_string()?.parse().ok();
        let handles =
            keys.into_iter().zip(values).filter_map(|(k, value)| Some((key(k)?, Handle::from_js(value)?)));
        Ok(Kept { entries, folders, handles: handles.collect() })
    }

    /// The entry with that key.
    pub async fn entry(&self, key: ClientKey) -> Option<JournalEntry> {
        let (_transaction, store) = self.begin(JOURNAL, ReadOnly).ok()?;
        let text = store.get(Query::Key(name(key))).ok()?.await.ok()??;
        serde_json::from_str(&text.as_string()?).ok()
    }

    /// Entries of unfinished files in a folder.
    pub async fn files_of(&self, folder: ClientKey) -> Vec<JournalEntry> {
        self.read_files(folder).await.unwrap_or_default()
    }

    async fn read_files(&self, folder: ClientKey) -> Result<Vec<JournalEntry>, Error> {
        let (_transaction, store) = self.begin(FILES, ReadOnly)?;
        Ok(texts(store.get_all(Some(Query::KeyRange(files_of(folder)?)), None)?.await?))
    }

    /// Writes all of it in one transaction, and handles behind it: not every browser can keep every handle, and none
    /// of the rest may be lost by that. The browser has it when this returns; its disk may have it a little later.
    pub async fn write(&self, batch: &Batch) -> Result<(), Error> {
        let transaction = self.0.transaction(&[JOURNAL, FOLDERS, FILES, HANDLES], ReadWrite)?;
        let store = |name: &str| transaction.object_store(name);
        let (journal, folders, files, handles) =
            (store(JOURNAL)?, store(FOLDERS)?, store(FILES)?, store(HANDLES)?);
        // Nothing waits for a single request: the transaction fails where one of them does.
        for (key, entry) in &batch.entries {
            put_text(&journal, entry, &name(*key))?;
        }
        for (key, folder) in &batch.folders {
            put_text(&folders, folder, &name(*key))?;
        }
        for ((folder, key), entry) in &batch.files {
            put_text(&files, entry, &file_name(*folder, *key))?;
        }
        for key in &batch.forgotten {
            for store in [&journal, &folders, &handles] {
                store.delete(Query::Key(name(*key)))?;
            }
            files.delete(Query::KeyRange(files_of(*key)?))?;
        }
        for (folder, key) in &batch.forgotten_files {
            files.delete(Query::Key(file_name(*folder, *key)))?;
        }
        committed(transaction).await?;
        let handles: Vec<_> = batch.handles.iter().collect();
        if self.write_handles(&handles).await.is_err() {
            for one in handles {
                // Without its handle a file is asked for by its name.
                let _ = self.write_handles(&[one]).await;
            }
        }
        Ok(())
    }

    async fn write_handles(&self, some: &[(&ClientKey, &Handle)]) -> Result<(), Error> {
        if some.is_empty() {
            return Ok(());
        }
        let (transaction, store) = self.begin(HANDLES, ReadWrite)?;
        for (key, handle) in some {
            store.put(handle.as_js(), Some(&name(**key)))?;
        }
        committed(transaction).await
    }
}

/// A full disk ends a transaction without an error of any request.
async fn committed(transaction: Transaction) -> Result<(), Error> {
    match transaction.await? {
        TransactionResult::Committed => Ok(()),
        TransactionResult::Aborted => Err(Error::TransactionCommitError(JsValue::NULL)),
    }
}

fn put_text(store: &ObjectStore, value: &impl Serialize, key: &JsValue) -> Result<(), Error> {
    if let Ok(text) = serde_json::to_string(value) {
        store.put(&JsValue::from_str(&text), Some(key))?;
    }
    Ok(())
}

fn texts<T: DeserializeOwned>(values: Vec<JsValue>) -> Vec<T> {
    values.iter().filter_map(|text| serde_json::from_str(&text.as_string()?).ok()).collect()
}

fn file_name(folder: ClientKey, key: ClientKey) -> JsValue {
    JsValue::from_str(&format!("{folder}{key}"))
}

/// Every file of a folder: keys are hex, and `g` comes behind that.
fn files_of(folder: ClientKey) -> Result<KeyRange, Error> {
    let end = JsValue::from_str(&format!("{folder}g"));
    KeyRange::bound(&name(folder), &end, Some(true), Some(true))
}
