//! Opening a whole data folder: facts and chunks of one store, and its secret.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::agree::Counts;
use super::secret::SECRET_BYTES;
use super::{Ground, StoreId, adopt};
use crate::chunk::{self, ChunkStore};
use crate::disk::{Disk, real};
use crate::error::{Result, StoreError};
use crate::meta::{self, IndexPlace, Library, MetaStore};

/// How to open it.
#[derive(Debug, Clone)]
pub struct Options {
    /// The library that keeps the index.
    pub index: Library,
    /// Whether chunks that compress well are stored so.
    pub compress: bool,
    /// Whether a store is founded where the folder is empty. Never where one was open there before.
    pub may_found: bool,
    /// What it needs of chance.
    pub fresh: Fresh,
}

/// Random bytes.
#[derive(Clone)]
pub struct Fresh {
    /// The id of a store that is founded.
    pub store: [u8; 16],
    /// The id of the run that begins.
    pub run: [u8; 16],
    /// The secret of a store that is founded.
    pub secret: [u8; SECRET_BYTES],
}

impl std::fmt::Debug for Fresh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fresh")
    }
}

/// An open store.
pub struct Opened {
    /// The facts.
    pub meta: Arc<dyn MetaStore>,
    /// The bytes.
    pub chunks: Arc<dyn ChunkStore>,
    /// The server's secret.
    pub secret: [u8; SECRET_BYTES],
}

/// Opens the store in the folder `data`. `Apart` where its parts don't make one store, and nothing was touched then; `Closed` where
/// another server uses it, `Newer` where a later version wrote it, `Damaged` where the log can't be read. Takes a while where the index has to be
/// built anew.
pub async fn open(data: &Path, options: Options) -> Result<Opened> {
    let disk = real();
    let entered = open_at(disk.clone(), data.to_owned(), options.clone(), None).await?;
    let (Some(doubt), opened) = entered else { return Ok(entered.1) };
    if doubt.agree() {
        let (secret, places) = (opened.secret, super::Places::new(data));
        // Closed, so that the marks are set while nobody places anything.
        drop(opened);
        let store = StoreId::new(options.fresh.store);
        blocking(move || {
            let store = adopt::begun(disk.as_ref(), &places)?.unwrap_or(store);
            adopt::take(disk.as_ref(), &places, store, &secret)?;
            tracing::info!(store = %store, "the data folder has an id now, which all its parts carry");
            Ok(())
        })
        .await?;
        return Ok(open_at(real(), data.to_owned(), options, None).await?.1);
    }
    let why = adopt::doubt(&doubt);
    tracing::warn!(why, "nothing is removed");
    drop(opened);
    Ok(open_at(real(), data.to_owned(), options, Some(why)).await?.1)
}

/// Opens it; in a folder from before stores had an id with what was counted of facts and chunks, unless it is known why they don't agree.
async fn open_at(
    disk: Arc<dyn Disk>,
    data: PathBuf,
    options: Options,
    keeps: Option<String>,
) -> Result<(Option<Counts>, Opened)> {
    let is_known = keeps.is_some();
    let (is_owned, opened) = blocking(move || {
        let ground = Ground::enter(disk, &data, options.may_found, &options.fresh)?;
        let (secret, is_owned) = (ground.secret, ground.owner.is_some());
        let chunks = chunk::open_on(&ground, options.compress, keeps)?;
        let meta = meta::open_on(ground, &IndexPlace::new(&data, options.index), None)?;
        Ok((is_owned, Opened { meta, chunks, secret }))
    })
    .await?;
    if is_owned || is_known {
        return Ok((None, opened));
    }
    let counts = Counts::take(opened.meta.as_ref(), opened.chunks.as_ref()).await?;
    Ok((Some(counts), opened))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(StoreError::Io(io::Error::other(error))))
}
