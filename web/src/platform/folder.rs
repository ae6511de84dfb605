//! Walks a chosen folder, however deep, in slices between which the page goes on living.

use std::collections::HashMap;

use cairn_engine::folder::{LeftOut, Why, path_of};
use cairn_shared::name::NameError;
use cairn_shared::{Name, RelPath};
use futures_util::future::join_all;
use js_sys::{Array, Function, Promise};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    File, FileSystemDirectoryEntry, FileSystemDirectoryReader, FileSystemEntry, FileSystemFileEntry,
};

use crate::platform::clock;
use crate::platform::files::{self, Chosen};
use crate::platform::handle::Handle;

/// Files that are told at once; between two slices the page draws and answers.
const SLICE_FILES: usize = 200;
/// Files that the browser is asked for at the same time.
const ASKED_AT_ONCE: usize = 32;

/// A folder that somebody chose.
#[derive(Clone)]
pub struct Folder {
    /// Its name.
    pub name: Name,
    root: Node,
}

/// One level of a folder, in whatever form the browser gives it.
#[derive(Clone)]
enum Node {
    /// Chromium leaves out what it holds unsafe, without a word: `notes.txt~`, `a:b`, names with joiners.
    Handle(Handle),
    /// Nothing is left out, and nothing of it outlives the visit.
    Entry(FileSystemDirectoryEntry),
    /// Both ways to one folder.
    Both(FileSystemDirectoryEntry, Handle),
    /// Everything below it at once, as an input gives it.
    List(Vec<File>),
}

/// What a slice of the walk found.
#[derive(Default)]
pub struct Found {
    /// With their paths below the folder.
    pub files: Vec<Chosen>,
    /// Folders without anything in them.
    pub empty: Vec<RelPath>,
    /// What could not be read, or has a path that can't be kept.
    pub left_out: Vec<LeftOut>,
}

impl Found {
    fn count(&self) -> usize {
        self.files.len() + self.empty.len() + self.left_out.len()
    }

    fn add_file(&mut self, file: File, handle: Option<Handle>, path: &str) {
        let chosen = path_of(path)
            .and_then(|path| Chosen::new(file, handle, Some(path)).ok_or(Why::Name(NameError::Empty)));
        match chosen {
            Ok(chosen) => self.files.push(chosen),
            Err(why) => self.leave_out(path, why),
        }
    }

    fn add_empty(&mut self, path: &str) {
        match path_of(path) {
            Ok(path) => self.empty.push(path),
            Err(why) => self.leave_out(path, why),
        }
    }

    fn leave_out(&mut self, path: &str, why: Why) {
        self.left_out.push(LeftOut { path: path.to_owned(), why });
    }
}

/// The folder itself is gone or may not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost;

impl Folder {
    /// One that can be kept over a visit.
    pub fn of_handle(handle: Handle) -> Option<Self> {
        Some(Self { name: files::name(&handle.name())?, root: Node::Handle(handle) })
    }

    /// One that was dropped; `handle` where the browser has one of it.
    pub(super) fn of_entry(entry: FileSystemEntry, handle: Option<Handle>) -> Option<Self> {
        let name = files::name(&entry.name())?;
        let handle = handle.filter(Handle::is_folder);
        entry.is_directory().then(|| Self { name, root: Node::of_entry(entry, handle) })
    }

    /// One that an input gives as a list of all its files.
    pub(super) fn of_list(list: Vec<File>) -> Option<Self> {
        let path = files::relative_path(list.first()?)?;
        let name = files::name(path.split('/').next()?)?;
        Some(Self { name, root: Node::List(list) })
    }

    /// What the journal can keep of it.
    pub fn handle(&self) -> Option<&Handle> {
        match &self.root {
            Node::Handle(handle) | Node::Both(_, handle) => Some(handle),
            Node::Entry(_) | Node::List(_) => None,
        }
    }

    /// Tells everything below it, slice by slice, until `take` says that nobody wants more.
    pub async fn walk(&self, mut take: impl FnMut(Found) -> bool) -> Result<(), Lost> {
        let mut found = Found::default();
        let mut levels = vec![(String::new(), self.root.clone())];
        let mut first = true;
        while let Some((path, node)) = levels.pop() {
            let Some(children) = node.children(&path).await else {
                if first {
                    return Err(Lost);
                }
                found.leave_out(&path, Why::Unreadable);
                continue;
            };
            // The folder itself is there in any case.
            if children.is_empty() && !first {
                found.add_empty(&path);
            }
            first = false;
            let (deeper, files): (Vec<_>, Vec<_>) =
                children.into_iter().partition(|child| matches!(child.what, What::Folder(_)));
            // The last one in is the next one out, so that folders come in the order of their names.
            levels.extend(deeper.into_iter().rev().filter_map(Child::into_level));
            for some in files.chunks(ASKED_AT_ONCE) {
                for (file, child) in join_all(some.iter().map(Child::file)).await.into_iter().zip(some) {
                    match file {
                        Some(file) => found.add_file(file, child.handle(), &child.path),
                        None => found.leave_out(&child.path, Why::Unreadable),
                    }
                }
                if found.count() >= SLICE_FILES {
                    if !take(std::mem::take(&mut found)) {
                        return Ok(());
                    }
                    clock::sleep(0).await;
                }
            }
        }
        take(found);
        Ok(())
    }
}

