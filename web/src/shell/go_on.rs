//! What earlier visits left, and what other tabs are at: one click, or the other tab's end, and it goes on.

use std::collections::{HashMap, HashSet};

use cairn_engine::JournalEntry;
use cairn_shared::{ClientKey, Name, RelPath};
use wasm_bindgen_futures::spawn_local;

use super::Shell;
use crate::platform::files::Chosen;
use crate::platform::folder::Folder;
use crate::platform::handle::Handle;
use crate::platform::idb::{FolderRecord, Kept};
use crate::platform::locks::Claim;

/// Something that is unfinished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// Identifies it.
    pub key: ClientKey,
    /// Its name.
    pub name: Name,
    /// Where a file lay below the folder that was chosen.
    pub path: Option<RelPath>,
    /// How far it is.
    pub left: Left,
    /// It goes on by one click; otherwise it has to be chosen again.
    pub has_handle: bool,
    /// The handle led nowhere: it was moved, deleted, or reading it was not allowed.
    pub lost: bool,
    /// Another tab is at it.
    pub elsewhere: bool,
    /// Another device can go on with it.
    pub can_hand_over: bool,
}

/// How far something unfinished is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Left {
    /// A file.
    File {
        /// Bytes that the server has.
        stored: u64,
        /// In bytes.
        size: u64,
    },
    /// A folder.
    Folder {
        /// Files that it has, as far as it was walked.
        files: u32,
        /// Files that are unfinished.
        left: u32,
    },
}

/// What the shell knows of it.
#[derive(Default)]
pub(super) struct LeftBehind {
    folders: HashMap<ClientKey, FolderRecord>,
    handles: HashMap<ClientKey, Handle>,
    lost: HashSet<ClientKey>,
    /// What this tab is about to go on with.
    taken_up: HashSet<ClientKey>,
    /// What this tab waits for another one to let go of.
    awaited: HashSet<ClientKey>,
}

impl LeftBehind {
    /// The handle leads nowhere.
    pub(super) fn lose(&mut self, key: ClientKey) {
        self.lost.insert(key);
    }

    /// The handles of those that nobody takes up yet; from now on somebody does.
    fn begin_to_take_up(&mut self, keys: &[ClientKey]) -> Vec<(ClientKey, Handle)> {
        let mut handles = Vec::new();
        for key in keys {
            if let Some(handle) = self.handles.get(key)
                && self.taken_up.insert(*key)
            {
                handles.push((*key, handle.clone()));
            }
        }
        handles
    }
}

impl Shell {
    /// Tells what earlier visits left, and what other tabs are at.
    pub async fn look_for_unfinished(&self) {
        let inner = &self.0;
        let Some(db) = &inner.db else { return };
        inner.journal.written().await;
        // In this order: what is let go of in between is finished, or shown the next time.
        let held = inner.claims.held_elsewhere().await;
        let Kept { mut entries, mut folders, handles } = db.kept().await;
        let ours = inner.uploads.borrow().keys();
        entries.retain(|entry| !ours.contains(&entry.key) && !inner.uploads.borrow().awaits(entry.key));
        folders.retain(|(record, left)| {
            let over = *left == 0 && record.walked_at.is_some();
            let ours = inner.folders.borrow().has_key(record.key);
            if over && !ours && !held.contains(&record.key) {
                inner.journal.forget_folder(record.key);
            }
            !over && !ours
        });
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let show = |key: ClientKey, name: &Name, left: Left| {
            let behind = inner.left.borrow();
            let (name, lost, elsewhere) = (name.clone(), behind.lost.contains(&key), held.contains(&key));
            let has_handle = handles.contains_key(&key);
            Unfinished { key, name, path: None, left, has_handle, lost, elsewhere, can_hand_over: false }
        };
        let of_folder = |(record, left): &(FolderRecord, u32)| {
            let left = Left::Folder { files: record.files.max(*left), left: *left };
            show(record.key, &record.name, left)
        };
        let of_file = |entry: &JournalEntry| {
            let left = Left::File { stored: entry.stored, size: entry.size };
            let (path, can_hand_over) = (entry.path.clone(), entry.hand_over().is_some());
            Unfinished { path, can_hand_over, ..show(entry.key, &entry.name, left) }
        };
        let all: Vec<_> = folders.iter().map(of_folder).chain(entries.iter().map(of_file)).collect();
        {
            let mut behind = inner.left.borrow_mut();
            behind.folders = folders.into_iter().map(|(record, _)| (record.key, record)).collect();
            behind.handles = handles;
        }
        for one in all.iter().filter(|one| one.elsewhere) {
            self.await_other_tab(one.key);
        }
        inner.watcher.unfinished(all);
    }

