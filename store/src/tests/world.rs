//! A store on a disk in memory, random deeds, and what a client knows of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;
use cairn_shared::{ChunkDigest, ChunkRule, FileId, OwnerId, Row, SessionId};
use sha2::{Digest, Sha256};

use super::random::Random;
use super::tree;
use crate::chunk::{self, ChunkStore, Described, READ_BYTES};
use crate::disk::Disk;
use crate::disk::sim::SimDisk;
use crate::error::{Conflict, Result, StoreError};
use crate::meta::{Index, IndexFolder, MemoryIndex, MetaStore, Read, Writes, open_over};
use crate::model::{
    ChunkRecord, ChunkState, Codec, Declaration, FileFields, Locator, NewSession, Publish, Reach,
};

const DATA: &str = "/data";
const DISK_BYTES: u64 = 1 << 40;
/// Little: some rows are still in memory, others on their way to the index or there.
const GATHERED_BYTES: usize = 4_096;
const FAR: u64 = 1 << 50;

/// An empty disk, large enough for every test.
pub(super) fn sim_disk() -> SimDisk {
    SimDisk::new(DATA.as_ref(), DISK_BYTES)
}

/// An index of which a power cut leaves what was flushed, or nothing.
#[derive(Clone, Default)]
pub(crate) struct Flushed(pub(super) Arc<Mutex<Option<(Writes, u64)>>>);

struct FlushedIndex {
    rows: MemoryIndex,
    flushed: Flushed,
}

impl Read for FlushedIndex {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.rows.get(key)
    }

    fn page(&self, from: &[u8], end: &[u8], limit: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        self.rows.page(from, end, limit)
    }
}

impl Index for FlushedIndex {
    fn apply(&self, writes: &Writes, sequence: u64) -> Result<()> {
        self.rows.apply(writes, sequence)
    }

    fn applied(&self) -> Result<u64> {
        self.rows.applied()
    }

    fn flush(&self) -> Result<()> {
        let rows = self.rows.page(&[0], &[255], usize::MAX)?;
        let rows = rows.into_iter().map(|(key, value)| (key, Some(value))).collect();
        *self.flushed.0.lock().unwrap() = Some((rows, self.rows.applied()?));
        Ok(())
    }
}

impl Flushed {
    pub(super) fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(self.0.lock().unwrap().clone())))
    }
}

impl IndexFolder for Flushed {
    fn open(&self) -> Result<Box<dyn Index>> {
        let rows = MemoryIndex::default();
        if let Some((writes, applied)) = &*self.0.lock().unwrap() {
            rows.apply(writes, *applied)?;
        }
        Ok(Box::new(FlushedIndex { rows, flushed: self.clone() }))
    }

    fn clear(&self) -> Result<()> {
        *self.0.lock().unwrap() = None;
        Ok(())
    }
}

/// What a client knows to be true: it was acknowledged.
#[derive(Default)]
pub(super) struct Facts {
    sessions: BTreeMap<SessionId, Rows>,
    files: BTreeMap<FileId, Rows>,
    deleted: Vec<FileId>,
    /// The one that was asked for when the power went: it may be so or not.
    asked: Option<Asked>,
}

/// Rows whose chunks have arrived.
type Rows = BTreeMap<u32, u64>;

#[derive(Clone, Copy)]
enum Asked {
    Arrive(SessionId, u32, u64),
    Publish(SessionId, FileId),
    Delete(FileId),
}

pub(super) struct World {
    pub(super) meta: Arc<dyn MetaStore>,
    pub(super) chunks: Arc<dyn ChunkStore>,
    pub(super) now: u64,
    pub(super) next_id: u64,
}

/// Few contents, so that many are there already, held or just about to go.
const CONTENTS: u64 = 12;

