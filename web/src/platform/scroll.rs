//! What part of the page is in sight, and what has the focus in it.

use gloo_events::EventListener;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

/// How high the window is, in CSS pixels.
pub fn height() -> f64 {
    let height = web_sys::window().and_then(|window| window.inner_height().ok());
    height.and_then(|height| height.as_f64()).unwrap_or(0.0)
}

/// How far an element's beginning lies above what is in sight, and how high it is without its first and last child; both in
/// CSS pixels. `above` is how high the first one is. Nothing where there is no such element.
pub fn place(id: &str, above: f64) -> Option<(f64, Option<f64>)> {
    let element = web_sys::window()?.document()?.get_element_by_id(id)?;
    let top = |element: &web_sys::Element| element.get_bounding_client_rect().top();
    let (begin, end) = (top(&element), element.last_element_child().map(|last| top(&last)));
    Some((-begin, end.map(|end| end - begin - above)))
}

/// Calls back when something else comes into sight, as long as it is kept.
pub struct Watching(#[expect(dead_code, reason = "dropping them ends it")] [EventListener; 2]);

impl Watching {
    /// Begins.
    pub fn begin(on: impl Fn() + Clone + 'static) -> Option<Self> {
        let window = web_sys::window()?;
        let listen = |event: &'static str| {
            let on = on.clone();
            EventListener::new(&window, event, move |_| on())
        };
        Some(Self([listen("scroll"), listen("resize")]))
    }
}

/// What has the focus.
pub struct Focus(Option<HtmlElement>);

impl Focus {
    /// At this moment.
    pub fn now() -> Self {
        let active =
            web_sys::window().and_then(|window| window.document()).and_then(|it| it.active_element());
        Self(active.filter(|active| active.tag_name() != "BODY").and_then(|active| active.dyn_into().ok()))
    }

    /// Gives it back where nothing has it any more.
    pub fn again(self) {
        let Some(element) = self.0.filter(|element| element.is_connected()) else { return };
        if Self::now().0.is_none() {
            // Nothing but comfort hangs on it.
            let _ = element.focus();
        }
    }
}
