//! Handles of files and folders: they outlive the visit, and give the file again once a person allows it.

use std::future::Future;
use std::pin::pin;

use futures_util::future::{Either, select};
use js_sys::{Array, AsyncIterator, Function, IteratorNext, Object, Promise, Reflect};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::File;

use crate::platform::clock;

/// A question that nobody answers counts as refused after this time, in milliseconds.
const ANSWER_MS_MAX: u32 = 120_000;

/// A picker that ends sooner was not ended by a person: something keeps it from opening. In milliseconds.
const SEEN_MS: u64 = 150;

#[wasm_bindgen]
extern "C" {
    /// web-sys has permissions behind a compiler flag only, so the calls are bound here.
    #[derive(Clone)]
    type Raw;
    #[wasm_bindgen(method, getter)]
    fn kind(this: &Raw) -> String;
    #[wasm_bindgen(method, getter)]
    fn name(this: &Raw) -> String;
    #[wasm_bindgen(method, catch, js_name = queryPermission)]
    fn query_permission(this: &Raw, options: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = requestPermission)]
    fn request_permission(this: &Raw, options: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = getFile)]
    fn get_file(this: &Raw) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn values(this: &Raw) -> Result<AsyncIterator, JsValue>;
}

/// A file or folder that a person chose, as the browser can keep it.
#[derive(Clone)]
pub struct Handle(Raw);

impl Handle {
    /// Takes what the browser, or its database, gave.
    pub fn from_js(value: JsValue) -> Option<Self> {
        let is_one = value.is_object() && Reflect::has(&value, &JsValue::from_str("kind")).unwrap_or(false);
        is_one.then(|| Self(value.unchecked_into()))
    }

    /// For the browser's database.
    pub fn as_js(&self) -> &JsValue {
        &self.0
    }

    /// Its name.
    pub fn name(&self) -> String {
        self.0.name()
    }

    /// Whether it is a folder's.
    pub fn is_folder(&self) -> bool {
        self.0.kind() == "directory"
    }

    /// Whether it may be read without asking.
    pub async fn is_granted(&self) -> bool {
        granted(self.0.query_permission(&read_only())).await
    }

    /// Asks the person, by this very call: it counts as part of the click that it is made in.
    pub fn ask(&self) -> impl Future<Output = bool> + use<> {
        let asked = self.0.request_permission(&read_only());
        async move {
            match select(pin!(granted(asked)), pin!(clock::sleep(ANSWER_MS_MAX))).await {
                Either::Left((answer, _)) => answer,
                Either::Right(_) => false,
            }
        }
    }

    /// The file as it is now; nothing where it is gone or may not be read.
    pub async fn file(&self) -> Option<File> {
        JsFuture::from(self.0.get_file().ok()?).await.ok()?.dyn_into().ok()
    }

    /// What lies directly in the folder; nothing where it is gone or may not be read.
    pub async fn children(&self) -> Option<Vec<Self>> {
        let all = self.0.values().ok()?;
        let mut children = Vec::new();
        loop {
            let step: IteratorNext = JsFuture::from(all.next().ok()?).await.ok()?.unchecked_into();
            if step.done() {
                return Some(children);
            }
            children.extend(Self::from_js(step.value()));
        }
    }
}

/// Whether the browser has pickers that give handles.
pub fn has_pickers() -> bool {
    picker("showOpenFilePicker").is_some()
}

/// Why a picker gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotPicked {
    /// The person chose nothing.
    Cancelled,
    /// It did not even open.
    Broken,
}

/// Lets a person pick files.
pub async fn pick_files() -> Result<Vec<Handle>, NotPicked> {
    let picked = pick("showOpenFilePicker", "multiple", &JsValue::TRUE).await?;
    let list: Array = picked.dyn_into().map_err(|_| NotPicked::Broken)?;
    Ok(list.iter().filter_map(Handle::from_js).collect())
}

/// Lets a person pick a folder.
pub async fn pick_folder() -> Result<Handle, NotPicked> {
    let picked = pick("showDirectoryPicker", "mode", &JsValue::from_str("read")).await?;
    Handle::from_js(picked).ok_or(NotPicked::Broken)
}

async fn pick(name: &str, option: &str, value: &JsValue) -> Result<JsValue, NotPicked> {
    let open = picker(name).ok_or(NotPicked::Broken)?;
    let options = Object::new();
    Reflect::set(&options, &JsValue::from_str(option), value).map_err(|_| NotPicked::Broken)?;
    let promise: Promise = open
        .call1(&js_sys::global(), &options)
        .ok()
        .and_then(|promise| promise.dyn_into().ok())
        .ok_or(NotPicked::Broken)?;
    let opened = clock::now();
    JsFuture::from(promise).await.map_err(|error| {
        let name = Reflect::get(&error, &JsValue::from_str("name")).ok().and_then(|name| name.as_string());
        let seen = clock::now() - opened >= SEEN_MS;
        if name.as_deref() == Some("AbortError") && seen { NotPicked::Cancelled } else { NotPicked::Broken }
    })
}

fn picker(name: &str) -> Option<Function> {
    Reflect::get(&js_sys::global(), &JsValue::from_str(name)).ok()?.dyn_into().ok()
}

fn read_only() -> JsValue {
    let options = Object::new();
    // It fails only for frozen objects, and this one is fresh.
    let _ = Reflect::set(&options, &JsValue::from_str("mode"), &JsValue::from_str("read"));
    options.into()
}

async fn granted(asked: Result<Promise, JsValue>) -> bool {
    let Ok(promise) = asked else { return false };
    JsFuture::from(promise).await.is_ok_and(|state| state.as_string().as_deref() == Some("granted"))
}
