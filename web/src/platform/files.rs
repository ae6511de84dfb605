//! Files that people choose: by the picker, or dropped anywhere on the window.

use std::cell::Cell;
use std::rc::Rc;

use cairn_engine::Source;
use cairn_shared::limits::NAME_BYTES_MAX;
use cairn_shared::{MediaType, Name};
use gloo_events::{EventListener, EventListenerOptions};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{DataTransfer, DragEvent, Event, File, FileList, HtmlInputElement};

use crate::platform::blob;

/// A chosen file: what it is called, and the way to its bytes.
#[derive(Clone)]
pub struct Chosen {
    /// As the browser describes it.
    pub source: Source,
    file: File,
}

impl Chosen {
    fn new(file: File) -> Option<Self> {
        let media_type: Option<MediaType> = file.type_().parse().ok();
        let name = name(&file.name())?;
        let source = Source {
            name,
            path: None,
            folder: None,
            size: file.size() as u64,
            mtime: blob::mtime(&file),
            media_type,
        };
        Some(Self { source, file })
    }

    /// The browser's own object, for the worker.
    pub fn file(&self) -> &File {
        &self.file
    }
}

/// What a drop brought.
pub struct Dropped {
    /// The files.
    pub files: Vec<Chosen>,
    /// How many folders lay between them; they can't be taken yet.
    pub folders: usize,
}

/// The files that were picked, and makes the input ready for the next ones.
pub fn picked(event: &Event) -> Vec<Chosen> {
    let input = event.target().and_then(|target| target.dyn_into::<HtmlInputElement>().ok());
    let Some(input) = input else { return Vec::new() };
    let files = chosen(input.files());
    // Without this, choosing the same file again would not be told.
    input.set_value("");
    files
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
                drop(dropped(&transfer));
            }
        }),
    );
}

fn carries_files(event: &DragEvent) -> bool {
    let types = event.data_transfer().map(|transfer| transfer.types());
    types.is_some_and(|types| types.includes(&JsValue::from_str("Files").unchecked_into(), 0))
}

fn dropped(transfer: &DataTransfer) -> Dropped {
    let items = transfer.items();
    let entries =
        (0..items.length()).filter_map(|index| items.get(index)).filter(|item| item.kind() == "file");
    let mut files = Vec::new();
    let mut folders = 0;
    for item in entries {
        let is_folder = item.webkit_get_as_entry().ok().flatten().is_some_and(|entry| entry.is_directory());
        if is_folder {
            folders += 1;
        } else if let Ok(Some(file)) = item.get_as_file() {
            files.extend(Chosen::new(file));
        }
    }
    if files.is_empty() && folders == 0 {
        files = chosen(transfer.files());
    }
    Dropped { files, folders }
}

fn chosen(list: Option<FileList>) -> Vec<Chosen> {
    let Some(list) = list else { return Vec::new() };
    (0..list.length()).filter_map(|index| list.get(index)).filter_map(Chosen::new).collect()
}

/// Names may carry what the protocol refuses: control characters, or more bytes than it allows.
fn name(text: &str) -> Option<Name> {
    let clean: String =
        text.chars().map(|c| if c.is_ascii_control() || c == '/' { '_' } else { c }).collect();
    let mut end = clean.len().min(NAME_BYTES_MAX);
    while !clean.is_char_boundary(end) {
        end -= 1;
    }
    clean[..end].parse().or_else(|_| "file".parse()).ok()
}
