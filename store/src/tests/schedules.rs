//! Uploads, deletes, clean-ups and the search for strays, in every order that chance finds: no schedule loses a held
//! chunk, and none keeps an unheld one.
//!
//! `CAIRN_SCHEDULES` says how many schedules (10,000). A failure prints the schedule; shuttle's `replay` runs it again.

use std::collections::BTreeMap;

use cairn_shared::message::RowState;
use cairn_shared::{ChunkDigest, ChunkRule, FileId, OwnerId, Row, SessionId};
use shuttle::sync::{Arc, Mutex};
use shuttle::thread;

use crate::chunk::ChunkCopy;
use crate::error::{Conflict, Result, StoreError};
use crate::meta::verbs::check;
use crate::meta::verbs::finish::{self, Seen};
use crate::meta::verbs::upload::{self, Arrival};
use crate::meta::verbs::{share, start, sweep};
use crate::meta::{Index, MemoryIndex, Tx, Writes, facts};
use crate::model::{
    ChunkRecord, ChunkState, Codec, Declaration, FileFields, Locator, NewSession, Publish, Reach,
};

const NOW: u64 = 1_000;
const FAR: u64 = 1 << 40;
const LENGTH: u32 = 100;

/// Facts and copies; one verb, or one look at the copies, is one step.
#[derive(Clone)]
struct Store(Arc<Mutex<State>>);

struct State {
    index: MemoryIndex,
    copies: BTreeMap<String, ChunkCopy>,
    placed: u32,
}

fn content() -> Row {
    Row { digest: ChunkDigest::new([7; 32]), length: LENGTH }
}

fn locator(key: String) -> Locator {
    Locator { store: 0, key, offset: 0, length: LENGTH, codec: Codec::Plain }
}

impl Store {
    fn new() -> Self {
        let state = State { index: MemoryIndex::default(), copies: BTreeMap::new(), placed: 0 };
        Self(Arc::new(Mutex::new(state)))
    }