fn contents() -> &'static [(Bytes, Row)] {
    static CONTENTS_MADE: OnceLock<Vec<(Bytes, Row)>> = OnceLock::new();
    CONTENTS_MADE.get_or_init(|| {
        let make = |number| {
            let mut random = Random::new(number);
            let length = 1 + random.below(3_000);
            // A third compresses.
            let values = if number % 3 == 0 { 4 } else { 256 };
            let bytes: Bytes = (0..length).map(|_| random.below(values) as u8).collect::<Vec<_>>().into();
            let digest = ChunkDigest::new(Sha256::digest(&bytes).into());
            let row = Row { digest, length: bytes.len() as u32 };
            (bytes, row)
        };
        (0..CONTENTS).map(make).collect()
    })
}

fn content(number: u64) -> Bytes {
    contents()[number as usize].0.clone()
}

fn row(number: u64) -> Row {
    contents()[number as usize].1
}

fn id(number: u64) -> [u8; 16] {
    let mut id = [0; 16];
    id[8..].copy_from_slice(&number.to_be_bytes());
    id
}

fn owner() -> OwnerId {
    OwnerId::new(id(1))
}

impl World {
    pub(super) fn open(disk: Arc<dyn Disk>, indexes: &Flushed, now: u64, next_id: u64) -> Result<Self> {
        let data = PathBuf::from(DATA);
        let meta = open_over(disk.clone(), &data, indexes, Some(GATHERED_BYTES))?;
        Ok(Self { meta, chunks: chunk::open_over(disk, &data, true)?, now, next_id })
    }

    /// One random deed; what it acknowledges is noted.
    pub(super) async fn step(&mut self, random: &mut Random, facts: &mut Facts) -> Result<()> {
        self.now += 10;
        facts.asked = None;
        match random.below(20) {
            0..=1 => self.start(facts).await,
            2..=11 => self.upload(random, facts).await,
            12..=13 => self.publish(random, facts).await,
            14 => self.delete(random, facts).await,
            15..=16 => self.clean(random).await,
            17 => self.clear_strays().await,
            18 => self.meta.checkpoint(random.below(3) * 2_000).await.map(drop),
            _ => Ok(()),
        }
    }

    async fn start(&mut self, facts: &mut Facts) -> Result<()> {
        self.next_id += 1;
        let session = SessionId::new(id(self.next_id));
        let place = tree::place(&*self.meta, owner(), self.next_id).await?;
        let fields = FileFields {
            name: "a".parse().unwrap(),
            path: place.as_ref().map(|(_, path)| path.clone()),
            folder: place.map(|(folder, _)| folder),
            mtime: None,
            media_type: None,
            meta: None,
            size: None,
            rule: ChunkRule::FastCdc,
        };
        let new = NewSession {
            id: session,
            owner: owner(),
            ownerless: false,
            key: None,
            fields,
            now: self.now,
            expires_at: FAR,
        };
        self.meta.start(new).await?;
        facts.sessions.insert(session, Rows::new());
        Ok(())
    }

    /// Declares the next row of a session, and sends its chunk where the store needs it.
    async fn upload(&mut self, random: &mut Random, facts: &mut Facts) -> Result<()> {
        let Some(session) = pick(random, &facts.sessions) else { return Ok(()) };
        let index = facts.sessions[&session].len() as u32;
        let number = random.below(CONTENTS);
        let row = row(number);
        let states = self
            .meta
            .declare_rows(Declaration {
                session,
                revision: 0,
                at: index,
                rows: vec![row],
                size: None,
                reach: Reach::Owner,
                now: self.now,
            })
            .await;
        if matches!(states, Err(StoreError::Conflict(Conflict::RowDiffers { .. }))) {
            // Declared just before the power went: this session waits for other bytes than these.
            return Ok(());
        }
        facts.asked = Some(Asked::Arrive(session, index, number));
        if states?.1 == [cairn_shared::message::RowState::Need] {
            // A pack may have a chunk beside it that nobody ever notes.
            let beside = [None, Some(None), Some(Some(random.below(CONTENTS)))][random.below(3) as usize];
            self.send(session, index, number, beside).await?;
        }
        facts.sessions.get_mut(&session).unwrap().insert(index, number);
        Ok(())
    }

