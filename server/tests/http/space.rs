//! Space: promised to what was answered `need`, refused where it can't be, and taken back early where it is short.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use cairn_server::Stores;
use cairn_shared::ProblemCode;
use cairn_store::model::Locator;
use cairn_store::{ChunkCopy, ChunkReader, ChunkStore, ChunkWriter, PackWriter, Staged, StoreError};
use serde_json::{Value, json};

use crate::site::{self, Answer, Site, hex, noise};

/// Chunks in memory that have only so much room.
#[derive(Clone)]
struct Small {
    chunks: Arc<dyn ChunkStore>,
    free: Arc<AtomicU64>,
}

impl Small {
    fn new(free: u64) -> Self {
        Self { chunks: cairn_store::chunk::memory(), free: Arc::new(AtomicU64::new(free)) }
    }

    fn site(&self, settings: site::Settings<'_>) -> Site {
        let stores = Stores { meta: cairn_store::meta::memory(), chunks: Arc::new(self.clone()) };
        Site::over(settings, Some(stores))
    }
}

#[async_trait]
impl ChunkStore for Small {
    async fn begin(&self, length_max: u32) -> Result<Box<dyn ChunkWriter>, StoreError> {
        self.chunks.begin(length_max).await
    }

    async fn place(&self, staged: Staged, generation: u32) -> Result<Locator, StoreError> {
        let length = u64::from(staged.length);
        if self.free.load(Ordering::SeqCst) < length {
            return Err(StoreError::Full);
        }
        self.free.fetch_sub(length, Ordering::SeqCst);
        self.chunks.place(staged, generation).await
    }

    async fn begin_pack(&self) -> Result<Box<dyn PackWriter>, StoreError> {
        self.chunks.begin_pack().await
    }

    async fn open(&self, locator: &Locator, offset: u32) -> Result<Box<dyn ChunkReader>, StoreError> {
        self.chunks.open(locator, offset).await
    }

    async fn remove(&self, locator: &Locator) -> Result<(), StoreError> {
        self.free.fetch_add(u64::from(locator.length), Ordering::SeqCst);
        self.chunks.remove(locator).await
    }

    async fn free_bytes(&self) -> Result<u64, StoreError> {
        Ok(self.free.load(Ordering::SeqCst))
    }

    async fn folders(&self) -> Result<Vec<String>, StoreError> {
        self.chunks.folders().await
    }

    async fn copies(&self, folder: &str) -> Result<Vec<ChunkCopy>, StoreError> {
        self.chunks.copies(folder).await
    }
}

fn start(site: &Site, owner: &str, fields: Value) -> Answer {
    site.ask("POST", "/api/start").by(owner).json(&fields).send()
}

fn id(started: Answer) -> String {
    started.expect(201)["session_id"].as_str().unwrap().to_owned()
}

fn check(site: &Site, owner: &str, session: &str, chunks: &[Vec<u8>]) -> Answer {
    let rows: Vec<_> =
        chunks.iter().map(|bytes| json!({"digest": hex(bytes), "length": bytes.len()})).collect();
    let body = json!({"revision": 0, "at": 0, "chunks": rows});
    site.ask("POST", &format!("/api/check/{session}")).by(owner).json(&body).send()
}

fn put(site: &Site, owner: &str, session: &str, index: usize, bytes: &[u8]) -> Answer {
    site.ask("PUT", &format!("/api/upload/{session}/{index}")).by(owner).body(bytes).send()
}

#[test]
fn what_cannot_fit_is_refused_at_the_start() {
    let small = Small::new(100_000);
    let site = small.site(&[]);
    let owner = site.owner();
    let key = "00112233445566778899aabbccddeeff";
    let fields = json!({"name": "a", "size": 90_000, "key": key});
    let first = id(start(&site, &owner, fields.clone()));
    let refused = start(&site, &owner, json!({"name": "b", "size": 100_001}));
    assert!(refused.headers.contains_key("retry-after"));
    let problem = refused.refused(ProblemCode::StorageFull);
    assert_eq!(problem["free_bytes"], 100_000);
    // What has begun goes on, though the disk has become too small for all of it.
    small.free.store(50_000, Ordering::SeqCst);
    let again = start(&site, &owner, fields).expect(200);
    assert_eq!(again["session_id"], *first);
    start(&site, &owner, json!({"name": "c"})).expect(201);
}

