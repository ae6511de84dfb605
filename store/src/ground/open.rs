//! Opening a whole data folder: facts and chunks of one store, and its secret.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::agree::Counts;
use super::secret::{Found, SECRET_BYTES};
use super::survey::Survey;
use super::verdict::judge;
use super::{Ground, StoreId, adopt};
use crate::chunk::{self, ChunkStore};
use crate::disk::ballast::Ballast;
use crate::disk::{Disk, START_BYTES, Use, check_space, reading, real};
use crate::error::{Result, StoreError};
use crate::meta::{self, INDEX_FAILED, IndexPlace, Library, LogFailure, MetaStore};

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
///
/// A folder that can't be written, or has no room left, is opened to be read, as far as that goes: what changes something fails then, and the store
/// closes once it can be written again.
pub async fn open(data: &Path, options: Options) -> Result<Opened> {
    loop {
        let error = match open_whole(data, options.clone()).await {
            Err(error) if has_store(data) => error,
            opened => return opened,
        };
        match only_readable(&error, data) {
            // What was put aside for this: room for the start, and for deletes.
            Some(LogFailure::Full) if Ballast::new(real(), data).give_back() => {}
            Some(why) => return read_only(data, why, &error).await,
            None => return Err(error),
        }
    }
}

async fn read_only(data: &Path, why: LogFailure, error: &StoreError) -> Result<Opened> {
    let shown = data.display();
    if matches!(why, LogFailure::Full) {
        tracing::warn!(
            why = %error,
            "the disk of {shown} has no room left, not even for deletes: files are only given out until somebody makes some there"
        );
    } else {
        tracing::warn!(
            why = %error,
            "{shown} can't be written: it is only read until that is mended; uploads and deletes get 503"
        );
    }
    let data = data.to_owned();
    blocking(move || read(&data, why)).await
}

/// Why the folder may still be read, and no more, where opening it as a whole failed.
fn only_readable(error: &StoreError, data: &Path) -> Option<LogFailure> {
    let has_no_room = || check_space(real().as_ref(), data, Use::Removals, START_BYTES).is_err();
    match error {
        StoreError::Io(error) => {
            (error.kind() == io::ErrorKind::ReadOnlyFilesystem).then_some(LogFailure::ReadOnly)
        }
        StoreError::Full => Some(LogFailure::Full),
        // A library of an index that found no space says so in words of its own.
        StoreError::Closed(why) => {
            (why.starts_with(INDEX_FAILED) && has_no_room()).then_some(LogFailure::Full)
        }
        StoreError::Conflict(_)
        | StoreError::Damaged(_)
        | StoreError::Away(_)
        | StoreError::Apart(_)
        | StoreError::Newer { .. } => None,
    }
}

fn has_store(data: &Path) -> bool {
    Survey::take(reading().as_ref(), &super::Places::new(data)).is_ok_and(|survey| survey.format.is_some())
}

fn read(data: &Path, why: LogFailure) -> Result<Opened> {
    let places = super::Places::new(data);
    let survey = Survey::take(reading().as_ref(), &places)?;
    judge(&survey, &places)?;
    let Found::Secret(secret) = survey.secret else {
        return Err(StoreError::Apart(format!("{} has no secret.", data.display())));
    };
    let (chunks, meta) = (chunk::open_reading(data)?, meta::open_because(data, why)?);
    Ok(Opened { meta, chunks, secret })
}

async fn open_whole(data: &Path, options: Options) -> Result<Opened> {
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
            adopt::take(disk.as_ref(), &places, store, &secret, &doubt.strays)?;
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
