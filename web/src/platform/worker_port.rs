//! The page's end of the line to its worker.

use std::cell::RefCell;
use std::rc::Rc;

use gloo_events::EventListener;
use js_sys::{Array, Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{MessageEvent, Worker, WorkerOptions, WorkerType};

use crate::platform::document;
use crate::worker::message::{FromWorker, ToWorker};

/// A worker. What is posted before it is ready waits.
#[derive(Clone)]
pub struct WorkerPort(Rc<Line>);

struct Line {
    worker: Worker,
    /// `None` once the worker is ready.
    waiting: RefCell<Option<Vec<Array>>>,
}

impl WorkerPort {
    /// Starts the worker with this very program and hands over what it tells.
    pub fn start(on: impl Fn(FromWorker) + 'static) -> Result<Self, JsValue> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options("/worker.js", &options)?;
        let start = Object::new();
        let glue = document::glue_address().unwrap_or_default();
        Reflect::set(&start, &JsValue::from_str("glue"), &JsValue::from_str(&glue))?;
        Reflect::set(&start, &JsValue::from_str("module"), &wasm_bindgen::module())?;
        worker.post_message(&start)?;

        let port = Self(Rc::new(Line { worker, waiting: RefCell::new(Some(Vec::new())) }));
        let line = port.clone();
        EventListener::new(&port.0.worker, "message", move |event| {
            let Some(text) = event.dyn_ref::<MessageEvent>().and_then(|event| event.data().as_string())
            else {
                return;
            };
            match serde_json::from_str(&text) {
                Ok(FromWorker::Ready) => line.ready(),
                Ok(message) => on(message),
                Err(_) => {}
            }
        })
        .forget();
        Ok(port)
    }

    /// Sends a message.
    pub fn post(&self, message: &ToWorker) {
        self.post_with(message, &JsValue::UNDEFINED);
    }

    /// Sends a message with a file beside it.
    pub fn post_file(&self, message: &ToWorker, file: &web_sys::File) {
        self.post_with(message, file);
    }

    fn post_with(&self, message: &ToWorker, beside: &JsValue) {
        let Ok(text) = serde_json::to_string(message) else { return };
        let pair = Array::of2(&JsValue::from_str(&text), beside);
        match self.0.waiting.borrow_mut().as_mut() {
            Some(waiting) => waiting.push(pair),
            None => self.send(&pair),
        }
    }

    fn ready(&self) {
        let waiting = self.0.waiting.borrow_mut().take();
        for pair in waiting.unwrap_or_default() {
            self.send(&pair);
        }
    }

    fn send(&self, pair: &Array) {
        // It fails only for values that can't be cloned, and strings and files can.
        let _ = self.0.worker.post_message(pair);
    }
}