#[test]
fn what_was_promised_is_nobody_elses() {
    let small = Small::new(1_000_000);
    let site = small.site(&[]);
    let (anna, ben) = (site.owner(), site.owner());
    let chunks: Vec<_> = (0..2).map(|seed| noise(seed, 100_000)).collect();
    let session =
        id(start(&site, &anna, json!({"name": "a", "size": 200_000, "chunking": "fastcdc-2020/1"})));
    check(&site, &anna, &session, &chunks).expect(200);
    let free = |size: u64| start(&site, &ben, json!({"name": "b", "size": size}));
    assert_eq!(free(800_001).refused(ProblemCode::StorageFull)["free_bytes"], 800_000);
    free(800_000).expect(201);
    // A chunk that comes was promised before, and counts once.
    put(&site, &anna, &session, 0, &chunks[0]).expect(204);
    assert_eq!(free(800_001).refused(ProblemCode::StorageFull)["free_bytes"], 800_000);
    put(&site, &anna, &session, 1, &chunks[1]).expect(204);
    assert_eq!(free(800_001).refused(ProblemCode::StorageFull)["free_bytes"], 800_000);
    // A plain client takes nothing of what others were promised.
    let other = id(start(&site, &anna, json!({"name": "c", "size": 790_000, "chunking": "fastcdc-2020/1"})));
    let more: Vec<_> = (2..4).map(|seed| noise(seed, 95_000)).collect();
    check(&site, &anna, &other, &more).expect(200);
    let plain = id(start(&site, &ben, json!({"name": "d", "chunking": "fixed/700000"})));
    put(&site, &ben, &plain, 0, &noise(9, 700_000)).refused(ProblemCode::StorageFull);
}

#[test]
fn a_full_disk_takes_what_it_has_already() {
    let small = Small::new(200_000);
    let site = small.site(&[]);
    let owner = site.owner();
    let chunks = vec![noise(1, 100_000), noise(2, 50_000)];
    let fields = json!({"name": "a", "size": 150_000, "chunking": "fastcdc-2020/1"});
    let session = id(start(&site, &owner, fields.clone()));
    let again = id(start(&site, &owner, fields.clone()));
    check(&site, &owner, &session, &chunks).expect(200);
    for (index, bytes) in chunks.iter().enumerate() {
        put(&site, &owner, &session, index, bytes).expect(204);
    }
    site.ask("POST", &format!("/api/finish/{session}")).by(&owner).send().expect(201);
    small.free.store(0, Ordering::SeqCst);
    let new = vec![noise(1, 100_000), noise(3, 50_000)];
    check(&site, &owner, &again, &new).refused(ProblemCode::StorageFull);
    let status = site.ask("GET", &format!("/api/status/{again}")).by(&owner).send().expect(200);
    assert_eq!(status["missing"], json!([]), "a refused declaration changes nothing: {status}");
    assert_eq!(check(&site, &owner, &again, &chunks).expect(200)["chunks"], json!(["have", "have"]));
    site.ask("POST", &format!("/api/finish/{again}")).by(&owner).send().expect(201);
    // Neither does a new session need space for what is here, nor one whose rows are to be declared say more than it knows.
    let third = id(start(&site, &owner, fields));
    assert_eq!(check(&site, &owner, &third, &chunks).expect(200)["chunks"], json!(["have", "have"]));
    site.ask("POST", &format!("/api/finish/{third}")).by(&owner).send().expect(201);
}

