//! A file as the worker reads it: spans of bytes that stay outside wasm memory.

use std::ops::Range;

use cairn_shared::UnixMs;
use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// Bytes outside wasm memory. A clone names the same ones.
pub type Bytes = Uint8Array;

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
        let length = span.end - span.start;
        let part = self.0.slice_with_f64_and_f64(span.start as f64, span.end as f64);
        Reading { bytes: part.ok().map(|part| JsFuture::from(part.array_buffer())), length }
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
pub struct Reading {
    bytes: Option<JsFuture>,
    length: u64,
}

impl Reading {
    /// The bytes, or nothing where the file is gone, may not be read, or gives fewer than it promised.
    pub async fn bytes(self) -> Option<Bytes> {
        let buffer = self.bytes?.await.ok()?.dyn_into::<ArrayBuffer>().ok()?;
        (u64::from(buffer.byte_length()) == self.length).then(|| Uint8Array::new(&buffer))
    }
}