    /// `beside`: in a pack, perhaps with another chunk.
    async fn send(
        &self,
        session: SessionId,
        index: u32,
        number: u64,
        beside: Option<Option<u64>>,
    ) -> Result<()> {
        loop {
            let row = row(number);
            let crc32 = Described::of(&content(number)).crc32;
            let (generation, present) = self.meta.placement(row.digest).await?;
            let known = if present { self.meta.chunk(row.digest).await? } else { None };
            let record = match known {
                Some(record) => record,
                None => ChunkRecord {
                    length: row.length,
                    crc32,
                    state: ChunkState::Present,
                    generation,
                    locator: match beside {
                        None => self.place(number, generation).await?,
                        Some(other) => self.place_packed(number, generation, other).await?,
                    },
                },
            };
            match self.meta.arrive(session, index, row, record, FAR, self.now).await {
                Err(StoreError::Conflict(Conflict::GenerationOver { .. })) => {}
                arrived => return arrived,
            }
        }
    }

    async fn place(&self, number: u64, generation: u32) -> Result<Locator> {
        let mut writer = self.chunks.begin(4_000).await?;
        writer.write(content(number)).await?;
        self.chunks.place(writer.finish().await?, generation).await
    }

    async fn place_packed(&self, number: u64, generation: u32, other: Option<u64>) -> Result<Locator> {
        let mut pack = self.chunks.begin_pack().await?;
        pack.add(&Described::of(&content(number)), generation, content(number)).await?;
        if let Some(other) = other.filter(|other| *other != number) {
            let (generation, _) = self.meta.placement(row(other).digest).await?;
            pack.add(&Described::of(&content(other)), generation, content(other)).await?;
        }
        Ok(pack.place().await?.swap_remove(0))
    }

    async fn publish(&mut self, random: &mut Random, facts: &mut Facts) -> Result<()> {
        let Some(session) = pick(random, &facts.sessions) else { return Ok(()) };
        self.next_id += 1;
        let file = FileId::new(id(self.next_id));
        let rows = facts.sessions[&session].clone();
        let size = rows.values().map(|number| u64::from(row(*number).length)).sum();
        facts.asked = Some(Asked::Publish(session, file));
        let publish = Publish {
            session,
            revision: None,
            chunks: Some(rows.len() as u32),
            size: Some(size),
            manifest_digest: None,
            file,
            link: None,
            now: self.now,
        };
        match self.meta.publish(publish).await {
            // A row that was declared when the power went has no chunk.
            Err(StoreError::Conflict(Conflict::ManifestDiffers)) => return Ok(()),
            published => published?,
        };
        facts.sessions.remove(&session);
        facts.files.insert(file, rows);
        Ok(())
    }

    async fn delete(&mut self, random: &mut Random, facts: &mut Facts) -> Result<()> {
        let Some(file) = pick(random, &facts.files) else { return Ok(()) };
        facts.asked = Some(Asked::Delete(file));
        self.meta.remove_file(file, self.now).await?;
        facts.files.remove(&file);
        facts.deleted.push(file);
        Ok(())
    }

    async fn clean(&mut self, random: &mut Random) -> Result<()> {
        while self.meta.sweep(self.now, 0).await? {}
        let before = self.now + random.below(2) * 10;
        for chunk in self.meta.doom(before, None, 3).await? {
            self.chunks.remove(&chunk.locator).await?;
            self.meta.forget_chunk(chunk.digest, chunk.generation).await?;
        }
        Ok(())
    }

    async fn clear_strays(&mut self) -> Result<()> {
        for folder in self.chunks.folders().await? {
            for copy in self.chunks.copies(&folder).await? {
                self.meta.doom_stray(copy).await?;
            }
        }
        Ok(())
    }

