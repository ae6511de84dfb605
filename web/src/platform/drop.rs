//! Files and folders that are dropped anywhere on the window.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;

use futures_util::future::{Either, join_all, select};
use gloo_events::{EventListener, EventListenerOptions};
use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{DataTransfer, DataTransferItem, DragEvent, File, FileSystemEntry};

use crate::platform::files::{self, Chosen, Taken};
use crate::platform::folder::Folder;
use crate::platform::handle::Handle;
use crate::platform::{clock, document};

/// A handle that does not come in this time is done without, in milliseconds.
const HANDLE_MS_MAX: u32 = 2_000;

/// What a drop brought; the browser may still be making handles of it.
pub struct Dropped(Vec<Item>, Vec<File>);

/// One thing that was dropped. All of it has to be asked for before the event is over.
struct Item {
    file: Option<File>,
    entry: Option<FileSystemEntry>,
    handle: Option<Promise>,
}

impl Dropped {
    fn of(transfer: &DataTransfer) -> Self {
        let items = transfer.items();
        let items = (0..items.length()).filter_map(|index| items.get(index));
        let items: Vec<Item> =
            items.filter(|item| item.kind() == "file").map(|item| Item::of(&item)).collect();
        let plain = if items.is_empty() { files::listed(transfer.files()) } else { Vec::new() };
        Self(items, plain)
    }

    /// Everything, with handles where the browser has them.
    pub async fn take(self) -> Taken {
        let mut taken = Taken { files: files::chosen(self.1), folders: Vec::new() };
        for part in join_all(self.0.into_iter().map(Item::take)).await {
            taken.extend(part);
        }
        taken
    }
}

impl Item {
    fn of(item: &DataTransferItem) -> Self {
        // Chromium has it on every page, and ends the tab where a page that came over plain HTTP calls it.
        let ask = Reflect::get(item, &JsValue::from_str("getAsFileSystemHandle")).ok();
        let ask = ask.filter(|_| document::is_secure());
        let ask = ask.and_then(|ask| ask.dyn_into::<Function>().ok());
        let handle = ask.and_then(|ask| ask.call0(item).ok()).and_then(|promise| promise.dyn_into().ok());
        let entry = item.webkit_get_as_entry().ok().flatten();
        Self { file: item.get_as_file().ok().flatten(), entry, handle }
    }

    async fn take(self) -> Taken {
        let handle = match self.handle {
            Some(promise) => in_time(promise).await,
            None => None,
        };
        let is_folder = handle.as_ref().is_some_and(Handle::is_folder)
            || self.entry.as_ref().is_some_and(FileSystemEntry::is_directory);
        if is_folder {
            let folder = handle.and_then(Folder::of_handle);
            let folder = folder.or_else(|| self.entry.and_then(Folder::of_entry));
            return Taken { files: Vec::new(), folders: folder.into_iter().collect() };
        }
        let file = self.file.and_then(|file| Chosen::new(file, handle, None));
        Taken { files: file.into_iter().collect(), folders: Vec::new() }
    }
}

async fn in_time(promise: Promise) -> Option<Handle> {
    match select(pin!(JsFuture::from(promise)), pin!(clock::sleep(HANDLE_MS_MAX))).await {
        Either::Left((handle, _)) => Handle::from_js(handle.ok()?),
        Either::Right(_) => None,
    }
}

/// Takes drops on the whole window; tells when files hover over it and when they leave.
pub fn on_drop(hover: impl Fn(bool) + 'static, drop: impl Fn(Dropped) + 'static) {
    let Some(window) = web_sys::window() else { return };
    let hover = Rc::new(hover);
    // Entering a child comes before leaving its parent, so the depth tells when the window is left.
    let depth = Rc::new(Cell::new(0i32));
    let listen = |event: &'static str, on: Box<dyn Fn(&DragEvent)>| {
        EventListener::new_with_options(
            &window,
            event,
            EventListenerOptions::enable_prevent_default(),
            move |event| {
                if let Some(event) = event.dyn_ref::<DragEvent>().filter(|event| carries_files(event)) {
                    event.prevent_default();
                    on(event);
                }
            },
        )
        .forget();
    };
    let (entered, over) = (depth.clone(), hover.clone());
    listen(
        "dragenter",
        Box::new(move |_| {
            entered.set(entered.get() + 1);
            over(true);
        }),
    );
    listen("dragover", Box::new(|_| {}));
    let (left, out) = (depth.clone(), hover.clone());
    listen(
        "dragleave",
        Box::new(move |_| {
            left.set(left.get() - 1);
            if left.get() <= 0 {
                left.set(0);
                out(false);
            }
        }),
    );
    listen(
        "drop",
        Box::new(move |event| {
            depth.set(0);
            hover(false);
            if let Some(transfer) = event.data_transfer() {
                drop(Dropped::of(&transfer));
            }
        }),
    );
}

fn carries_files(event: &DragEvent) -> bool {
    let types = event.data_transfer().map(|transfer| transfer.types());
    types.is_some_and(|types| types.includes(&JsValue::from_str("Files").unchecked_into(), 0))
}
