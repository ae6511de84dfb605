//! Looks at everything that is stored: log, snapshot, and the bytes of every chunk.

use cairn_shared::ChunkDigest;
use sha2::{Digest, Sha256};

use crate::chunk::ChunkStore;
use crate::error::{Result, StoreError};
use crate::meta::MetaStore;
use crate::model::{ChunkRecord, ChunkState};

/// Records looked up at once.
const PAGE: usize = 1_000;

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// Chunks whose bytes were read.
    pub chunks: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is wrong with log or snapshot.
    pub log: Option<String>,
    /// Chunks whose bytes can't be read, or are not what they were; known ones among them.
    pub damaged: Vec<ChunkDigest>,
    /// Chunks that are not where their records say. They stay in use: a disk or folder may be away.
    pub away: Vec<ChunkDigest>,
}

impl Report {
    /// Whether everything is what it was.
    pub fn is_sound(&self) -> bool {
        self.log.is_none() && self.damaged.is_empty() && self.away.is_empty()
    }
}

/// Reads everything and recomputes every digest. A damaged chunk is taken out of use, so that the next upload of the same
/// content heals it. `told` hears after each page how far it has come.
pub async fn verify(
    meta: &dyn MetaStore,
    chunks: &dyn ChunkStore,
    told: &mut (dyn FnMut(&Report) + Send),
) -> Result<Report> {
    let mut report = Report::default();
    match meta.check_log().await {
        Ok(()) => {}
        Err(StoreError::Damaged(what)) => report.log = Some(what),
        Err(error) => return Err(error),
    }
    let mut after = None;
    loop {
        let page = meta.chunks(after, PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(report) };
        after = Some(*last);
        for (digest, record) in page {
            verify_chunk(meta, chunks, digest, &record, &mut report).await?;
        }
        told(&report);
    }
}

async fn verify_chunk(
    meta: &dyn MetaStore,
    chunks: &dyn ChunkStore,
    digest: ChunkDigest,
    record: &ChunkRecord,
    report: &mut Report,
) -> Result<()> {
    // One that is known to be damaged is read too: a disk that was away may be back.
    if record.state == ChunkState::Deleting {
        return Ok(());
    }
    report.chunks += 1;
    report.bytes += u64::from(record.length);
    match examine(chunks, digest, record).await? {
        Examined::Sound if record.state == ChunkState::Damaged => {
            meta.restore(digest, record.generation).await.map(drop)
        }
        Examined::Sound => Ok(()),
        Examined::Damaged => {
            report.damaged.push(digest);
            meta.quarantine(digest, record.generation).await.map(drop)
        }
        Examined::Away(why) => {
            // It may be the disk's cable as well as the disk: the copy stays in use, and the look goes on.
            tracing::error!(digest = %digest, why, "a chunk can't be read");
            report.away.push(digest);
            Ok(())
        }
    }
}

/// What a chunk's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Examined {
    /// What they were.
    Sound,
    /// Read, and not what they were.
    Damaged,
    /// Not to be read, for this reason: nobody knows what they are.
    Away(String),
}

/// Reads the copy that a record names, and recomputes its digest.
pub async fn examine(chunks: &dyn ChunkStore, digest: ChunkDigest, record: &ChunkRecord) -> Result<Examined> {
    match recompute(chunks, record).await {
        Ok(found) if found == digest => Ok(Examined::Sound),
        // What is not there may come back, with its disk: only what was read and is wrong is damage.
        Err(StoreError::Damaged(_)) if matches!(chunks.has(&record.locator).await, Ok(false)) => {
            Ok(Examined::Away("it is not there".to_owned()))
        }
        Ok(_) | Err(StoreError::Damaged(_)) => Ok(Examined::Damaged),
        Err(StoreError::Io(error)) => Ok(Examined::Away(error.to_string())),
        Err(StoreError::Away(why)) => Ok(Examined::Away(why)),
        Err(error) => Err(error),
    }
}

async fn recompute(chunks: &dyn ChunkStore, record: &ChunkRecord) -> Result<ChunkDigest> {
    let mut reader = chunks.open(&record.locator, 0).await?;
    let mut sha256 = Sha256::new();
    while let Some(bytes) = reader.read().await? {
        sha256.update(&bytes);
    }
    Ok(ChunkDigest::new(sha256.finalize().into()))
}
