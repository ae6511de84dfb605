//! The worker's end of the line: typed messages to and from the page, and what the worker weighs.

use std::rc::Rc;

use gloo_events::EventListener;
use js_sys::Array;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent};

use crate::platform::blob::Source;
use crate::worker::message::{FromWorker, ToWorker};

/// The worker that this program runs in; nothing in a page.
pub fn scope() -> Option<Scope> {
    js_sys::global().dyn_into().ok().map(Scope)
}

/// A worker's global scope.
#[derive(Clone)]
pub struct Scope(DedicatedWorkerGlobalScope);

impl Scope {
    /// Hands over every message, with the file that came beside it.
    pub fn listen(&self, on: impl Fn(ToWorker, Option<Source>) + 'static) {
        let on = Rc::new(on);
        EventListener::new(&self.0, "message", move |event| {
            let Some(event) = event.dyn_ref::<MessageEvent>() else { return };
            let pair: Array = event.data().unchecked_into();
            let text = pair.get(0).as_string().unwrap_or_default();
            if let Ok(message) = serde_json::from_str(&text) {
                on(message, Source::from_js(pair.get(1)));
            }
        })
        .forget();
    }

    /// Tells the page.
    pub fn post(&self, message: &FromWorker) {
        if let Ok(text) = serde_json::to_string(message) {
            // It fails only for values that can't be cloned, and a string can.
            let _ = self.0.post_message(&JsValue::from_str(&text));
        }
    }
}
