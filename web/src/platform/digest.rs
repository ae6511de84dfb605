//! SHA-256 of a chunk: by the browser where it offers that, otherwise in wasm.

use cairn_shared::ChunkDigest;
use js_sys::{ArrayBuffer, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// Computes digests the fastest way there is.
#[derive(Clone)]
pub struct Hasher(Option<web_sys::SubtleCrypto>);

impl Hasher {
    /// `crypto.subtle` exists in secure contexts only.
    pub fn new() -> Self {
        let member = |of: &JsValue, name: &str| Reflect::get(of, &JsValue::from_str(name)).ok();
        let subtle = member(&js_sys::global(), "crypto").and_then(|crypto| member(&crypto, "subtle"));
        Self(subtle.filter(JsValue::is_object).map(JsCast::unchecked_into))
    }

    /// Does without the browser's help.
    pub const fn wasm_only() -> Self {
        Self(None)
    }

    /// Begins at once, whether or not anybody waits yet.
    pub fn begin(&self, chunk: &[u8], copy: &Uint8Array) -> Hashing {
        let subtle = self.0.as_ref();
        match subtle.and_then(|subtle| subtle.digest_with_str_and_buffer_source("SHA-256", copy).ok()) {
            Some(promise) => Hashing::Browser(JsFuture::from(promise), copy.clone()),
            None => Hashing::Done(in_wasm(chunk)),
        }
    }
}

impl Default for Hasher {
    fn default() -> Self {
        Self::new()
    }
}

/// A digest under way.
pub enum Hashing {
    /// The browser computes it on a thread of its own.
    Browser(JsFuture, Uint8Array),
    /// It is there.
    Done(ChunkDigest),
}

impl Hashing {
    /// The digest.
    pub async fn digest(self) -> ChunkDigest {
        match self {
            Self::Done(digest) => digest,
            Self::Browser(promise, copy) => match promise.await.ok().and_then(|value| digest_of(&value)) {
                Some(digest) => digest,
                None => in_wasm(&copy.to_vec()),
            },
        }
    }
}

fn digest_of(value: &JsValue) -> Option<ChunkDigest> {
    let bytes = Uint8Array::new(value.dyn_ref::<ArrayBuffer>()?).to_vec();
    bytes.try_into().ok().map(ChunkDigest::new)
}

fn in_wasm(chunk: &[u8]) -> ChunkDigest {
    ChunkDigest::of(chunk)
}
