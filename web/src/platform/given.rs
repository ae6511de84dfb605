//! Files that people gave and nobody has looked at yet: the browser asks the disk when somebody does, and waits for it.

use std::pin::pin;

use cairn_engine::Now;
use futures_util::future::{Either, select};
use js_sys::Promise;
use wasm_bindgen_futures::JsFuture;
use web_sys::File;

use crate::platform::clock;
use crate::platform::files::Chosen;
use crate::platform::folder::Folder;
use crate::platform::handle::Handle;

/// One file, in the form in which it was given.
pub struct Given(Way);

enum Way {
    File(File),
    /// With a handle that the browser may still be making.
    WithHandle(File, Asked),
    Handle(Handle),
}

/// A handle that was asked for, and how long it is waited for.
pub(super) struct Asked {
    pub(super) promise: Promise,
    pub(super) until: Now,
}

impl Asked {
    /// The handle; nothing where it does not come in time.
    pub(super) async fn answer(self) -> Option<Handle> {
        let rest = self.until.saturating_sub(clock::now());
        match select(pin!(JsFuture::from(self.promise)), pin!(clock::sleep(rest as u32))).await {
            Either::Left((handle, _)) => Handle::from_js(handle.ok()?),
            Either::Right(_) => None,
        }
    }
}

/// What was given.
pub enum Looked {
    /// A file.
    File(Chosen),
    /// A folder after all.
    Folder(Folder),
    /// The file of that name is gone, or may not be read.
    Nothing(String),
}

impl Given {
    pub(super) const fn file(file: File) -> Self {
        Self(Way::File(file))
    }

    pub(super) const fn with_handle(file: File, asked: Asked) -> Self {
        Self(Way::WithHandle(file, asked))
    }

    pub(super) const fn handle(handle: Handle) -> Self {
        Self(Way::Handle(handle))
    }

    /// Its name, as the browser has it.
    pub(super) fn name(&self) -> String {
        match &self.0 {
            Way::File(file) | Way::WithHandle(file, _) => file.name(),
            Way::Handle(handle) => handle.name(),
        }
    }

    /// What it is. The browser asks the disk, and the page waits meanwhile.
    pub async fn look(self) -> Looked {
        let name = self.name();
        let file = match self.0 {
            Way::File(file) => Chosen::new(file, None, None),
            Way::WithHandle(file, asked) => {
                let handle = asked.answer().await;
                if let Some(handle) = handle.as_ref().filter(|handle| handle.is_folder()) {
                    return Folder::of_handle(handle.clone()).map_or(Looked::Nothing(name), Looked::Folder);
                }
                Chosen::new(file, handle, None)
            }
            Way::Handle(handle) => Chosen::again(&handle, None).await,
        };
        file.map_or(Looked::Nothing(name), Looked::File)
    }
}
