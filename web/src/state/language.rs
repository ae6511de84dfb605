//! The language that the page speaks, given by context.

use leptos::prelude::*;

use crate::state::words::{Words, fill};

/// The words in use.
#[derive(Clone, Copy)]
pub struct Language(StoredValue<Words>);

impl Language {
    /// Speaks with these words.
    pub fn new(words: Words) -> Self {
        Self(StoredValue::new(words))
    }

    /// The one that a component speaks.
    pub fn here() -> Self {
        expect_context()
    }

    /// One of the words.
    pub fn word(self, pick: impl Fn(&Words) -> &str) -> String {
        self.with(|words| pick(words).to_owned())
    }

    /// One of the words, with a name put into it.
    pub fn named(self, pick: impl Fn(&Words) -> &str, name: &str) -> String {
        self.with(|words| fill(pick(words), &[("name", name)]))
    }

    /// Something made of several words.
    pub fn with<T>(self, say: impl FnOnce(&Words) -> T) -> T {
        self.0.with_value(say)
    }
}
