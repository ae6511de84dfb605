//! Ends what is over time, and frees what nobody holds.

use std::sync::Arc;
use std::time::Duration;

use cairn_store::StoreError;

use crate::cairn::{Cairn, millis};

/// How long ended and finished sessions leave a record.
const ARCHIVE_TTL: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Chunks removed in one step.
const DOOM_STEP: usize = 256;

/// Sweeps at once and then again and again, until the task is dropped.
pub(crate) async fn sweep(cairn: Arc<Cairn>) {
    let mut interval = tokio::time::interval(cairn.config.sweep_every);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        if let Err(error) = sweep_once(&cairn).await {
            tracing::error!(error = %error, "the sweep broke off and will be tried again");
        }
    }
}

async fn sweep_once(cairn: &Cairn) -> Result<(), StoreError> {
    let now = cairn.now();
    while cairn.meta.sweep(now, now.saturating_sub(millis(ARCHIVE_TTL))).await? {}
    let mut removed = 0;
    loop {
        let before = cairn.now().saturating_sub(millis(cairn.config.delete_after));
        let doomed = cairn.meta.doom(before, DOOM_STEP).await?;
        if doomed.is_empty() {
            break;
        }
        for chunk in doomed {
            cairn.chunks.remove(&chunk.locator).await?;
            cairn.meta.forget_chunk(chunk.digest, chunk.generation).await?;
            removed += 1;
        }
    }
    tracing::debug!(removed, "swept");
    Ok(())
}
