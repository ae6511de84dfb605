//! Reads every chunk and recomputes its SHA-256, no faster than asked for, and goes on where an earlier run stopped.

use std::time::Duration;

use cairn_shared::ChunkDigest;
use cairn_store::StoreError;
use cairn_store::model::{ChunkRecord, ChunkState, ScrubPlace};
use cairn_store::verify::{Examined, examine};
use tokio::time::Instant;

use super::absent::Absent;
use super::check::{is_still, permille};
use super::desk::{Desk, Failure, Told};
use super::message::{Event, Outcome, Progress};
use super::suspects::Suspects;
use crate::access::AdminRight;

/// Records that are read at once.
const PAGE: usize = 256;
/// How often it is told how far it has come, and noted: a kill costs so much reading.
const TELL_EVERY: Duration = Duration::from_millis(500);
const NOTE_EVERY: Duration = Duration::from_secs(20);

/// Reads everything behind the place that an earlier run noted.
pub(super) async fn scrub(
    desk: &Desk,
    _right: &AdminRight,
    told: &Told,
    again: bool,
    limit: Option<u64>,
) -> Result<Outcome, Failure> {
    let _alone = match &desk.cairn {
        Some(cairn) => Some(
            cairn.scrubbing.try_lock().map_err(|_| Failure::Refused("a scrub is under way".to_owned()))?,
        ),
        None => None,
    };
    let is_log_whole = log(desk, told).await?;
    let noted = desk.stores.meta.scrub_place().await?.filter(|_| !again);
    let place = match noted {
        Some(place) => {
            told.tell(Event::Resumed(progress(&place))).await?;
            place
        }
        None => ScrubPlace { began_at: desk.now(), after: None, chunks: 0, bytes: 0, damaged: 0, away: 0 },
    };
    let pace = Pace { began: Instant::now(), bytes: 0, limit: limit.filter(|limit| *limit > 0) };
    let mut run = Run {
        desk,
        told,
        place,
        pace,
        suspects: Suspects::default(),
        absent: Absent::default(),
        noted: Instant::now(),
        shown: Instant::now(),
    };
    let walked = run.walk().await;
    if walked.is_err() {
        // Whoever stopped it goes on from here.
        run.note().await?;
    }
    walked?;
    let place = run.place;
    run.absent.name(told).await?;
    run.suspects.name(&desk.stores, told).await?;
    if !desk.is_only_read {
        desk.stores.meta.keep_scrub_place(None).await?;
    }
    told.tell(Event::Progress(Progress { permille: 1_000, ..progress(&place) })).await?;
    let is_whole = is_log_whole && place.damaged == 0 && place.away == 0;
    Ok(if is_whole { Outcome::Whole } else { Outcome::Damaged })
}

async fn log(desk: &Desk, told: &Told) -> Result<bool, Failure> {
    match desk.stores.meta.check_log().await {
        Ok(()) => Ok(true),
        Err(StoreError::Damaged(what)) => {
            told.tell(Event::Wrong { what }).await?;
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

struct Run<'a> {
    desk: &'a Desk,
    told: &'a Told,
    place: ScrubPlace,
    pace: Pace,
    suspects: Suspects,
    absent: Absent,
    noted: Instant,
    shown: Instant,
}

impl Run<'_> {
    async fn walk(&mut self) -> Result<(), Failure> {
        loop {
            let page = self.desk.stores.meta.chunks(self.place.after, PAGE).await?;
            if page.is_empty() {
                return Ok(());
            }
            for (digest, record) in page {
                self.chunk(digest, &record).await?;
                self.place.after = Some(digest);
                self.pace.take(u64::from(record.locator.length));
                tokio::select! {
                    () = tokio::time::sleep_until(self.pace.due()) => {}
                    () = self.told.left() => return Err(Failure::Left),
                }
                self.look_up().await?;
            }
        }
    }

    async fn chunk(&mut self, digest: ChunkDigest, record: &ChunkRecord) -> Result<(), Failure> {
        // One that is known to be damaged is read too: a disk that was away may be back.
        if record.state == ChunkState::Deleting {
            return Ok(());
        }
        let stores = &self.desk.stores;
        let examined = examine(stores.chunks.as_ref(), digest, record).await?;
        if examined != Examined::Sound && !is_still(self.desk, digest, record).await? {
            return Ok(());
        }
        self.place.chunks += 1;
        self.place.bytes += u64::from(record.length);
        match examined {
            Examined::Sound if record.state == ChunkState::Damaged && !self.desk.is_only_read => {
                if stores.meta.restore(digest, record.generation).await? {
                    tracing::warn!(
                        chunk.short = digest.short(),
                        "a chunk that was damaged is what it was, and in use again"
                    );
                }
                Ok(())
            }
            Examined::Sound => Ok(()),
            Examined::Damaged => {
                if !self.desk.is_only_read && stores.meta.quarantine(digest, record.generation).await? {
                    tracing::error!(
                        chunk.short = digest.short(),
                        "a scrub found a damaged chunk; it is taken out of use"
                    );
                }
                self.damaged(digest).await
            }
            Examined::Away(why) => {
                self.place.away += 1;
                if !self.absent.takes(stores.chunks.as_ref(), &record.locator).await? {
                    self.told.tell(Event::Away { chunk: digest, why }).await?;
                }
                Ok(self.suspects.note(&self.desk.stores, digest).await?)
            }
        }
    }

    async fn damaged(&mut self, digest: ChunkDigest) -> Result<(), Failure> {
        self.place.damaged += 1;
        self.told.tell(Event::Damaged { chunk: digest }).await?;
        Ok(self.suspects.note(&self.desk.stores, digest).await?)
    }

    async fn look_up(&mut self) -> Result<(), Failure> {
        if self.shown.elapsed() >= TELL_EVERY {
            self.shown = Instant::now();
            self.told.tell(Event::Progress(progress(&self.place))).await?;
        }
        if self.noted.elapsed() >= NOTE_EVERY {
            self.noted = Instant::now();
            self.note().await?;
        }
        Ok(())
    }

    async fn note(&self) -> Result<(), Failure> {
        if !self.desk.is_only_read {
            self.desk.stores.meta.keep_scrub_place(Some(self.place.clone())).await?;
        }
        Ok(())
    }
}

fn progress(place: &ScrubPlace) -> Progress {
    let ScrubPlace { chunks, bytes, damaged, away, .. } = *place;
    Progress { chunks, bytes, damaged, away, permille: permille(place.after) }
}

/// How fast it may read.
struct Pace {
    began: Instant,
    bytes: u64,
    limit: Option<u64>,
}

impl Pace {
    fn take(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// When what was read is within the limit.
    fn due(&self) -> Instant {
        match self.limit {
            Some(limit) => self.began + Duration::from_secs_f64(self.bytes as f64 / limit as f64),
            None => self.began,
        }
    }
}
