//! Files and folders that are dropped anywhere on the window.

use std::cell::Cell;
use std::rc::Rc;

use cairn_engine::Now;
use gloo_events::{EventListener, EventListenerOptions};
use js_sys::{Function, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{DataTransfer, DataTransferItem, DragEvent, File, FileSystemEntry};

use crate::platform::files::{self, Taken};
use crate::platform::folder::Folder;
use crate::platform::given::{Asked, Given};
use crate::platform::{clock, document};

/// A handle that does not come in this time is done without, in milliseconds.
const HANDLE_MS_MAX: Now = 2_000;
/// Where more are dropped at once, only those are asked for an entry that look like folders: Chromium asks another process for
/// each, and the page stands still for a fifth of a millisecond. Of the others their handles say what they are.
const ENTRIES_MAX: u32 = 500;

/// What a drop brought; the browser may still be making handles of it.
pub struct Dropped(Vec<Item>, Vec<File>);

/// One thing that was dropped. All of it has to be asked for before the event is over.
struct Item {
    file: Option<File>,
    entry: Option<FileSystemEntry>,
    handle: Option<Asked>,
}

impl Dropped {
    fn of(transfer: &DataTransfer) -> Self {
        let items = transfer.items();
        let few = items.length() <= ENTRIES_MAX;
        let items = (0..items.length()).filter_map(|index| items.get(index));
        let items: Vec<Item> =
            items.filter(|item| item.kind() == "file").map(|item| Item::of(&item, few)).collect();
        let plain = if items.is_empty() { files::listed(transfer.files()) } else { Vec::new() };
        Self(items, plain)
    }

    /// Everything, with handles where the browser has them.
    pub async fn take(self) -> Taken {
        let mut taken = Taken { files: files::given(self.1), ..Taken::default() };
        for item in self.0 {
            item.take(&mut taken).await;
        }
        taken
    }
}

impl Item {
    fn of(item: &DataTransferItem, few: bool) -> Self {
        let file = item.get_as_file().ok().flatten();
        // Chromium has it on every page, and ends the tab where a page that came over plain HTTP calls it.
        let ask = Reflect::get(item, &JsValue::from_str("getAsFileSystemHandle")).ok();
        let ask = ask.filter(|_| document::is_secure());
        let ask = ask.and_then(|ask| ask.dyn_into::<Function>().ok());
        let promise = ask.and_then(|ask| ask.call0(item).ok()).and_then(|promise| promise.dyn_into().ok());
        let until = clock::now() + HANDLE_MS_MAX;
        let handle = promise.map(|promise| Asked { promise, until });
        let wants_entry = few || handle.is_none() || file.as_ref().is_none_or(looks_like_a_folder);
        let entry = if wants_entry { item.webkit_get_as_entry().ok().flatten() } else { None };
        Self { file, entry, handle }
    }

    async fn take(self, taken: &mut Taken) {
        let Self { file, entry, handle } = self;
        let is_folder = entry.as_ref().is_some_and(FileSystemEntry::is_directory);
        match (file, handle) {
            (Some(file), Some(handle)) if !is_folder => taken.files.push(Given::with_handle(file, handle)),
            (Some(file), None) if !is_folder => taken.files.push(Given::file(file)),
            (file, handle) => {
                let handle = match handle {
                    Some(handle) => handle.answer().await,
                    None => None,
                };
                let name = entry.as_ref().map(FileSystemEntry::name).or_else(|| file.map(|file| file.name()));
                let folder = match entry {
                    Some(entry) if is_folder => Folder::of_entry(entry, handle),
                    Some(_) | None => handle.and_then(Folder::of_handle),
                };
                match folder {
                    Some(folder) => taken.folders.push(folder),
                    None => taken.unread.push(name.unwrap_or_default()),
                }
            }
        }
    }
}

/// Browsers know folders by no ending, though some have one.
fn looks_like_a_folder(file: &File) -> bool {
    file.type_().is_empty() && !file.name().contains('.')
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
