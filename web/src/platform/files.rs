//! Files and folders that people choose, as the browser's inputs and pickers give them.

use cairn_engine::Source;
use cairn_shared::limits::NAME_BYTES_MAX;
use cairn_shared::{MediaType, Name, RelPath};
use js_sys::Reflect;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Event, File, FileList, HtmlInputElement};

use crate::platform::blob;
use crate::platform::folder::Folder;
use crate::platform::given::Given;
use crate::platform::handle::{self, Handle, NotPicked};

/// A chosen file: what it is called, and the way to its bytes.
#[derive(Clone)]
pub struct Chosen {
    /// As the browser describes it.
    pub source: Source,
    file: File,
    handle: Option<Handle>,
}

impl Chosen {
    /// A file; `path` where it was found in a folder.
    pub(super) fn new(file: File, handle: Option<Handle>, path: Option<RelPath>) -> Option<Self> {
        let media_type: Option<MediaType> = file.type_().parse().ok();
        // In a folder its path says what it is called, whatever the browser makes of the name alone.
        let name = match &path {
            Some(path) => path.last().parse().ok()?,
            None => name(&file.name())?,
        };
        let source = Source {
            name,
            path,
            folder: None,
            size: file.size() as u64,
            mtime: blob::mtime(&file),
            media_type,
        };
        Some(Self { source, file, handle })
    }

    /// The file of a handle as it is now; nothing where it is gone or may not be read.
    pub async fn again(handle: &Handle, path: Option<RelPath>) -> Option<Self> {
        Self::new(handle.file().await?, Some(handle.clone()), path)
    }

    /// The browser's own object, for the worker.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The way to the file at a later visit, where the browser has one.
    pub fn handle(&self) -> Option<&Handle> {
        self.handle.as_ref()
    }
}

impl cairn_engine::folder::File for Chosen {
    fn source(&self) -> &Source {
        &self.source
    }

    fn source_mut(&mut self) -> &mut Source {
        &mut self.source
    }
}

/// What a person chose at once.
#[derive(Default)]
pub struct Taken {
    /// Files that lay in no folder, not looked at yet.
    pub files: Vec<Given>,
    /// Folders, not walked yet.
    pub folders: Vec<Folder>,
    /// Names of what the browser gives no way to.
    pub unread: Vec<String>,
}

impl Taken {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.folders.is_empty() && self.unread.is_empty()
    }

    /// Puts others behind these.
    pub fn extend(&mut self, others: Self) {
        self.files.extend(others.files);
        self.folders.extend(others.folders);
        self.unread.extend(others.unread);
    }

    /// Whether something of that name is among them.
    pub fn holds(&self, name: &str) -> bool {
        self.files.iter().any(|file| self::name(&file.name()).is_some_and(|file| file.as_str() == name))
            || self.folders.iter().any(|folder| folder.name.as_str() == name)
    }
}

/// The files, or the folder, that an input gave; makes it ready for the next ones.
pub fn picked(event: &Event) -> Taken {
    let input = event.target().and_then(|target| target.dyn_into::<HtmlInputElement>().ok());
    let Some(input) = input else { return Taken::default() };
    let files = listed(input.files());
    let in_folder = files.first().and_then(relative_path).is_some();
    // Without this, choosing the same file again would not be told.
    input.set_value("");
    if in_folder {
        return Taken { folders: Folder::of_list(files).into_iter().collect(), ..Taken::default() };
    }
    Taken { files: given(files), ..Taken::default() }
}

/// Lets a person pick files whose handles can be kept.
pub async fn pick_files() -> Result<Taken, NotPicked> {
    let handles = handle::pick_files().await?;
    Ok(Taken { files: handles.into_iter().map(Given::handle).collect(), ..Taken::default() })
}

/// Lets a person pick a folder whose handle can be kept.
pub async fn pick_folder() -> Result<Taken, NotPicked> {
    let handle = handle::pick_folder().await?;
    Ok(Taken { folders: Folder::of_handle(handle).into_iter().collect(), ..Taken::default() })
}

pub(super) fn given(files: Vec<File>) -> Vec<Given> {
    files.into_iter().map(Given::file).collect()
}

pub(super) fn listed(list: Option<FileList>) -> Vec<File> {
    let Some(list) = list else { return Vec::new() };
    (0..list.length()).filter_map(|index| list.get(index)).collect()
}

/// Where an input found a file below the chosen folder, the folder's own name first.
pub(super) fn relative_path(file: &File) -> Option<String> {
    let path = Reflect::get(file, &JsValue::from_str("webkitRelativePath")).ok()?.as_string()?;
    let parts = path.split('/').map(|part| name(part).map(|part| part.as_str().to_owned()));
    (!path.is_empty()).then(|| parts.collect::<Option<Vec<_>>>().map(|parts| parts.join("/")))?
}

/// Names may carry what the protocol refuses: control characters, which become their pictures (`␊`), so that no other name is met; or more bytes
/// than it allows.
pub(super) fn name(text: &str) -> Option<Name> {
    let clean: String = text.chars().map(shown).collect();
    let mut end = clean.len().min(NAME_BYTES_MAX);
    while !clean.is_char_boundary(end) {
        end -= 1;
    }
    clean[..end].parse().or_else(|_| "file".parse()).ok()
}

fn shown(c: char) -> char {
    match c {
        '\0'..='\u{1F}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('_'),
        '\u{7F}' => '\u{2421}',
        '/' => '_',
        _ => c,
    }
}
