//! An upload channel: a WebSocket that takes bytes for one copy of them; `fetch` makes three.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use gloo_events::EventListener;
use wasm_bindgen::JsCast;
use web_sys::{MessageEvent, WebSocket};

use crate::platform::blob::Bytes;
use crate::platform::document;

/// Sent at once, in bytes: browsers have memory of that length at hand.
const MESSAGE_BYTES: u32 = 256 << 10;

/// One end of it; closed when it is dropped.
pub struct Channel {
    socket: WebSocket,
    heard: Rc<RefCell<Heard>>,
    _listeners: [EventListener; 3],
}

/// What the browser has told of it.
#[derive(Default)]
struct Heard {
    is_open: bool,
    is_over: bool,
    answer: Option<String>,
    waker: Option<Waker>,
}

impl Heard {
    fn note(heard: &Rc<RefCell<Self>>, note: impl FnOnce(&mut Self)) {
        let mut heard = heard.borrow_mut();
        note(&mut heard);
        if let Some(waker) = heard.waker.take() {
            waker.wake();
        }
    }
}

impl Channel {
    /// Begins to open one to this path of the page's server; nothing where the browser can't.
    pub fn open(path: &str) -> Option<Self> {
        // Browsers before 2024 want a whole address here.
        let socket = WebSocket::new(&document::here(path)).ok()?;
        let heard: Rc<RefCell<Heard>> = Rc::default();
        let (open, message, over) = (heard.clone(), heard.clone(), heard.clone());
        let listeners = [
            EventListener::new(&socket, "open", move |_| Heard::note(&open, |heard| heard.is_open = true)),
            EventListener::new(&socket, "message", move |event| {
                let text = event.dyn_ref::<MessageEvent>().and_then(|event| event.data().as_string());
                Heard::note(&message, |heard| heard.answer = text);
            }),
            // An error is followed by this, too.
            EventListener::new(&socket, "close", move |_| Heard::note(&over, |heard| heard.is_over = true)),
        ];
        Some(Self { socket, heard, _listeners: listeners })
    }

    /// Whether something can be sent.
    pub fn is_open(&self) -> bool {
        let heard = self.heard.borrow();
        heard.is_open && !heard.is_over
    }

    /// Waits until it is open; false where it does not come to that.
    pub async fn opened(&self) -> bool {
        self.wait(|heard| (heard.is_open || heard.is_over).then_some(!heard.is_over)).await
    }

    /// Sends a text and the bytes behind it. They are copied before this returns.
    pub fn send(&self, text: &str, parts: &[Bytes]) -> bool {
        let mut messages = parts.iter().flat_map(|part| {
            let length = part.length();
            (0..length)
                .step_by(MESSAGE_BYTES as usize)
                .map(move |at| part.subarray(at, length.min(at.saturating_add(MESSAGE_BYTES))))
        });
        self.socket.send_with_str(text).is_ok()
            && messages.all(|message| self.socket.send_with_array_buffer_view(&message).is_ok())
    }

    /// The next text; nothing where it ends before.
    pub async fn answer(&self) -> Option<String> {
        self.wait(|heard| match heard.answer.take() {
            None if heard.is_over => Some(None),
            answer => answer.map(Some),
        })
        .await
    }

    async fn wait<T>(&self, look: impl Fn(&mut Heard) -> Option<T>) -> T {
        poll_fn(|context| {
            let mut heard = self.heard.borrow_mut();
            match look(&mut heard) {
                Some(seen) => Poll::Ready(seen),
                None => {
                    heard.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        // It fails for codes and reasons that are not given here.
        let _ = self.socket.close();
    }
}
