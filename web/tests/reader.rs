//! The worker's reading of a file: cut, hashed, held, released; with the browser's hashing and without it.

#![cfg(target_arch = "wasm32")]
#![expect(clippy::unwrap_used, reason = "a test that can not go on has failed")]

use std::cell::RefCell;
use std::rc::Rc;

use cairn_engine::cutter::Cutter;
use cairn_shared::proof::RowKey;
use cairn_shared::{ChunkDigest, ChunkRule, Proof};
use cairn_web::platform::blob::Source;
use cairn_web::platform::clock::sleep;
use cairn_web::platform::digest::Hasher;
use cairn_web::worker::desk::Desk;
use cairn_web::worker::message::{FromWorker, Held, ToWorker};
use js_sys::{Array, Uint8Array};
use sha2::{Digest, Sha256};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// Larger than one span, so that reading ahead is part of the test.
const SIZE: usize = 11 * 1024 * 1024 + 12_345;

/// The same bytes on every machine (xorshift64, Marsaglia 2003), those of the engine's own vector.
fn bytes(size: usize) -> Vec<u8> {
    let mut state = 0x0123_4567_89ab_cdef_u64;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

fn file(bytes: &[u8]) -> Source {
    let parts = Array::of1(&Uint8Array::from(bytes));
    Source::from_js(web_sys::File::new_with_u8_array_sequence(&parts, "file.bin").unwrap().into()).unwrap()
}

/// What the cutter and sha2 say, without any browser.
fn expected(bytes: &[u8]) -> Vec<(Held, ChunkDigest)> {
    let mut cutter = Cutter::new(ChunkRule::FastCdc);
    cutter.push(bytes);
    cutter.end();
    let (mut chunks, mut at) = (Vec::new(), 0);
    while let Some(chunk) = cutter.next_chunk() {
        let length = chunk.len() as u32;
        chunks.push((Held(1, at, length), ChunkDigest::new(Sha256::digest(chunk).into())));
        at += u64::from(length);
    }
    chunks
}

struct Bench {
    desk: Desk,
    told: Rc<RefCell<Vec<FromWorker>>>,
}

impl Bench {
    fn new(bytes: &[u8], hasher: Hasher) -> Self {
        let told: Rc<RefCell<Vec<FromWorker>>> = Rc::default();
        let tell = told.clone();
        let desk = Desk::with_hasher(move |message| tell.borrow_mut().push(message), hasher);
        desk.take(ToWorker::Open { upload: 1 }, Some(file(bytes)));
        Self { desk, told }
    }

    fn read(&self, bytes: u64) {
        self.desk.take(ToWorker::Read { upload: 1, pass: 1, rule: ChunkRule::FastCdc, bytes }, None);
    }

    fn chunks(&self) -> Vec<(Held, ChunkDigest)> {
        let told = self.told.borrow();
        let chunks = told.iter().filter_map(|message| match message {
            FromWorker::Chunks { chunks, .. } => Some(chunks.clone()),
            FromWorker::Ready
            | FromWorker::Failed
            | FromWorker::PassEnd { .. }
            | FromWorker::Proven { .. }
            | FromWorker::PassLost { .. }
            | FromWorker::Reply { .. }
            | FromWorker::Replies { .. } => None,
        });
        chunks.flatten().collect()
    }

    fn ends(&self) -> Vec<u64> {
        let told = self.told.borrow();
        let ends = told.iter().filter_map(|message| match message {
            FromWorker::PassEnd { size, .. } => Some(*size),
            FromWorker::Ready
            | FromWorker::Failed
            | FromWorker::Chunks { .. }
            | FromWorker::Proven { .. }
            | FromWorker::PassLost { .. }
            | FromWorker::Reply { .. }
            | FromWorker::Replies { .. } => None,
        });
        ends.collect()
    }

    async fn until_end(&self) {
        for _ in 0..500 {
            if !self.ends().is_empty() {
                return;
            }
            sleep(10).await;
        }
        panic!("no end in 5 s: {:?}", self.told.borrow().last());
    }
}

#[wasm_bindgen_test]
async fn cuts_and_hashes_like_the_engine_does_without_a_browser() {
    let bytes = bytes(SIZE);
    for hasher in [Hasher::new(), Hasher::wasm_only()] {
        let bench = Bench::new(&bytes, hasher);
        bench.read(SIZE as u64);
        bench.until_end().await;
        assert_eq!(bench.chunks(), expected(&bytes));
        assert_eq!(bench.ends(), [SIZE as u64]);
        assert_eq!(bench.desk.held_bytes(), SIZE as u64);
    }
}

#[wasm_bindgen_test]
async fn cuts_where_the_engines_native_vector_says() {
    let bytes = bytes(12_000_000);
    let bench = Bench::new(&bytes, Hasher::new());
    bench.read(12_000_000);
    bench.until_end().await;
    let lengths: Vec<u32> = bench.chunks().iter().map(|(held, _)| held.2).collect();
    let expected = [
        682_688, 378_752, 590_028, 1_624_223, 1_366_225, 378_177, 1_161_356, 416_881, 2_367_053, 1_135_219,
        1_222_629, 391_232, 285_537,
    ];
    assert_eq!(lengths, expected);
}

#[wasm_bindgen_test]
async fn reads_no_further_than_it_is_granted_and_the_grants_add_up() {
    let bytes = bytes(SIZE);
    let bench = Bench::new(&bytes, Hasher::new());
    bench.read(5 << 20);
    sleep(300).await;
    let told: u64 = bench.chunks().iter().map(|(held, _)| u64::from(held.2)).sum();
    assert!(told <= 5 << 20, "{told}");
    assert!(bench.ends().is_empty());
    // Uneven grants, two of them at once: where it cuts depends on the bytes alone.
    bench.read(1);
    bench.read(777_777);
    sleep(100).await;
    bench.read(SIZE as u64);
    bench.until_end().await;
    assert_eq!(bench.chunks(), expected(&bytes));
}

#[wasm_bindgen_test]
async fn forgets_the_bytes_that_are_released_and_those_of_an_ended_pass() {
    let bytes = bytes(SIZE);
    let bench = Bench::new(&bytes, Hasher::new());
    bench.read(SIZE as u64);
    bench.until_end().await;
    let first = bench.chunks()[0].0;
    bench.desk.take(ToWorker::Release { upload: 1, chunks: vec![first] }, None);
    assert_eq!(bench.desk.held_bytes(), SIZE as u64 - u64::from(first.2));
    bench.desk.take(ToWorker::EndPass { upload: 1, pass: 1 }, None);
    assert_eq!(bench.desk.held_bytes(), 0);
}

/// A chunk is a part of what was read at once, and must not keep all of it.
#[wasm_bindgen_test]
async fn a_few_chunks_keep_little_memory() {
    let bytes = bytes(8 * SIZE);
    let bench = Bench::new(&bytes, Hasher::new());
    bench.read(8 * SIZE as u64);
    bench.until_end().await;
    let chunks: Vec<Held> = bench.chunks().into_iter().map(|(held, _)| held).collect();
    let (kept, released): (Vec<Held>, Vec<Held>) = chunks.iter().partition(|held| held.1 % 5 == 0);
    let size: u64 = kept.iter().map(|held| u64::from(held.2)).sum();
    assert!(size > 0 && released.len() > kept.len(), "{kept:?}");
    for some in released.chunks(3) {
        bench.desk.take(ToWorker::Release { upload: 1, chunks: some.to_vec() }, None);
        let (held, memory) = (bench.desk.held_bytes(), bench.desk.kept_bytes());
        assert!(held <= memory && memory <= held + (32 << 20), "{held} bytes keep {memory}");
    }
    assert_eq!(bench.desk.held_bytes(), size);
    bench.desk.take(ToWorker::Release { upload: 1, chunks: kept }, None);
    assert_eq!(bench.desk.kept_bytes(), 0);
}

/// What is released makes room for what is read next, in the same memory; what is held stays as it is.
#[wasm_bindgen_test]
async fn bytes_are_right_however_often_memory_is_read_into() {
    const KEY: [u8; 32] = [7; 32];
    let bytes = bytes(8 * SIZE);
    let bench = Bench::new(&bytes, Hasher::new());
    let (mut told, mut held) = (0, Vec::new());
    for _ in 0..40 {
        bench.read(SIZE as u64 / 4);
        sleep(20).await;
        let chunks: Vec<Held> = bench.chunks().into_iter().map(|(held, _)| held).collect();
        let (kept, released): (Vec<_>, Vec<_>) = chunks[told..].iter().partition(|held| held.1 % 7 == 0);
        told = chunks.len();
        held.extend(kept);
        bench.desk.take(ToWorker::Release { upload: 1, chunks: released }, None);
    }
    bench.until_end().await;
    assert_eq!(bench.chunks(), expected(&bytes));
    assert!(held.len() > 3, "{held:?}");
    for (index, chunk) in (0..).zip(held) {
        bench.desk.take(ToWorker::Prove { upload: 1, index, chunk, key: KEY }, None);
        let at = chunk.1 as usize;
        let right = Proof::of(&RowKey::new(KEY), &bytes[at..at + chunk.2 as usize]);
        let told = bench.told.borrow();
        assert!(
            matches!(told.last(), Some(FromWorker::Proven { proof, .. }) if *proof == right),
            "{chunk:?}"
        );
    }
}

#[wasm_bindgen_test]
async fn a_pass_that_is_ended_in_the_middle_tells_nothing_more() {
    let bytes = bytes(SIZE);
    let bench = Bench::new(&bytes, Hasher::new());
    bench.read(SIZE as u64);
    bench.desk.take(ToWorker::EndPass { upload: 1, pass: 1 }, None);
    sleep(300).await;
    assert!(bench.told.borrow().is_empty());
    assert_eq!(bench.desk.held_bytes(), 0);
}

#[wasm_bindgen_test]
async fn an_empty_file_ends_at_once() {
    let bench = Bench::new(&[], Hasher::new());
    bench.read(1);
    bench.until_end().await;
    assert_eq!(bench.chunks(), []);
    assert_eq!(bench.ends(), [0]);
}