/// Something in a folder.
struct Child {
    path: String,
    what: What,
}

enum What {
    Folder(Node),
    Handle(Handle),
    Entry(FileSystemFileEntry),
    Both(FileSystemFileEntry, Handle),
    File(File),
}

impl Child {
    fn into_level(self) -> Option<(String, Node)> {
        match self.what {
            What::Folder(node) => Some((self.path, node)),
            What::Handle(_) | What::Entry(_) | What::Both(..) | What::File(_) => None,
        }
    }

    fn handle(&self) -> Option<Handle> {
        match &self.what {
            What::Handle(handle) | What::Both(_, handle) => Some(handle.clone()),
            What::Folder(_) | What::Entry(_) | What::File(_) => None,
        }
    }

    async fn file(&self) -> Option<File> {
        match &self.what {
            What::Folder(_) => None,
            What::Handle(handle) => handle.file().await,
            What::Entry(entry) => file_of(entry).await,
            What::Both(entry, handle) => match handle.file().await {
                Some(file) => Some(file),
                None => file_of(entry).await,
            },
            What::File(file) => Some(file.clone()),
        }
    }
}

async fn file_of(entry: &FileSystemFileEntry) -> Option<File> {
    called(|good, bad| entry.file_with_callback_and_callback(good, bad)).await?.dyn_into().ok()
}

impl What {
    fn of_entry(entry: FileSystemEntry, handle: Option<Handle>) -> Self {
        let handle = handle.filter(|handle| handle.is_folder() == entry.is_directory());
        match handle {
            _ if entry.is_directory() => Self::Folder(Node::of_entry(entry, handle)),
            Some(handle) => Self::Both(entry.unchecked_into(), handle),
            None => Self::Entry(entry.unchecked_into()),
        }
    }

    fn of_handle(handle: Handle) -> Self {
        if handle.is_folder() { Self::Folder(Node::Handle(handle)) } else { Self::Handle(handle) }
    }
}

impl Node {
    fn of_entry(entry: FileSystemEntry, handle: Option<Handle>) -> Self {
        match handle {
            Some(handle) => Self::Both(entry.unchecked_into(), handle),
            None => Self::Entry(entry.unchecked_into()),
        }
    }

    /// What lies directly in it, by name; nothing where it can't be read.
    async fn children(&self, path: &str) -> Option<Vec<Child>> {
        let below = |name: &str| {
            let name = files::name(name)?;
            Some(if path.is_empty() { name.as_str().to_owned() } else { format!("{path}/{}", name.as_str()) })
        };
        let mut children: Vec<Child> = match self {
            Self::Handle(folder) => {
                let child =
                    |one: Handle| Some(Child { path: below(&one.name())?, what: What::of_handle(one) });
                folder.children().await?.into_iter().filter_map(child).collect()
            }
            Self::Entry(folder) => {
                let child = |one: FileSystemEntry| {
                    Some(Child { path: below(&one.name())?, what: What::of_entry(one, None) })
                };
                entries(&folder.create_reader()).await?.into_iter().filter_map(child).collect()
            }
            Self::Both(folder, handle) => {
                let handles = handle.children().await.unwrap_or_default().into_iter();
                let mut handles: HashMap<String, Handle> = handles.map(|one| (one.name(), one)).collect();
                let listed = entries(&folder.create_reader()).await?.into_iter();
                let mut children = Vec::new();
                for one in listed {
                    let name = one.name();
                    let what = What::of_entry(one, handles.remove(&name));
                    children.extend(below(&name).map(|path| Child { path, what }));
                }
                let others = handles.into_iter();
                let child = |(name, one): (String, Handle)| {
                    Some(Child { path: below(&name)?, what: What::of_handle(one) })
                };
                children.extend(others.filter_map(child));
                children
            }
            Self::List(list) => {
                // The folder's own name comes first.
                let below = |file: &File| Some(files::relative_path(file)?.split_once('/')?.1.to_owned());
                let child = |file: &File| Some(Child { path: below(file)?, what: What::File(file.clone()) });
                return Some(list.iter().filter_map(child).collect());
            }
        };
        children.sort_by(|a, b| a.path.cmp(&b.path));
        Some(children)
    }
}

/// A reader gives a hundred at most each time it is asked, and none once it is through.
async fn entries(reader: &FileSystemDirectoryReader) -> Option<Vec<FileSystemEntry>> {
    let mut all = Vec::new();
    loop {
        let asked =
            called(|good, bad| reader.read_entries_with_callback_and_callback(good, bad).unwrap_or(()));
        let some: Array = asked.await?.dyn_into().ok()?;
        if some.length() == 0 {
            return Some(all);
        }
        all.extend(some.iter().map(JsCast::unchecked_into));
    }
}

/// What one of two callbacks is called with; nothing for the second.
async fn called(call: impl FnOnce(&Function, &Function)) -> Option<JsValue> {
    let mut call = Some(call);
    let promise = Promise::new(&mut |good, bad| {
        if let Some(call) = call.take() {
            call(&good, &bad);
        }
    });
    JsFuture::from(promise).await.ok()
}
