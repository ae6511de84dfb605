//! A few verbs to write down, and a look at everything that they left.

use std::fmt::Write;
use std::future::Future;

use cairn_shared::{
    BlobDigest, ChunkDigest, ChunkRule, ClientKey, FileId, FolderId, LinkId, OwnerId, Row, SessionId, UnixMs,
};
use cairn_store::model::{
    ChunkRecord, ChunkState, Codec, Declaration, FileFields, Folder, Link, Locator, NewFolder, NewSession,
    Owner, Publish, Reach, Target,
};
use cairn_store::{MetaStore, StoreError};

pub(crate) const START: UnixMs = 1_000_000;
pub(crate) const FULL: u32 = 65_536;
/// Ids and digests are made of numbers below this.
pub(crate) const NUMBERS: u8 = 8;

/// Runs a future to its end.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(future)
}

pub(crate) fn session(n: u8) -> SessionId {
    SessionId::new([n; 16])
}

pub(crate) fn owner(n: u8) -> OwnerId {
    OwnerId::new([n % 2; 16])
}

pub(crate) fn file(n: u8) -> FileId {
    FileId::new([n; 16])
}

pub(crate) fn row(n: u8) -> Row {
    Row { digest: ChunkDigest::new([n; 32]), length: FULL }
}

pub(crate) fn rows(from: u8, count: u8) -> Vec<Row> {
    (from..from + count).map(|n| row(n % NUMBERS)).collect()
}

pub(crate) async fn start(
    store: &dyn MetaStore,
    n: u8,
    rule: ChunkRule,
    size: Option<u64>,
) -> Result<(), StoreError> {
    start_in(store, n, rule, size, None).await
}

/// The same for a file that goes to `a/b` of a folder.
pub(crate) async fn start_in(
    store: &dyn MetaStore,
    n: u8,
    rule: ChunkRule,
    size: Option<u64>,
    folder: Option<FolderId>,
) -> Result<(), StoreError> {
    let fields = FileFields {
        name: "cairn.txt".parse().unwrap(),
        path: Some("a/b".parse().unwrap()),
        folder,
        mtime: None,
        media_type: Some("text/plain".parse().unwrap()),
        meta: None,
        size,
        rule,
    };
    let new = NewSession {
        id: session(n),
        owner: owner(n),
        ownerless: false,
        key: Some(ClientKey::new([n; 16])),
        fields,
        now: START,
        expires_at: START + 100,
    };
    store.start(new).await.map(drop)
}

pub(crate) async fn arrive(
    store: &dyn MetaStore,
    n: u8,
    index: u32,
    row: Row,
    now: UnixMs,
) -> Result<(), StoreError> {
    let (generation, _) = store.placement(row.digest).await?;
    let key = format!("{}.{generation}", row.digest);
    let locator = Locator { store: 0, key, offset: 0, length: row.length, codec: Codec::Plain };
    let record =
        ChunkRecord { length: row.length, crc32: 1, state: ChunkState::Present, generation, locator };
    store.arrive(session(n), index, row, record, START + 200, now).await
}

