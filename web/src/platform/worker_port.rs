//! The page's end of the line to its worker.

use std::cell::RefCell;
use std::rc::Rc;

use gloo_events::EventListener;
use js_sys::{Array, Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{MessageEvent, Worker, WorkerOptions, WorkerType};

use crate::platform::clock::Timer;
use crate::platform::document;
use crate::worker::message::{FromWorker, ToWorker};

/// A worker that is not ready by then never will be, in milliseconds. It loads what the page has loaded before.
const READY_MS_MAX: u32 = 60_000;

/// A worker. What is posted before it is ready waits.
#[derive(Clone)]
pub struct WorkerPort(Rc<Line>);

struct Line {
    worker: Worker,
    /// `None` once the worker is ready.
    waiting: RefCell<Option<Vec<Array>>>,
    patience: RefCell<Option<Timer>>,
    /// Told once, when the worker did not start or has stopped.
    on_end: RefCell<Option<Box<dyn FnOnce()>>>,
}

impl WorkerPort {
    /// Starts the worker with this very program and hands over what it tells. Where it does not start, or stops
    /// later, that is told once, and nothing else from then on.
    pub fn start(
        on: impl Fn(FromWorker) + 'static,
        on_end: impl FnOnce() + 'static,
    ) -> Result<Self, JsValue> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options(&document::here("/worker.js"), &options)?;
        let start = Object::new();
        let glue = document::glue_address().unwrap_or_default();
        Reflect::set(&start, &JsValue::from_str("glue"), &JsValue::from_str(&glue))?;
        Reflect::set(&start, &JsValue::from_str("module"), &wasm_bindgen::module())?;
        worker.post_message(&start)?;

        let port = Self(Rc::new(Line {
            worker,
            waiting: RefCell::new(Some(Vec::new())),
            patience: RefCell::default(),
            on_end: RefCell::new(Some(Box::new(on_end))),
        }));
        port.listen(on);
        let line = port.clone();
        *port.0.patience.borrow_mut() = Some(Timer::after(READY_MS_MAX, move || line.end()));
        Ok(port)
    }

    fn listen(&self, on: impl Fn(FromWorker) + 'static) {
        let line = self.clone();
        EventListener::new(&self.0.worker, "message", move |event| {
            let text = event.dyn_ref::<MessageEvent>().and_then(|event| event.data().as_string());
            let message = text.and_then(|text| serde_json::from_str(&text).ok());
            match message {
                Some(FromWorker::Failed) => line.end(),
                Some(message) if !line.has_ended() => {
                    if let FromWorker::Ready = message {
                        line.ready();
                    }
                    on(message);
                }
                Some(_) | None => {}
            }
        })
        .forget();
        let line = self.clone();
        // Its script is not there, or threw something that nobody caught.
        EventListener::new(&self.0.worker, "error", move |_| line.end()).forget();
    }

    /// Whether the worker has ever taken messages.
    pub fn was_ready(&self) -> bool {
        self.0.waiting.borrow().is_none()
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
        self.0.patience.borrow_mut().take();
        let waiting = self.0.waiting.borrow_mut().take();
        for pair in waiting.unwrap_or_default() {
            self.send(&pair);
        }
    }

    fn has_ended(&self) -> bool {
        self.0.on_end.borrow().is_none()
    }

    fn end(&self) {
        let on_end = self.0.on_end.borrow_mut().take();
        if let Some(on_end) = on_end {
            self.0.patience.borrow_mut().take();
            self.0.worker.terminate();
            on_end();
        }
    }

    fn send(&self, pair: &Array) {
        // It fails only for values that can't be cloned, and strings and files can.
        let _ = self.0.worker.post_message(pair);
    }
}
