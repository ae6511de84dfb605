//! What the page's address asks for: the one place where a further view is named.

use cairn_shared::HandOver;
use leptos::prelude::*;

use crate::platform::document;
use crate::state::identity::Identity;

/// A view of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// What this browser sends, and sent.
    MyFiles,
}

/// What stands behind the `#` of an address.
#[derive(Debug, PartialEq, Eq)]
enum Fragment {
    /// Another device hands over an upload.
    HandOver,
    /// Nothing that the page knows.
    Other,
}

impl Fragment {
    fn of(text: &str) -> Self {
        if HandOver::is_meant(text) { Self::HandOver } else { Self::Other }
    }
}

impl Place {
    /// The view that a fragment asks for.
    const fn of(fragment: &Fragment) -> Self {
        match fragment {
            // What is handed over is among what is unfinished.
            Fragment::HandOver | Fragment::Other => Self::MyFiles,
        }
    }
}

/// The address as the page follows it.
#[derive(Clone, Copy)]
pub struct Address {
    /// What is shown.
    pub place: RwSignal<Place>,
    identity: Identity,
}

impl Address {
    /// As the page was opened.
    pub fn new(identity: Identity) -> Self {
        Self { place: RwSignal::new(Place::of(&Fragment::of(&document::fragment()))), identity }
    }

    /// That of the page that a component belongs to.
    pub fn here() -> Self {
        expect_context()
    }

    /// Does what the address asks for, now and whenever it changes.
    pub(super) fn follow(self) {
        self.arrive();
        document::on_fragment(move || self.arrive());
    }

    fn arrive(self) {
        let text = document::fragment();
        let fragment = Fragment::of(&text);
        self.place.set(Place::of(&fragment));
        if fragment == Fragment::HandOver {
            // It holds a key: it stays neither in sight nor in the history.
            document::drop_fragment();
            self.identity.take_over(&text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test(unsupported = test)]
    fn an_address_without_a_meaning_shows_my_files() {
        for text in ["", "files-title", "session"] {
            assert_eq!(Fragment::of(text), Fragment::Other, "{text}");
        }
        assert_eq!(Fragment::of("session="), Fragment::HandOver);
        assert_eq!(Place::of(&Fragment::Other), Place::MyFiles);
    }
}
