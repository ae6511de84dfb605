//! Reading the chunks behind rows, for people and for jobs: verified, and taken out of use where they are damaged.

use bytes::Bytes;
use cairn_shared::{ChunkDigest, Row};
use cairn_store::model::{ChunkRecord, ChunkState};
use cairn_store::verify::{self, Examined};
use cairn_store::{ChunkReader, StoreError};

use crate::cairn::Stores;

/// One chunk on its way out.
pub(crate) struct Content {
    stores: Stores,
    reader: Box<dyn ChunkReader>,
    skip: usize,
    digest: ChunkDigest,
    generation: u32,
}

impl Content {
    /// Opens a chunk, from `skip` on. All of it is read and verified nevertheless: its last bytes come only where all of
    /// them are what they were. `Away` where it is not there. One that was found damaged before is looked at again, since a disk that
    /// was away may be back, and `Damaged` where it still is.
    ///
    /// One read gives up to `at_once` bytes.
    pub(crate) async fn open(
        stores: &Stores,
        digest: ChunkDigest,
        skip: u32,
        at_once: usize,
    ) -> Result<Self, StoreError> {
        let damaged = |what: &str| StoreError::Damaged(format!("chunk {} {what}", digest.short()));
        let record = stores.meta.chunk(digest).await?.ok_or_else(|| damaged("has no record"))?;
        if record.state == ChunkState::Damaged && !restore(stores, digest, &record).await? {
            return Err(damaged("was found damaged"));
        }
        let (generation, skip) = (record.generation, usize::try_from(skip).unwrap_or(usize::MAX));
        match stores.chunks.open_verified(&record, at_once).await {
            Ok(reader) => Ok(Self { stores: stores.clone(), reader, skip, digest, generation }),
            Err(error) => Err(judge(stores, digest, generation, error).await),
        }
    }

    /// The next bytes; `None` at the end.
    pub(crate) async fn read(&mut self) -> Result<Option<Bytes>, StoreError> {
        loop {
            match self.reader.read().await {
                Ok(Some(mut bytes)) if self.skip > 0 => {
                    let skipped = bytes.split_to(self.skip.min(bytes.len()));
                    self.skip -= skipped.len();
                    if !bytes.is_empty() {
                        return Ok(Some(bytes));
                    }
                }
                Ok(bytes) => return Ok(bytes),
                Err(error) => return Err(judge(&self.stores, self.digest, self.generation, error).await),
            }
        }
    }

    /// Takes the copy out of use: its bytes are not what its digest says.
    pub(crate) async fn condemn(self) {
        let what = format!("chunk {} has another digest", self.digest.short());
        judge(&self.stores, self.digest, self.generation, StoreError::Damaged(what)).await;
    }

    /// Reads what is left, so that what was given before is known to be right.
    pub(crate) async fn finish(mut self) -> Result<(), StoreError> {
        while self.read().await?.is_some() {}
        Ok(())
    }
}

/// Reads a quarantined copy again, and takes it back into use where its bytes are right.
pub(crate) async fn restore(
    stores: &Stores,
    digest: ChunkDigest,
    record: &ChunkRecord,
) -> Result<bool, StoreError> {
    if verify::examine(stores.chunks.as_ref(), digest, record).await? != Examined::Sound {
        return Ok(false);
    }
    let is_restored = stores.meta.restore(digest, record.generation).await?;
    if is_restored {
        tracing::warn!(
            chunk.short = digest.short(),
            "a chunk that was damaged is what it was, and in use again"
        );
    }
    Ok(is_restored)
}

/// Takes copies out of use that are away with their folder, of chunks that somebody has and is about to send or to be spared: so they are
/// asked for and stored again, and what was acknowledged can be read. Where the folder comes back first, they are in use again.
pub(crate) async fn give_up_away(stores: &Stores, rows: &[Row]) -> Result<(), StoreError> {
    if !stores.chunks.is_any_away().await? {
        return Ok(());
    }
    for row in rows {
        let record = stores.meta.chunk(row.digest).await?;
        if let Some(record) = record.filter(|record| record.state == ChunkState::Present)
            && !stores.chunks.has(&record.locator).await?
            && stores.meta.quarantine(row.digest, record.generation).await?
        {
            let key = record.locator.key;
            tracing::warn!(key, "a chunk that is away is asked for again, since a client has it");
        }
    }
    Ok(())
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