#[test]
fn the_chunk_that_finds_no_room_is_refused_and_named() {
    let small = Small::new(200_000);
    let site = small.site(&[]);
    let owner = site.owner();
    let large = json!({"name": "a", "size": 1_000_000_000_000u64, "chunking": "fastcdc-2020/1"});
    let session = id(start(&site, &owner, large));
    let chunks: Vec<_> = (0..4).map(|seed| noise(seed, 80_000)).collect();
    let problem = check(&site, &owner, &session, &chunks).refused(ProblemCode::StorageFull);
    assert_eq!((&problem["at"], &problem["needed_bytes"]), (&json!(2), &json!(320_000)), "{problem}");
    assert_eq!(problem["free_bytes"], 200_000);
    // What is in front of it finds its room.
    assert_eq!(check(&site, &owner, &session, &chunks[..2]).expect(200)["chunks"], json!(["need", "need"]));
    for (index, bytes) in chunks[..2].iter().enumerate() {
        put(&site, &owner, &session, index, bytes).expect(204);
    }
    let problem = check(&site, &owner, &session, &chunks).refused(ProblemCode::StorageFull);
    assert_eq!((&problem["at"], &problem["needed_bytes"]), (&json!(2), &json!(160_000)), "{problem}");
    assert_eq!(problem["free_bytes"], 40_000);
}

#[test]
fn a_hole_needs_room_for_one_chunk_of_it() {
    let small = Small::new(150_000);
    let site = small.site(&[]);
    let owner = site.owner();
    let fields = json!({"name": "hole", "size": 10_000_000, "chunking": "fastcdc-2020/1"});
    let session = id(start(&site, &owner, fields));
    let hole = vec![vec![0; 100_000]; 100];
    // The second time the chunk is promised, and still needs no more.
    for _ in 0..2 {
        let states = check(&site, &owner, &session, &hole).expect(200)["chunks"].clone();
        assert_eq!(states, json!(vec!["need"; 100]));
    }
    put(&site, &owner, &session, 7, &hole[7]).expect(204);
    site.ask("POST", &format!("/api/finish/{session}")).by(&owner).send().expect(201);
}

#[test]
fn a_write_that_finds_no_room_says_how_much_there_is() {
    let small = Small::new(200_000);
    let site = small.site(&[]);
    let owner = site.owner();
    let fields = json!({"name": "a", "size": 160_000, "chunking": "fastcdc-2020/1"});
    let session = id(start(&site, &owner, fields));
    let chunks: Vec<_> = (0..2).map(|seed| noise(seed, 80_000)).collect();
    check(&site, &owner, &session, &chunks).expect(200);
    // Somebody else fills the disk meanwhile.
    small.free.store(30_000, Ordering::SeqCst);
    let problem = put(&site, &owner, &session, 0, &chunks[0]).refused(ProblemCode::StorageFull);
    assert_eq!((&problem["needed_bytes"], &problem["free_bytes"]), (&json!(80_000), &json!(30_000)));
    // The promise was worth nothing: the next check says so before anything is sent.
    check(&site, &owner, &session, &chunks).refused(ProblemCode::StorageFull);
}

#[test]
fn a_full_disk_does_not_wait_until_deletes_count() {
    let small = Small::new(100_000);
    let site = small.site(&[("delete_after", "10h"), ("sweep_every", "10h")]);
    let owner = site.owner();
    let session = id(start(&site, &owner, json!({"name": "a", "size": 80_000})));
    put(&site, &owner, &session, 0, &noise(1, 80_000)).expect(204);
    let finished = site.ask("POST", &format!("/api/finish/{session}")).by(&owner).send().expect(201);
    let file = format!("/api/file/{}", finished["file"].as_str().unwrap());
    site.ask("DELETE", &file).by(&owner).send().expect(204);
    let full = || start(&site, &owner, json!({"name": "b", "size": 90_000}));
    full().refused(ProblemCode::StorageFull);
    assert!(site::wait_for(|| small.free.load(Ordering::SeqCst) == 100_000));
    full().expect(201);
}