/// Declares and sends chunks of their own, one for each index.
pub(crate) async fn arrive_many(store: &dyn MetaStore, n: u8, indexes: std::ops::Range<u32>) {
    let row = |index: u32| {
        let mut digest = [0; 32];
        // Spread, as digests are.
        digest[..8].copy_from_slice(&u64::from(index).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        Row { digest: ChunkDigest::new(digest), length: FULL }
    };
    let rows: Vec<_> = indexes.clone().map(row).collect();
    let at = indexes.start;
    let said = Declaration {
        session: session(n),
        revision: 0,
        at,
        rows,
        size: None,
        reach: Reach::Owner,
        now: START,
    };
    store.declare_rows(said).await.unwrap();
    let all: Vec<_> = indexes.map(|index| arrive(store, n, index, row(index), START)).collect();
    for one in futures_util::future::join_all(all).await {
        one.unwrap();
    }
}

pub(crate) fn publish(n: u8, now: UnixMs) -> Publish {
    Publish {
        session: session(n),
        revision: None,
        chunks: None,
        size: None,
        manifest_digest: None,
        file: file(n),
        link: Some((LinkId::new([n; 16]), [n; 32])),
        now,
    }
}

pub(crate) fn link(n: u8, of: u8) -> Link {
    Link {
        id: LinkId::new([n + 100; 16]),
        target: Target::File(file(of)),
        owner: owner(of),
        token_hash: [n + 100; 32],
        created_at: START,
        expires_at: None,
    }
}

/// Something of every kind: an owner, sessions in every state, files with links, a condemned chunk.
pub(crate) async fn fill(store: &dyn MetaStore) {
    store.add_owner(Owner { id: owner(1), key_hash: [1; 32], created_at: START }).await.unwrap();
    for n in 1..5 {
        start(store, n, ChunkRule::FastCdc, Some(u64::from(FULL) * 3)).await.unwrap();
        store
            .declare_rows(Declaration {
                session: session(n),
                revision: 0,
                at: 0,
                rows: rows(n, 3),
                size: None,
                reach: Reach::Owner,
                now: START,
            })
            .await
            .unwrap();
        for index in 0..3u8 {
            arrive(store, n, u32::from(index), row((n + index) % NUMBERS), START).await.unwrap();
        }
    }
    for n in 1..4 {
        store.publish(publish(n, START)).await.unwrap();
    }
    store.set_blob(session(2), BlobDigest::new([2; 32])).await.unwrap();
    store.add_link(link(1, 2)).await.unwrap();
    store.remove_file(file(1), START).await.unwrap();
    while store.sweep(START, 0).await.unwrap() {}
    start(store, 5, ChunkRule::Fixed(FULL), None).await.unwrap();
    arrive(store, 5, 2, row(7), START).await.unwrap();
    start(store, 6, ChunkRule::DEFAULT, None).await.unwrap();
    store.end_session(session(6), false, START).await.unwrap();
}

pub(crate) fn folder(n: u8) -> FolderId {
    FolderId::new([n + 200; 16])
}

/// A folder with empty ones in it.
pub(crate) async fn add_folder(store: &dyn MetaStore, n: u8, folders: &[&str]) {
    try_add_folder(store, n, folders).await.unwrap();
}

/// The same where it may be refused.
pub(crate) async fn try_add_folder(
    store: &dyn MetaStore,
    n: u8,
    folders: &[&str],
) -> Result<(Folder, bool), StoreError> {
    let new = NewFolder {
        id: folder(n),
        owner: owner(n),
        key: Some(ClientKey::new([n; 16])),
        name: "cairn".parse().unwrap(),
        folders: folders.iter().map(|path| path.parse().unwrap()).collect(),
        link: Some((LinkId::new([n + 200; 16]), [n + 200; 32])),
        now: START,
    };
    store.add_folder(new).await
}

/// Folders: with a file and an empty folder; with a file that was replaced; on its way out.
pub(crate) async fn fill_folders(store: &dyn MetaStore) {
    for n in 1..4 {
        add_folder(store, n, &["empty/one", "a"]).await;
    }
    for (n, of) in [(1, 1), (2, 2), (3, 3), (4, 2)] {
        start_in(store, n, ChunkRule::Fixed(FULL), Some(u64::from(FULL)), Some(folder(of))).await.unwrap();
        arrive(store, n, 0, row(n), START).await.unwrap();
        store.publish(publish(n, START + u64::from(n))).await.unwrap();
    }
    store.add_link(Link { target: Target::Folder(folder(1)), ..link(1, 1) }).await.unwrap();
    store.remove_folder(folder(3), START).await.unwrap();
}

/// Everything that can be asked of folders, as text.
pub(crate) async fn look_at_folders(store: &dyn MetaStore) -> String {
    let mut seen = String::new();
    for n in 0..NUMBERS {
        let (id, link) = (folder(n), [n + 200; 32]);
        writeln!(seen, "{:?}", store.folder(id).await.unwrap()).unwrap();
        writeln!(seen, "{:?}", store.gone_folder(id).await.unwrap()).unwrap();
        writeln!(seen, "{:?}", store.entries(id, None, None, 100).await.ok()).unwrap();
        for parent in [None, Some("empty"), Some("a")] {
            let parent = parent.map(|path| path.parse().unwrap());
            writeln!(seen, "{:?}", store.children(id, parent, None, 100).await.unwrap()).unwrap();
        }
        writeln!(seen, "{:?}", store.file_at(id, "a/b".parse().unwrap()).await.unwrap()).unwrap();
        writeln!(seen, "{:?}", store.links(Target::Folder(id)).await.unwrap()).unwrap();
        writeln!(seen, "{:?}", store.linked(link).await.unwrap()).unwrap();
        writeln!(seen, "{:?}", store.folders(owner(n), None, 100).await.unwrap()).unwrap();
    }
    seen
}

/// Everything that can be asked, as text.
pub(crate) async fn look(store: &dyn MetaStore) -> String {
    let mut seen = String::new();
    for n in 0..NUMBERS {
        let id = session(n);
        writeln!(seen, "{:?}", store.owner_by_key([n; 32]).await.unwrap()).unwrap();
        writeln!(seen, "{:?}", store.session(id).await.unwrap()).unwrap();
        writeln!(seen, "{:?}", store.arrived(id, 0, u32::MAX, 100).await.ok()).unwrap();
        writeln!(seen, "{:?}", store.rows(id, 0, 100).await.unwrap()).unwrap();
        writeln!(seen, "{:?}", store.follow(id).await.unwrap()).unwrap();
        writeln!(seen, "{:?}", store.chunk(row(n).digest).await.unwrap()).unwrap();
        writeln!(seen, "{:?}", store.placement(row(n).digest).await.unwrap()).unwrap();
        writeln!(seen, "{:?}", store.file(file(n)).await.unwrap()).unwrap();
        writeln!(seen, "{:?}", store.links(Target::File(file(n))).await.unwrap()).unwrap();
        writeln!(seen, "{:?}", store.linked([n; 32]).await.unwrap()).unwrap();
        let blob = BlobDigest::new([n; 32]);
        writeln!(seen, "{:?}", store.file_by_blob(Some(owner(n)), blob).await.unwrap()).unwrap();
        writeln!(seen, "{:?}", store.files(owner(n), None, 100).await.unwrap()).unwrap();
    }
    writeln!(seen, "{:?}", store.follows().await.unwrap()).unwrap();
    seen
}
