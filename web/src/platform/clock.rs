//! The clock, and everything that waits for a time or a frame.

use std::cell::RefCell;
use std::rc::Rc;

use cairn_engine::Now;
use cairn_shared::UnixMs;
use gloo_timers::callback::{Interval, Timeout};
use js_sys::Promise;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::MessageChannel;

/// Milliseconds since the page was opened; never goes back.
pub fn now() -> Now {
    let performance = web_sys::window().and_then(|window| window.performance());
    performance.map_or(0, |performance| performance.now() as Now)
}

/// The browser's clock, which people can set: to be compared with the times of files, and between tabs.
pub fn unix_now() -> UnixMs {
    js_sys::Date::now() as UnixMs
}

/// Waits.
pub async fn sleep(ms: u32) {
    gloo_timers::future::TimeoutFuture::new(ms).await;
}

/// Lets the browser do what waits on this thread, and comes back at once: a timer takes 4 ms.
pub async fn turn() {
    let Ok(channel) = MessageChannel::new() else { return };
    let come_back = Promise::new(&mut |resolve, _| {
        let on = Closure::once_into_js(move |_: JsValue| resolve.call0(&JsValue::NULL));
        channel.port1().set_onmessage(Some(on.unchecked_ref()));
    });
    // It fails for values that can't be cloned.
    let _ = channel.port2().post_message(&JsValue::NULL);
    // Nothing rejects it.
    let _ = JsFuture::from(come_back).await;
    channel.port1().close();
}

/// Long work in pieces, between which the browser draws and answers people.
pub struct Pieces(Now);

impl Pieces {
    /// A piece takes so long, in milliseconds.
    const PIECE_MS: Now = 12;

    /// The first piece begins.
    pub fn new() -> Self {
        Self(now())
    }

    /// Ends the piece where it is long enough, and begins the next.
    pub async fn rest(&mut self) {
        if now().saturating_sub(self.0) >= Self::PIECE_MS {
            turn().await;
            self.0 = now();
        }
    }
}

impl Default for Pieces {
    fn default() -> Self {
        Self::new()
    }
}

/// Calls back once, unless it is dropped before.
pub struct Timer(#[expect(dead_code, reason = "dropping it cancels the timer")] Timeout);

impl Timer {
    /// Calls back after so many milliseconds.
    pub fn after(ms: u32, then: impl FnOnce() + 'static) -> Self {
        Self(Timeout::new(ms, then))
    }
}

/// Calls back every so many milliseconds as long as the page lives.
pub fn every(ms: u32, then: impl FnMut() + 'static) {
    Interval::new(ms, then).forget();
}

/// Calls back before the next frame is drawn; hidden tabs draw none, so there after a second.
pub fn next_frame(then: impl FnOnce() + 'static) {
    const HIDDEN_MS: u32 = 1_000;
    let Some(window) = web_sys::window() else { return };
    // A tab that is hidden before its frame comes would never call back: whichever comes first counts.
    let once = Rc::new(Once { then: RefCell::new(Some(Box::new(then))), late: RefCell::default() });
    let late = once.clone();
    *once.late.borrow_mut() = Some(Timeout::new(HIDDEN_MS, move || late.run()));
    let hidden = window.document().is_some_and(|document| document.hidden());
    if !hidden {
        let frame = Closure::once_into_js(move || once.run());
        // It fails only where the window is gone, and then nobody looks.
        let _ = window.request_animation_frame(frame.unchecked_ref());
    }
}

/// Something to do once, on whichever occasion comes first.
struct Once {
    then: RefCell<Option<Box<dyn FnOnce()>>>,
    /// It and its timer hold each other until one of the occasions comes.
    late: RefCell<Option<Timeout>>,
}

impl Once {
    fn run(&self) {
        // What runs now may be the timer's own: that goes when nobody is in it any more.
        let late = self.late.borrow_mut().take();
        wasm_bindgen_futures::spawn_local(async move { drop(late) });
        let then = self.then.borrow_mut().take();
        if let Some(then) = then {
            then();
        }
    }
}
