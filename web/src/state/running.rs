//! The way from what people see to the shell, which starts after the page is shown.

use leptos::prelude::*;

use crate::shell::Shell;

/// The shell, once it runs.
#[derive(Clone, Copy)]
pub struct Running(StoredValue<Option<Shell>, LocalStorage>);

impl Running {
    /// Nothing runs yet.
    pub fn new() -> Self {
        Self(StoredValue::new_local(None))
    }

    pub(super) fn begin(self, shell: Shell) {
        self.0.set_value(Some(shell));
    }

    pub(super) fn shell(self) -> Option<Shell> {
        self.0.get_value()
    }

    /// Asks something of it; nothing happens before it runs.
    pub(super) fn with(self, then: impl FnOnce(&Shell)) {
        if let Some(shell) = self.shell() {
            then(&shell);
        }
    }
}

impl Default for Running {
    fn default() -> Self {
        Self::new()
    }
}
