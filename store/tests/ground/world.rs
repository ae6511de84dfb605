//! A store with files whose bytes are known, and sweeps as the server makes them.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::future::Future;
use std::path::Path;

use bytes::Bytes;
use cairn_shared::{ChunkDigest, ChunkRule, FileId, OwnerId, Row, SessionId, UnixMs};
use cairn_store::StoreError;
use cairn_store::ground::{self, Fresh, Opened, Options};
use cairn_store::meta::Library;
use cairn_store::model::{ChunkRecord, ChunkState, Declaration, FileFields, NewSession, Publish, Reach};
use cairn_store::verify::{self, Examined};

/// Later than everything.
const LATE: UnixMs = 1 << 40;
/// Copies that one look gives.
const MANY: usize = 10_000;

pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(future)
}

fn id(number: u64) -> [u8; 16] {
    let mut id = [0; 16];
    id[8..].copy_from_slice(&number.to_be_bytes());
    id
}

/// Different for each number, and some of it compresses.
pub(crate) fn content(number: u64) -> Bytes {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let noise = (0..600).map(move |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    });
    noise.chain(std::iter::repeat_n(number as u8, number as usize % 5 * 300)).collect::<Vec<_>>().into()
}

/// The bytes of chance differ with every call.
pub(crate) fn options(may_found: bool) -> Options {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let fresh = |salt: u64| id(NEXT.fetch_add(1, Ordering::Relaxed) << 8 | salt);
    let secret: [u8; 32] = [fresh(3), fresh(4)].concat().try_into().unwrap();
    let fresh = Fresh { store: fresh(1), run: fresh(2), secret };
    Options { index: Library::Sled, compress: true, may_found, fresh }
}

pub(crate) async fn open(data: &Path, may_found: bool) -> Result<Opened, StoreError> {
    ground::open(data, options(may_found)).await
}

/// Files that were acknowledged and not deleted: which number, under which id.
pub(crate) type Facts = BTreeMap<u64, u64>;

/// Uploads the content `number` as the file `file`.
pub(crate) async fn put(store: &Opened, file: u64, number: u64) -> Result<(), StoreError> {
    let (session, bytes) = (SessionId::new(id(file)), content(number));
    let row = Row { digest: ChunkDigest::of(&bytes), length: bytes.len() as u32 };
    let fields = FileFields {
        name: "a".parse().unwrap(),
        path: None,
        folder: None,
        mtime: None,
        media_type: None,
        meta: None,
        size: Some(bytes.len() as u64),
        rule: ChunkRule::FastCdc,
    };
    let new = NewSession {
        id: session,
        owner: OwnerId::new(id(1)),
        ownerless: false,
        key: None,
        fields,
        now: 1,
        expires_at: LATE,
    };
    store.meta.start(new).await?;
    let rows = vec![row];
    let said = Declaration { session, revision: 0, at: 0, rows, size: None, reach: Reach::Owner, now: 1 };
    store.meta.declare_rows(said).await?;
    let (generation, _) = store.meta.placement(row.digest).await?;
    let mut writer = store.chunks.begin(row.length).await?;
    writer.write(bytes).await?;
    let staged = writer.finish().await?;
    let (length, crc32) = (staged.length, staged.crc32);
    let locator = store.chunks.place(staged, generation).await?;
    let record = ChunkRecord { length, crc32, state: ChunkState::Present, generation, locator };
    store.meta.arrive(session, 0, row, record, LATE, 1).await?;
    let publish = Publish {
        session,
        revision: None,
        chunks: None,
        size: None,
        manifest_digest: None,
        file: FileId::new(id(file)),
        link: None,
        now: 1,
    };
    store.meta.publish(publish).await.map(drop)
}

pub(crate) async fn delete(store: &Opened, file: u64) -> Result<(), StoreError> {
    store.meta.remove_file(FileId::new(id(file)), 2).await
}

/// Two looks for strays and the removal of whatever may go, as the server's sweeps do it.
pub(crate) async fn sweep(store: &Opened) -> Result<(), StoreError> {
    while store.meta.sweep(3, 0).await? {}
    let mut seen = HashSet::new();
    for _ in 0..2 {
        for folder in store.chunks.folders().await? {
            let is_own = store.chunks.is_own(&folder).await?;
            for copy in store.chunks.copies(&folder).await? {
                let record = store.meta.chunk(copy.digest).await?;
                if record.is_some_and(|record| record.locator.is_at(&copy.locator)) {
                    continue;
                }
                let place = (copy.locator.key.clone(), copy.locator.offset);
                if !seen.insert(place) && is_own && store.chunks.keeps().is_none() {
                    store.meta.doom_stray(copy).await?;
                }
            }
        }
    }
    if store.chunks.keeps().is_some() {
        return Ok(());
    }
    for doomed in store.meta.doom(LATE, None, MANY).await? {
        if store.chunks.remove(&doomed.locator).await.is_ok() {
            store.meta.forget_chunk(doomed.digest, doomed.generation).await?;
        }
    }
    Ok(())
}

/// Every file is there with its bytes.
pub(crate) async fn check(store: &Opened, facts: &Facts) -> Result<(), String> {
    for (file, number) in facts {
        let found = store.meta.file(FileId::new(id(*file))).await.map_err(|error| error.to_string())?;
        let found = found.ok_or_else(|| format!("file {file} is forgotten"))?;
        let rows = store.meta.rows(found.session, 0, 10).await.map_err(|error| error.to_string())?;
        let digest = ChunkDigest::of(&content(*number));
        if rows.first().map(|row| row.digest) != Some(digest) {
            return Err(format!("file {file} has other rows"));
        }
        let record = store.meta.chunk(digest).await.map_err(|error| error.to_string())?;
        let record = record.ok_or_else(|| format!("file {file}: its chunk has no record"))?;
        match verify::examine(store.chunks.as_ref(), digest, &record).await {
            Ok(Examined::Sound) => {}
            other => return Err(format!("file {file}: {other:?}")),
        }
    }
    Ok(())
}

/// Everything below a folder with its bytes, but for the lock, which says nothing.
pub(crate) fn tree(folder: &Path) -> BTreeSet<(String, Vec<u8>)> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            found.insert((name.clone(), Vec::new()));
            found.extend(tree(&path).into_iter().map(|(inside, bytes)| (format!("{name}/{inside}"), bytes)));
        } else if name != "lock" {
            found.insert((name, fs::read(&path).unwrap()));
        }
    }
    found
}

/// Copies a file or folder.
pub(crate) fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            copy(&path, &to.join(path.file_name().unwrap()));
        }
    } else if from.exists() {
        fs::copy(from, to).unwrap();
    }
}

/// Removes a file or folder.
pub(crate) fn remove(path: &Path) {
    if path.is_dir() {
        fs::remove_dir_all(path).unwrap();
    } else if path.exists() {
        fs::remove_file(path).unwrap();
    }
}
