//! The quick look: are the chunks there that facts name? Folders and packs are listed; no chunk is read.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use cairn_shared::{ChunkDigest, Row};
use cairn_store::StoreError;
use cairn_store::model::{ChunkRecord, ChunkState, File, Locator};

use super::absent::Absent;
use super::desk::{Desk, Failure, Told};
use super::message::{Event, Outcome, Progress};
use super::suspects::{Suspects, shown};
use crate::access::AdminRight;

/// Rows that are read at once.
const PAGE: usize = 1_000;
/// Chunks without a record that are told one by one.
const LOST_MAX: usize = 10_000;

/// Looks whether every record's copy, and every file's record, is there.
pub(super) async fn check(desk: &Desk, _right: &AdminRight, told: &Told) -> Result<Outcome, Failure> {
    let mut looked = Looked {
        desk,
        told,
        progress: Progress::default(),
        suspects: Suspects::default(),
        absent: Absent::default(),
        is_wrong: false,
    };
    let places = looked.list().await?;
    looked.records(&places).await?;
    drop(places);
    looked.files().await?;
    let Looked { progress, suspects, absent, is_wrong, .. } = looked;
    absent.name(told).await?;
    suspects.name(&desk.stores, told).await?;
    told.tell(Event::Progress(Progress { permille: 1_000, ..progress })).await?;
    let is_whole = progress.damaged == 0 && progress.away == 0 && !is_wrong;
    Ok(if is_whole { Outcome::Whole } else { Outcome::Damaged })
}

struct Looked<'a> {
    desk: &'a Desk,
    told: &'a Told,
    progress: Progress,
    suspects: Suspects,
    absent: Absent,
    is_wrong: bool,
}

impl Looked<'_> {
    /// Where copies lie: 8 bytes for each, sorted. A place that only seems to be there, because another has the same sum, is one in
    /// 10^12 with ten million chunks.
    async fn list(&mut self) -> Result<Vec<u64>, Failure> {
        let mut places = Vec::new();
        for folder in self.desk.stores.chunks.folders().await? {
            match self.desk.stores.chunks.copies(&folder).await {
                Ok(copies) => places.extend(copies.iter().map(|copy| place(&copy.locator))),
                Err(error) => self.wrong(format!("chunks/{folder} can't be listed: {error}")).await?,
            }
            self.told.tell(Event::Progress(self.progress)).await?;
        }
        places.sort_unstable();
        Ok(places)
    }

    async fn records(&mut self, places: &[u64]) -> Result<(), Failure> {
        let mut after = None;
        loop {
            let page = self.desk.stores.meta.chunks(after, PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = Some(*last);
            for (digest, record) in page {
                self.record(digest, record, places).await?;
            }
            // Digests are spread evenly. The files come behind them.
            self.progress.permille = permille(after) / 2;
            self.told.tell(Event::Progress(self.progress)).await?;
        }
    }

    async fn record(
        &mut self,
        digest: ChunkDigest,
        record: ChunkRecord,
        places: &[u64],
    ) -> Result<(), Failure> {
        self.progress.chunks += 1;
        if record.state == ChunkState::Damaged {
            self.progress.damaged += 1;
            self.told.tell(Event::Damaged { chunk: digest }).await?;
            return Ok(self.suspects.note(&self.desk.stores, digest).await?);
        }
        if record.state == ChunkState::Deleting || places.binary_search(&place(&record.locator)).is_ok() {
            return Ok(());
        }
        // It may have come, or been removed, since the folder was listed.
        let why = match self.desk.stores.chunks.has(&record.locator).await {
            Ok(true) => return Ok(()),
            Ok(false) => "it is not there".to_owned(),
            Err(error) => error.to_string(),
        };
        if !is_still(self.desk, digest, &record).await? {
            return Ok(());
        }
        self.progress.away += 1;
        if !self.absent.takes(self.desk.stores.chunks.as_ref(), &record.locator).await? {
            self.told.tell(Event::Away { chunk: digest, why }).await?;
        }
        Ok(self.suspects.note(&self.desk.stores, digest).await?)
    }

    /// Every row of every file has a record.
    async fn files(&mut self) -> Result<(), Failure> {
        let mut after = None;
        loop {
            let files = self.desk.stores.meta.all_files(after, PAGE).await?;
            let Some(last) = files.last() else { return Ok(()) };
            after = Some(last.id);
            for file in &files {
                self.file(file).await?;
            }
            self.progress.permille = 500 + first_bytes(last.id.as_bytes()) / 2;
            self.told.tell(Event::Progress(self.progress)).await?;
        }
    }

    async fn file(&mut self, file: &File) -> Result<(), Failure> {
        let mut lost = HashSet::new();
        let mut next = 0;
        while next < file.rows {
            let rows = self.desk.stores.meta.rows(file.session, next, PAGE).await?;
            let Ok(count @ 1..) = u32::try_from(rows.len()) else { break };
            next += count;
            for row in self.unknown(rows).await? {
                if lost.len() < LOST_MAX {
                    lost.insert(row.digest);
                }
            }
        }
        if (next >= file.rows && lost.is_empty()) || self.desk.stores.meta.file(file.id).await?.is_none() {
            return Ok(());
        }
        if next < file.rows {
            self.wrong(format!("file {} lacks rows from {next} on", file.id)).await?;
        }
        for chunk in &lost {
            self.progress.away += 1;
            self.told.tell(Event::Away { chunk: *chunk, why: "it has no record".to_owned() }).await?;
        }
        let (file, owner, name) = (file.id, file.owner, shown(file));
        self.told.tell(Event::File { file, owner, name, chunks: lost.into_iter().collect() }).await
    }

    /// Those without a record; of others it was told.
    async fn unknown(&self, rows: Vec<Row>) -> Result<Vec<Row>, StoreError> {
        let present = self.desk.stores.meta.present(rows.clone()).await?;
        let mut unknown = Vec::new();
        for (row, _) in rows.into_iter().zip(present).filter(|(_, is_present)| !is_present) {
            if self.desk.stores.meta.chunk(row.digest).await?.is_none() {
                unknown.push(row);
            }
        }
        Ok(unknown)
    }

    async fn wrong(&mut self, what: String) -> Result<(), Failure> {
        self.is_wrong = true;
        self.told.tell(Event::Wrong { what }).await
    }
}

/// Whether a record is what it was before somebody looked for the copy.
pub(super) async fn is_still(
    desk: &Desk,
    digest: ChunkDigest,
    record: &ChunkRecord,
) -> Result<bool, StoreError> {
    let now = desk.stores.meta.chunk(digest).await?;
    Ok(now.is_some_and(|now| now.generation == record.generation && now.state != ChunkState::Deleting))
}

/// How far a walk in the order of digests has come.
pub(super) fn permille(after: Option<ChunkDigest>) -> u16 {
    after.map_or(0, |digest| first_bytes(digest.as_bytes()))
}

fn first_bytes(id: &[u8]) -> u16 {
    let first = id.first_chunk().map_or(0, |two| u32::from(u16::from_be_bytes(*two)));
    u16::try_from((first * 1_000) >> 16).unwrap_or(1_000)
}

fn place(locator: &Locator) -> u64 {
    let mut hasher = DefaultHasher::new();
    (locator.key.as_str(), locator.offset).hash(&mut hasher);
    hasher.finish()
}
