//! The owner key in the browser's database.

use cairn_shared::Bearer;
use idb::{Error, ObjectStore, Query};
use wasm_bindgen::JsValue;

use super::{Db, OWNER, ReadOnly, ReadWrite};

/// The one key of the owner store.
const OWNER_KEY: &str = "key";

impl Db {
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
}

async fn read_owner(store: &ObjectStore) -> Result<Option<Bearer>, Error> {
    let text = store.get(Query::Key(JsValue::from_str(OWNER_KEY)))?.await?;
    Ok(text.and_then(|text| text.as_string()).and_then(|text| text.parse().ok()))
}
