//! Reading the chunks behind rows, for people and for jobs: verified, and taken out of use where they are damaged.

use bytes::Bytes;
use cairn_shared::ChunkDigest;
use cairn_store::chunk::open_verified;
use cairn_store::model::ChunkState;
use cairn_store::{ChunkReader, StoreError};

use crate::cairn::Stores;

/// One chunk on its way out.
pub(crate) struct Content {
    stores: Stores,
    reader: Box<dyn ChunkReader>,
    digest: ChunkDigest,
    generation: u32,
}

impl Content {
    /// Opens a chunk, from `skip` on. One that is read from its beginning is verified: its last bytes come only where
    /// all of them are what they were. `Damaged` where it is not there, or was found damaged before.
    pub(crate) async fn open(stores: &Stores, digest: ChunkDigest, skip: u32) -> Result<Self, StoreError> {
        let damaged = |what: &str| StoreError::Damaged(format!("chunk {} {what}", digest.short()));
        let record = stores.meta.chunk(digest).await?.ok_or_else(|| damaged("has no record"))?;
        if record.state == ChunkState::Damaged {
            return Err(damaged("was found damaged"));
        }
        let opened = match skip {
            0 => open_verified(stores.chunks.as_ref(), &record).await,
            _ => stores.chunks.open(&record.locator, skip).await,
        };
        let generation = record.generation;
        match opened {
            Ok(reader) => Ok(Self { stores: stores.clone(), reader, digest, generation }),
            Err(error) => Err(judge(stores, digest, generation, error).await),
        }
    }

    /// The next bytes; `None` at the end.
    pub(crate) async fn read(&mut self) -> Result<Option<Bytes>, StoreError> {
        match self.reader.read().await {
            Ok(bytes) => Ok(bytes),
            Err(error) => Err(judge(&self.stores, self.digest, self.generation, error).await),
        }
    }
}

/// Takes a damaged copy out of use, so that the next upload of the same content heals it.
async fn judge(stores: &Stores, digest: ChunkDigest, generation: u32, error: StoreError) -> StoreError {
    let StoreError::Damaged(what) = error else { return error };
    match stores.meta.quarantine(digest, generation).await {
        Ok(true) => {
            tracing::error!(what, "a chunk is damaged and taken out of use; upload its content again")
        }
        Ok(false) => {}
        Err(error) => tracing::error!(what, %error, "a chunk is damaged and could not be taken out of use"),
    }
    StoreError::Damaged(what)
}
