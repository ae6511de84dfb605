//! Ends what is over time, frees what nobody holds, and keeps the log short.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use cairn_store::model::{ChunkRecord, ChunkState, Doomed};
use cairn_store::{ChunkCopy, StoreError};
use futures_util::future::try_join_all;

use super::figures;
use crate::cairn::{Cairn, millis};
use crate::content;

/// How long ended and finished sessions leave a record.
const ARCHIVE_TTL: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Chunks removed in one step.
const DOOM_STEP: usize = 256;
/// Pause between two looks at the length of the log.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(10);

/// Sweeps at once and then again and again, sooner where there was no room for something, until the task is dropped.
pub(crate) async fn sweep(cairn: Arc<Cairn>) {
    let mut interval = tokio::time::interval(cairn.config.sweep_every);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut strays = Strays::default();
    loop {
        let is_due = tokio::select! {
            _ = interval.tick() => true,
            () = cairn.space.tightened() => false,
        };
        let delay = if cairn.space.take_tight() { Duration::ZERO } else { cairn.config.delete_after };
        if let Some(why) = cairn.chunks.keeps() {
            tracing::warn!(why, "no chunk is removed");
        }
        let mut swept = Ok(());
        if is_due {
            swept = strays.sweep(&cairn).await;
        }
        if swept.is_ok() {
            swept = sweep_once(&cairn, delay, strays.copies).await;
        }
        if is_due
            && swept.is_ok()
            && let Err(error) = figures::tell(&cairn).await
        {
            tracing::warn!(%error, "what is stored was not counted; the next sweep counts again");
        }
        match swept {
            Ok(()) => {}
            // The log of a full disk says that, once.
            Err(StoreError::Full) => tracing::debug!("the sweep broke off: the disk is full"),
            Err(error) => tracing::error!(error = %error, "the sweep broke off and will be tried again"),
        }
    }
}

/// Ends what is over time, and removes what has been unheld for `delay`, of so many copies.
pub(crate) async fn sweep_once(cairn: &Cairn, delay: Duration, copies: usize) -> Result<(), StoreError> {
    // What an index says that nobody compared since a kill ends nothing.
    cairn.meta.check_index().await?;
    let now = cairn.sure_now();
    // What a clock filed that ran ahead would wait until that time has come.
    while cairn.meta.bring_back(now, cairn.expires_at(now)).await? {}
    while cairn.meta.sweep(now, now.saturating_sub(millis(ARCHIVE_TTL))).await? {}
    if cairn.chunks.keeps().is_some() {
        return Ok(());
    }
    let due =
        cairn.meta.condemned((cairn.sure_now() + 1).saturating_sub(millis(delay)), copies / 10 + 1).await?;
    say_much(due, copies, "that nobody holds any more");
    let mut removed = 0;
    let mut after = None;
    loop {
        // One more than the delay counts from, so that without any a chunk that lost its last hold just now goes too.
        let before = (cairn.sure_now() + 1).saturating_sub(millis(delay));
        let doomed = cairn.meta.doom(before, after, DOOM_STEP).await?;
        if doomed.is_empty() {
            break;
        }
        // What can't be removed must not keep what lies behind it.
        after = doomed.iter().map(|chunk| Some((chunk.digest, chunk.generation))).fold(after, Option::max);
        removed += remove(cairn, &doomed).await?;
    }
    tracing::debug!(removed, "swept");
    Ok(())
}

/// Says it before more than a tenth is removed.
fn say_much(chunks: usize, copies: usize, which: &str) {
    if chunks > copies / 10 && chunks > 0 && copies > 0 {
        let at_least = chunks;
        tracing::warn!(
            at_least,
            copies,
            "more than a tenth of what is stored is removed now: chunks {which}"
        );
    }
}

/// Removes the bytes of all, then forgets those that are gone: together, so that they share a commit.
async fn remove(cairn: &Cairn, doomed: &[Doomed]) -> Result<usize, StoreError> {
    let mut gone = Vec::new();
    for chunk in doomed {
        match cairn.chunks.remove(&chunk.locator).await {
            Ok(()) => gone.push(cairn.meta.forget_chunk(chunk.digest, chunk.generation)),
            Err(error) => {
                let key = &chunk.locator.key;
                tracing::error!(chunk = key, %error, "a chunk can't be removed and will be tried again");
            }
        }
    }
    Ok(try_join_all(gone).await?.len())
}

/// Copies that no record named at the last look: a crash, or a refusal, came between placing and noting them.
#[derive(Default)]
struct Strays {
    seen: HashSet<(String, u64)>,
    /// Copies of every kind that there were at the last look.
    copies: usize,
}

/// What one look found.
#[derive(Default)]
struct Look {
    /// Where copies lie that no record names.
    seen: HashSet<(String, u64)>,
    /// Those among them that none named at the last look either.
    over: Vec<ChunkCopy>,
    copies: usize,
}