    /// Goes on with what earlier visits left. Called in a click: the browser asks the person only there.
    pub fn go_on(&self, keys: &[ClientKey]) {
        let mut keys = keys.to_vec();
        keys.retain(|key| !self.is_ours(*key));
        let handles = self.0.left.borrow_mut().begin_to_take_up(&keys);
        // The first question is asked by the click itself; the others follow its answer.
        let mut first = handles.first().map(|(_, handle)| handle.ask());
        let shell = self.clone();
        spawn_local(async move {
            for (key, handle) in handles {
                let allowed = match first.take() {
                    Some(asked) => asked.await,
                    None => handle.is_granted().await || handle.ask().await,
                };
                let went_on = allowed && shell.take_up(key, &handle).await;
                let mut behind = shell.0.left.borrow_mut();
                behind.taken_up.remove(&key);
                if !went_on {
                    behind.lose(key);
                }
            }
            shell.look_for_unfinished().await;
        });
    }

    /// Whether this tab is at it.
    fn is_ours(&self, key: ClientKey) -> bool {
        self.0.uploads.borrow().has_key(key) || self.0.folders.borrow().has_key(key)
    }

    /// Goes on with one by its handle, which may be read. False where the handle leads nowhere.
    async fn take_up(&self, key: ClientKey, handle: &Handle) -> bool {
        if self.0.claims.claim(key).await != Claim::Fresh {
            return true;
        }
        let went_on = self.take_claimed(key, handle).await;
        if !went_on {
            self.0.claims.release(key);
        }
        went_on
    }

    async fn take_claimed(&self, key: ClientKey, handle: &Handle) -> bool {
        let record = self.0.left.borrow().folders.get(&key).cloned();
        if let Some(record) = record {
            let Some(folder) = Folder::of_handle(handle.clone()) else { return false };
            self.begin_folder(folder, record).await;
            return true;
        }
        let entry = match &self.0.db {
            Some(db) => db.entry(key).await,
            None => None,
        };
        let Some(entry) = entry else {
            self.0.claims.release(key);
            return true;
        };
        let Some(file) = Chosen::again(handle, entry.path.clone()).await else { return false };
        self.queue(file, key, Some(entry));
        true
    }

    /// Takes over when the other tab lets go: at once where the browser still allows it, else by a click.
    fn await_other_tab(&self, key: ClientKey) {
        if !self.0.left.borrow_mut().awaited.insert(key) {
            return;
        }
        let shell = self.clone();
        spawn_local(async move {
            shell.0.claims.wait(key).await;
            shell.0.left.borrow_mut().awaited.remove(&key);
            let handle = shell.0.left.borrow().handles.get(&key).cloned();
            // A row of this tab that waits for it is next in line, and has the file.
            let has_row = shell.0.uploads.borrow().awaits(key);
            let granted = match &handle {
                Some(handle) if !has_row => handle.is_granted().await,
                Some(_) | None => false,
            };
            match handle.filter(|_| granted) {
                Some(handle) if shell.take_claimed(key, &handle).await => {}
                Some(_) | None => shell.0.claims.release(key),
            }
            shell.look_for_unfinished().await;
        });
    }

    /// Folders of that name that no tab is at.
    pub(super) async fn unclaimed_folders(&self, folder: &Folder) -> Vec<FolderRecord> {
        let Some(db) = &self.0.db else { return Vec::new() };
        let held = self.0.claims.held_elsewhere().await;
        let folders = db.kept().await.folders.into_iter().map(|(record, _)| record);
        let ours = self.0.folders.borrow();
        let free = |key: ClientKey| !held.contains(&key) && !ours.has_key(key);
        folders.filter(|record| record.name == folder.name && free(record.key)).collect()
    }

    /// Gives up what an earlier visit left.
    pub fn discard(&self, key: ClientKey) {
        let shell = self.clone();
        spawn_local(async move {
            let Some(db) = shell.0.db.clone() else { return };
            // What this tab or another one is at is not left behind.
            if shell.0.claims.claim(key).await != Claim::Fresh {
                shell.look_for_unfinished().await;
                return;
            }
            let record = shell.0.left.borrow().folders.get(&key).cloned();
            let of_folder = db.files_of(key).await;
            let sessions = db.entry(key).await.into_iter().chain(of_folder).filter_map(|entry| entry.session);
            let sessions: Vec<_> = sessions.collect();
            shell.0.journal.forget_folder(key);
            shell.0.journal.forget(None, key);
            shell.release(key);
            shell.look_for_unfinished().await;
            for session in sessions {
                shell.delete_session(session.id, session.key).await;
            }
            if let Some(record) = record {
                shell.remove_left_if_empty(&record).await;
            }
        });
    }
}