    fn verb<T>(&self, verb: impl FnOnce(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        let state = self.0.lock().unwrap();
        let before = Writes::new();
        let mut tx = Tx::new(&state.index, &before);
        let value = verb(&mut tx)?;
        state.index.apply(&tx.into_writes(), 1)?;
        state.check();
        Ok(value)
    }

    /// A fresh copy, as every placing makes one.
    fn place(&self, generation: u32) -> Locator {
        let mut state = self.0.lock().unwrap();
        state.placed += 1;
        let key = format!("{}/{generation}", state.placed);
        let copy = ChunkCopy { digest: content().digest, generation, locator: locator(key.clone()) };
        state.copies.insert(key.clone(), copy);
        locator(key)
    }

    fn remove(&self, locator: &Locator) {
        let mut state = self.0.lock().unwrap();
        state.copies.remove(&locator.key);
        state.check();
    }

    fn copies(&self) -> Vec<ChunkCopy> {
        self.0.lock().unwrap().copies.values().cloned().collect()
    }
}

impl State {
    /// A chunk that can be relied on has its bytes.
    fn check(&self) {
        let record = facts::chunk(&self.index, content().digest).unwrap();
        if let Some(record) = record.filter(|record| record.state == ChunkState::Present) {
            assert!(self.copies.contains_key(&record.locator.key), "a present chunk has no bytes");
        }
    }
}

fn begin(store: &Store, session: SessionId, owner: OwnerId) {
    let fields = FileFields {
        name: "a".parse().unwrap(),
        path: None,
        folder: None,
        mtime: None,
        media_type: None,
        meta: None,
        size: Some(u64::from(LENGTH)),
        rule: ChunkRule::FastCdc,
    };
    let new =
        NewSession { id: session, owner, ownerless: false, key: None, fields, now: NOW, expires_at: FAR };
    store.verb(|tx| start::start(tx, new)).unwrap();
}

/// Sends the chunk where it is needed, as the server does.
fn send(store: &Store, session: SessionId) {
    let (rows, reach) = (vec![content()], Reach::Owner);
    let said = Declaration { session, revision: 0, at: 0, rows, size: None, reach, now: NOW };
    let states = store.verb(|tx| check::declare(tx, &said)).unwrap().1;
    if states == [RowState::Have] {
        return;
    }
    loop {
        let (generation, present) = store.verb(|tx| upload::placement(tx, content().digest)).unwrap();
        let known = if present { store.verb(|tx| facts::chunk(tx, content().digest)).unwrap() } else { None };
        let record = known.unwrap_or_else(|| ChunkRecord {
            length: LENGTH,
            crc32: 0,
            state: ChunkState::Present,
            generation,
            locator: store.place(generation),
        });
        let arrival = Arrival { session, index: 0, row: content(), record, expires_at: FAR, now: NOW };
        match store.verb(|tx| upload::arrive(tx, &arrival)) {
            Err(StoreError::Conflict(Conflict::GenerationOver { .. })) => {}
            arrived => return arrived.unwrap(),
        }
    }
}

fn publish(store: &Store, session: SessionId, file: FileId) {
    let asked = Publish {
        session,
        revision: None,
        chunks: None,
        size: None,
        manifest_digest: None,
        file,
        link: None,
        now: NOW,
    };
    let seen = store.verb(|tx| finish::inspect(tx, &asked)).unwrap();
    let Seen::Ready(ready) = seen else { panic!("it was published before") };
    store.verb(|tx| finish::publish(tx, &asked, ready)).unwrap();
}

fn clean(store: &Store) {
    while store.verb(|tx| sweep::step(tx, NOW, 0)).unwrap() {}
    for doomed in store.verb(|tx| sweep::doom(tx, FAR, None, 2)).unwrap() {
        store.remove(&doomed.locator);
        store.verb(|tx| sweep::forget_chunk(tx, doomed.digest, doomed.generation)).unwrap();
    }
}

fn clear_strays(store: &Store) {
    for copy in store.copies() {
        store.verb(|tx| sweep::doom_stray(tx, &copy)).unwrap();
    }
}

/// Two owners upload the same; one deletes his file, the other gives up or keeps his, while everything is cleaned.
fn deeds(keeps: bool) {
    let store = Store::new();
    let [one, two] = [1, 2].map(|number| SessionId::new([number; 16]));
    let file = FileId::new([9; 16]);
    begin(&store, one, OwnerId::new([1; 16]));
    begin(&store, two, OwnerId::new([2; 16]));
    let run = |deed: fn(&Store)| {
        let store = store.clone();
        thread::spawn(move || deed(&store))
    };
    let first = {
        let store = store.clone();
        thread::spawn(move || {
            send(&store, one);
            publish(&store, one, file);
            store.verb(|tx| share::remove_file(tx, file, NOW)).unwrap();
        })
    };
    let second = {
        let store = store.clone();
        thread::spawn(move || {
            send(&store, two);
            if keeps {
                publish(&store, two, FileId::new([8; 16]));
            } else {
                store.verb(|tx| finish::end_session(tx, two, false, NOW)).unwrap();
            }
        })
    };
    let cleaners = [run(clean), run(clean), run(clear_strays)];
    for thread in [first, second].into_iter().chain(cleaners) {
        thread.join().unwrap();
    }
    // Whatever was left half-done is finished by the next clean-ups, and then nothing more changes.
    for _ in 0..3 {
        clear_strays(&store);
        clean(&store);
    }
    assert_eq!(store.copies().len(), usize::from(keeps), "what is held, and nothing else");
}

#[test]
fn no_schedule_loses_a_held_chunk_or_keeps_an_unheld_one() {
    let schedules = std::env::var("CAIRN_SCHEDULES").map_or(10_000, |text| text.parse().unwrap());
    for keeps in [true, false] {
        shuttle::check_random(move || deeds(keeps), schedules / 4);
        shuttle::check_pct(move || deeds(keeps), schedules / 4, 3);
    }
}
