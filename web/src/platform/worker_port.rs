//! The page's end of the line to its worker.

use std::cell::RefCell;
use std::rc::Rc;

use gloo_events::EventListener;
use js_sys::{Array, Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;
use web_sys::{MessageEvent, Worker, WorkerOptions, WorkerType};

use crate::platform::{clock, document};
use crate::worker::message::{FromWorker, ToWorker};

/// Pause before a worker that did not start is started again, and the longest after further ones, in milliseconds.
const PAUSE_FIRST_MS: u32 = 500;
const PAUSE_MAX_MS: u32 = 30_000;

/// A worker. What is posted before it is ready waits.
#[derive(Clone)]
pub struct WorkerPort(Rc<Line>);

struct Line {
    worker: RefCell<Worker>,
    /// `None` once the worker is ready.
    waiting: RefCell<Option<Vec<Array>>>,
    on: Box<dyn Fn(FromWorker)>,
}

impl WorkerPort {
    /// Starts the worker with this very program and hands over what it tells. Where its program does not come, since
    /// the server is gone or busy, it is started again and again.
    pub fn start(on: impl Fn(FromWorker) + 'static) -> Result<Self, JsValue> {
        let (worker, waiting) = (RefCell::new(start()?), RefCell::new(Some(Vec::new())));
        let port = Self(Rc::new(Line { worker, waiting, on: Box::new(on) }));
        port.listen(PAUSE_FIRST_MS);
        Ok(port)
    }

    fn listen(&self, pause_ms: u32) {
        let worker = self.0.worker.borrow().clone();
        let port = self.clone();
        EventListener::new(&worker, "message", move |event| {
            let Some(text) = event.dyn_ref::<MessageEvent>().and_then(|event| event.data().as_string())
            else {
                return;
            };
            match serde_json::from_str(&text) {
                Ok(FromWorker::Ready) => port.ready(),
                Ok(message) => (port.0.on)(message),
                Err(_) => {}
            }
        })
        .forget();
        let port = self.clone();
        EventListener::once(&worker, "error", move |_| {
            if port.0.waiting.borrow().is_some() {
                spawn_local(async move { port.start_again(pause_ms).await });
            }
        })
        .forget();
    }

    async fn start_again(&self, pause_ms: u32) {
        clock::sleep(pause_ms).await;
        // A browser that has started one starts another.
        let Ok(worker) = start() else { return };
        self.0.worker.replace(worker).terminate();
        self.listen(PAUSE_MAX_MS.min(pause_ms * 2));
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
        let _ = self.0.worker.borrow().post_message(pair);
    }
}

fn start() -> Result<Worker, JsValue> {
    let options = WorkerOptions::new();
    options.set_type(WorkerType::Module);
    let worker = Worker::new_with_options("/worker.js", &options)?;
    let start = Object::new();
    let glue = document::glue_address().unwrap_or_default();
    Reflect::set(&start, &JsValue::from_str("glue"), &JsValue::from_str(&glue))?;
    Reflect::set(&start, &JsValue::from_str("module"), &wasm_bindgen::module())?;
    worker.post_message(&start)?;
    Ok(worker)
}
