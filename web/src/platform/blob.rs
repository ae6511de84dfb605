//! A file as the worker reads it: spans of bytes that stay outside wasm memory.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

use cairn_shared::UnixMs;
use js_sys::{ArrayBuffer, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// Bytes outside wasm memory. A clone names the same ones.
pub type Bytes = Uint8Array;

/// How much memory they keep, in bytes: what lies in the same piece counts once.
pub fn memory_of<'a>(all: impl Iterator<Item = &'a Bytes>) -> u64 {
    let buffers: Vec<ArrayBuffer> = all.map(Bytes::buffer).collect();
    let first = |at: usize| buffers[..at].iter().all(|earlier| *earlier != buffers[at]);
    (0..buffers.len()).filter(|at| first(*at)).map(|at| u64::from(buffers[at].byte_length())).sum()
}

/// Spare memories that are kept.
const SPARE_MAX: usize = 2;

#[wasm_bindgen]
extern "C" {
    /// A stream that reads into memory that it is given (WHATWG Streams, 4.5), where the browser has that: web-sys can't ask
    /// without a panic where it has not, nor for more than one piece at a time.
    type ByteStream;
    #[wasm_bindgen(method, catch, js_name = getReader)]
    fn get_reader(this: &ByteStream, options: &JsValue) -> Result<ByteReader, JsValue>;
    type ByteReader;
    #[wasm_bindgen(method, catch)]
    fn read(this: &ByteReader, room: &Uint8Array, options: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method)]
    fn cancel(this: &ByteReader) -> Promise;
    type ReadResult;
    #[wasm_bindgen(method, getter)]
    fn value(this: &ReadResult) -> JsValue;
}

/// Memory of one length that is read into again and again: the first touch of new memory costs more than reading.
#[derive(Clone)]
pub struct Memory {
    length: u32,
    spare: Rc<RefCell<Vec<ArrayBuffer>>>,
}

impl Memory {
    /// Pieces of so many bytes.
    pub fn new(length: u32) -> Self {
        Self { length, spare: Rc::default() }
    }

    fn take(&self) -> ArrayBuffer {
        self.spare.borrow_mut().pop().unwrap_or_else(|| ArrayBuffer::new(self.length))
    }

    /// Nobody needs these bytes any more. Whoever still has them loses them.
    pub fn give_back(&self, bytes: &Bytes) {
        let (memory, mut spare) = (bytes.buffer(), self.spare.borrow_mut());
        if memory.byte_length() == self.length && spare.len() < SPARE_MAX {
            spare.push(memory);
        }
    }

    /// Keeps nothing until more is read.
    pub fn clear(&self) {
        self.spare.borrow_mut().clear();
    }
}

/// A file that somebody chose.
#[derive(Clone)]
pub struct Source(web_sys::File);

impl Source {
    /// Takes a `File` that was posted to the worker.
    pub fn from_js(value: JsValue) -> Option<Self> {
        value.dyn_into().ok().map(Self)
    }

    /// In bytes.
    pub fn size(&self) -> u64 {
        self.0.size() as u64
    }

    /// When it was last changed.
    pub fn mtime(&self) -> Option<UnixMs> {
        mtime(&self.0)
    }

    /// Begins to read at once, whether or not anybody waits yet.
    pub fn read(&self, span: Range<u64>) -> Reading {
        match self.part(&span) {
            Some(part) => Reading::New(JsFuture::from(part.array_buffer()), span.end - span.start),
            None => Reading::Failed,
        }
    }

    /// The same into memory that was used before, where the span is as long as that and the browser can do it.
    pub fn read_into(&self, memory: &Memory, span: Range<u64>) -> Reading {
        let begin = || {
            if span.end - span.start != u64::from(memory.length) {
                return None;
            }
            let stream: ByteStream = self.part(&span)?.stream().unchecked_into();
            let reader = stream.get_reader(&options("mode", "byob")).ok()?;
            Filling::begin(reader, memory.take(), 0)
        };
        begin().map_or_else(|| self.read(span.clone()), Reading::Again)
    }

    fn part(&self, span: &Range<u64>) -> Option<web_sys::Blob> {
        self.0.slice_with_f64_and_f64(span.start as f64, span.end as f64).ok()
    }
}

/// Bytes one behind the other: the same memory where they lie so there, otherwise a copy.
pub fn joined(parts: &[Bytes]) -> Bytes {
    let length = parts.iter().map(Bytes::length).sum();
    let Some(first) = parts.first() else { return Bytes::new_with_length(0) };
    let buffer = first.buffer();
    let mut end = first.byte_offset();
    let lie_so = parts.iter().all(|part| {
        let follows = part.byte_offset() == end && part.buffer() == buffer;
        end = part.byte_offset() + part.length();
        follows
    });
    if lie_so {
        return Bytes::new_with_byte_offset_and_length(&buffer, first.byte_offset(), length);
    }
    let copy = Bytes::new_with_length(length);
    let mut at = 0;
    for part in parts {
        copy.set(part, at);
        at += part.length();
    }
    copy
}

/// When a file was last changed, where the browser tells it.
pub fn mtime(file: &web_sys::File) -> Option<UnixMs> {
    let ms = file.last_modified();
    (ms > 0.0).then_some(ms as UnixMs)
}

/// A span on its way from the disk.
pub enum Reading {
    /// Into memory of its own, so many bytes.
    New(JsFuture, u64),
    /// Into memory that was used before.
    Again(Filling),
    /// It could not even begin.
    Failed,
}

impl Reading {
    /// The bytes, or nothing where the file is gone, may not be read, or gives fewer than it promised.
    pub async fn bytes(self) -> Option<Bytes> {
        match self {
            Self::New(bytes, length) => {
                let buffer = bytes.await.ok()?.dyn_into::<ArrayBuffer>().ok()?;
                (u64::from(buffer.byte_length()) == length).then(|| Uint8Array::new(&buffer))
            }
            Self::Again(filling) => filling.bytes().await,
            Self::Failed => None,
        }
    }
}

/// Memory that is being filled. Chromium forgets a stream whose reader nobody holds, and then never answers.
pub struct Filling {
    reader: ByteReader,
    more: JsFuture,
    length: u32,
}

impl Filling {
    /// Fills the memory from `filled` on.
    fn begin(reader: ByteReader, memory: ArrayBuffer, filled: u32) -> Option<Self> {
        let length = memory.byte_length();
        let room = Uint8Array::new_with_byte_offset_and_length(&memory, filled, length - filled);
        // Answered once, with everything; browsers that don't know the option answer with every piece.
        let more = reader.read(&room, &options("min", length - filled)).ok()?;
        Some(Self { reader, more: JsFuture::from(more), length })
    }

    async fn bytes(self) -> Option<Bytes> {
        let mut filling = self;
        loop {
            let Self { reader, more, length } = filling;
            let result: ReadResult = more.await.ok()?.unchecked_into();
            let piece: Uint8Array = result.value().dyn_into().ok()?;
            let (memory, filled) = (piece.buffer(), piece.byte_offset() + piece.length());
            if filled == length {
                // Its answer says nothing: everything was read.
                drop(reader.cancel());
                return Some(Uint8Array::new(&memory));
            }
            if piece.length() == 0 {
                return None;
            }
            filling = Self::begin(reader, memory, filled)?;
        }
    }
}

/// An object with one member.
fn options(name: &str, value: impl Into<JsValue>) -> JsValue {
    let options = Object::new();
    // It fails for frozen objects only.
    let _ = Reflect::set(&options, &JsValue::from_str(name), &value.into());
    options.into()
}