impl Strays {
    /// Removes the copies that no record names now and none named at the last look. One that is just being noted is
    /// left alone so; where it is not, whoever notes it is refused and places it again. What lies in folders that are not this store's own
    /// stays. Copies that were quarantined are looked at again.
    async fn sweep(&mut self, cairn: &Cairn) -> Result<(), StoreError> {
        let mut look = Look::default();
        for folder in cairn.chunks.folders().await? {
            match self.look(cairn, &folder, &mut look).await {
                Err(error @ StoreError::Closed(_)) => return Err(error),
                // One that can't be read keeps nothing else.
                Err(error) => {
                    tracing::error!(folder, %error, "a folder of chunks can't be looked at; nothing in it is removed")
                }
                Ok(()) => {}
            }
        }
        let Look { seen, over, copies } = look;
        self.copies = copies;
        self.seen = seen;
        if cairn.chunks.keeps().is_some() {
            return Ok(());
        }
        say_much(over.len(), self.copies, "that no record names");
        for copy in over {
            let (key, offset) = (copy.locator.key.clone(), copy.locator.offset);
            if cairn.meta.doom_stray(copy).await? {
                tracing::warn!(key, offset, "a copy that no record names is removed");
            }
        }
        Ok(())
    }

    async fn look(&self, cairn: &Cairn, folder: &str, look: &mut Look) -> Result<(), StoreError> {
        let is_own = cairn.chunks.is_own(folder).await?;
        let copies = cairn.chunks.copies(folder).await?;
        if !is_own && !copies.is_empty() {
            tracing::warn!(
                folder,
                "a folder of chunks does not say that it is this store's: nothing in it is removed"
            );
        }
        for copy in copies {
            look.copies += 1;
            let record = cairn.meta.chunk(copy.digest).await?;
            if let Some(record) = record.filter(|record| record.locator.is_at(&copy.locator)) {
                look_again(cairn, &copy, &record).await;
                continue;
            }
            let place = (copy.locator.key.clone(), copy.locator.offset);
            if !self.seen.contains(&place) {
                look.seen.insert(place);
            } else if is_own {
                look.over.push(copy);
            }
        }
        Ok(())
    }
}

/// Takes a quarantined copy back into use where it is what it was.
async fn look_again(cairn: &Cairn, copy: &ChunkCopy, record: &ChunkRecord) {
    if record.state == ChunkState::Damaged
        && let Err(error) = content::restore(&cairn.stores(), copy.digest, record).await
    {
        tracing::warn!(key = copy.locator.key, %error, "a damaged chunk could not be looked at again");
    }
}

/// Writes a snapshot whenever the log has grown enough, until the task is dropped.
pub(crate) async fn checkpoint(cairn: Arc<Cairn>) {
    let mut interval = tokio::time::interval(CHECKPOINT_EVERY.min(cairn.config.sweep_every));
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        match cairn.meta.checkpoint(cairn.config.checkpoint_bytes).await {
            Ok(true) => tracing::info!("a snapshot took the place of the log before it"),
            Ok(false) => {}
            Err(StoreError::Full) => tracing::debug!("no snapshot was written: the disk is full"),
            Err(error) => tracing::warn!(error = %error, "no snapshot was written; the log has everything"),
        }
    }
}

#[cfg(test)]
mod tests {
    use cairn_shared::ChunkDigest;
    use cairn_store::model::{Codec, Locator};

    use super::*;
    use crate::tests::site;

    #[actix_web::test]
    async fn what_cannot_be_removed_keeps_nothing_else() {
        let data = tempfile::tempdir().unwrap();
        let chunks = cairn_store::chunk::open(data.path()).unwrap();
        let cairn = site::cairn_with(data.path(), chunks);
        let doom = async |number: usize, key: &str| {
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&number.to_be_bytes());
            let locator =
                Locator { store: 0, key: key.to_owned(), offset: 0, length: 1, codec: Codec::Plain };
            let copy = ChunkCopy { digest: ChunkDigest::new(digest), generation: 0, locator };
            assert!(cairn.meta.doom_stray(copy).await.unwrap());
        };
        std::fs::create_dir(data.path().join("chunks/00000000")).unwrap();
        // A key that is no chunk's is refused; a file that is not there is gone.
        for number in 0..DOOM_STEP + 1 {
            doom(number, "../elsewhere").await;
        }
        doom(usize::MAX, &format!("00000000/{}.0", "0".repeat(64))).await;
        for _ in 0..2 {
            sweep_once(&cairn, Duration::ZERO, 0).await.unwrap();
            assert_eq!(cairn.meta.doom(0, None, 1_000).await.unwrap().len(), DOOM_STEP + 1);
        }
    }
}