    /// Whether a row's chunk is there, is safe, and has its bytes.
    async fn check_row(&self, session: SessionId, index: u32, number: u64) {
        let said = self.meta.row(session, index).await.unwrap().map(|stored| stored.row);
        assert_eq!(said, Some(row(number)), "row {index} of {session}");
        let record = self.meta.chunk(row(number).digest).await.unwrap().expect("a record of a held chunk");
        assert_eq!(record.state, ChunkState::Present, "row {index} of {session}");
        let mut reader = self.chunks.open_verified(&record, READ_BYTES).await.unwrap();
        let mut bytes = Vec::new();
        while let Some(some) = reader.read().await.unwrap() {
            bytes.extend_from_slice(&some);
        }
        assert_eq!(bytes, content(number), "row {index} of {session}");
    }

    pub(super) async fn check(&self, facts: &Facts) {
        for (session, rows) in &facts.sessions {
            let (received, _, _) = self.meta.arrived(*session, 0, u32::MAX, 1_000).await.unwrap();
            for (index, number) in rows {
                assert!(received.contains(*index), "row {index} of {session} was acknowledged");
                self.check_row(*session, *index, *number).await;
            }
        }
        for (file, rows) in &facts.files {
            let found = self.meta.file(*file).await.unwrap().expect("a file that was acknowledged");
            assert_eq!(found.rows as usize, rows.len());
            for (index, number) in rows {
                self.check_row(found.session, *index, *number).await;
            }
        }
        tree::check(&*self.meta, facts.files.keys().chain(&facts.deleted).copied()).await;
        for file in &facts.deleted {
            assert!(self.meta.file(*file).await.unwrap().is_none(), "{file} was deleted");
        }
    }

    /// Whatever is given is what it was; the rest is told to be damaged.
    pub(super) async fn check_what_is_given(&self, facts: &Facts) {
        for number in facts.sessions.values().chain(facts.files.values()).flat_map(BTreeMap::values) {
            let Some(record) = self.meta.chunk(row(*number).digest).await.unwrap() else { continue };
            let mut reader = match self.chunks.open_verified(&record, READ_BYTES).await {
                Err(StoreError::Damaged(_)) => continue,
                opened => opened.unwrap(),
            };
            let mut bytes = Vec::new();
            let is_whole = loop {
                match reader.read().await {
                    Ok(Some(some)) => bytes.extend_from_slice(&some),
                    Ok(None) => break true,
                    Err(StoreError::Damaged(_)) => break false,
                    Err(error) => panic!("{error}"),
                }
            };
            assert!(!is_whole || bytes == content(*number), "content {number}");
        }
    }

    /// How the copy that has this byte of a file is stored, where a record names it.
    pub(super) async fn names(&self, file: &Path, byte: u64) -> Option<Codec> {
        let records = self.meta.chunks(None, 1_000).await.unwrap();
        let found = records.iter().find(|(_, record)| {
            let Locator { key, offset, length, .. } = &record.locator;
            let here = *offset..offset + u64::from(*length);
            record.state != ChunkState::Deleting && file.ends_with(key) && here.contains(&byte)
        });
        found.map(|(_, record)| record.locator.codec)
    }

    /// What was asked for when the power went is true or not, and the client finds out which.
    pub(super) async fn settle(&self, facts: &mut Facts) {
        match facts.asked.take() {
            Some(Asked::Arrive(session, index, number)) => {
                let (received, _, _) = self.meta.arrived(session, 0, u32::MAX, 1_000).await.unwrap();
                if received.contains(index) {
                    facts.sessions.get_mut(&session).unwrap().insert(index, number);
                }
            }
            Some(Asked::Publish(session, file)) if self.meta.file(file).await.unwrap().is_some() => {
                let rows = facts.sessions.remove(&session).unwrap();
                facts.files.insert(file, rows);
            }
            Some(Asked::Delete(file)) if self.meta.file(file).await.unwrap().is_none() => {
                facts.files.remove(&file);
                facts.deleted.push(file);
            }
            Some(Asked::Publish(..) | Asked::Delete(_)) | None => {}
        }
    }
}

fn pick<K: Copy + Ord, V>(random: &mut Random, from: &BTreeMap<K, V>) -> Option<K> {
    from.keys().nth(random.below(from.len() as u64) as usize).copied()
}
