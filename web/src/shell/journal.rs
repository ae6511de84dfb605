//! The journal as the shell writes it: what comes while a transaction runs goes into the next one.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use cairn_engine::{JournalEntry, Now};
use cairn_shared::ClientKey;
use wasm_bindgen_futures::spawn_local;

use crate::platform::clock;
use crate::platform::handle::Handle;
use crate::platform::idb::{Batch, Db, FolderRecord};

/// What is not written by then is not waited for, in milliseconds.
const WRITTEN_MS_MAX: Now = 3_000;

/// Writes in the order in which it is told.
#[derive(Clone)]
pub(super) struct Journal(Rc<Inner>);

struct Inner {
    db: Option<Db>,
    next: RefCell<Batch>,
    writing: Cell<bool>,
    /// Changes that it was told, and those of them that are written, or can't be.
    told: Cell<u64>,
    written: Cell<u64>,
    on_failure: Box<dyn Fn()>,
}

impl Journal {
    /// Calls back whenever something could not be written.
    pub(super) fn new(db: Option<Db>, on_failure: impl Fn() + 'static) -> Self {
        Self(Rc::new(Inner {
            db,
            next: RefCell::default(),
            writing: Cell::default(),
            told: Cell::default(),
            written: Cell::default(),
            on_failure: Box::new(on_failure),
        }))
    }

    /// Keeps an entry; `folder` where the file lies in one.
    pub(super) fn save(&self, folder: Option<ClientKey>, entry: JournalEntry) {
        self.change(|batch| {
            let key = entry.key;
            match folder {
                Some(folder) => {
                    batch.forgotten_files.remove(&(folder, key));
                    batch.files.insert((folder, key), entry);
                }
                None => {
                    batch.forgotten.remove(&key);
                    batch.entries.insert(key, entry);
                }
            }
        });
    }

    /// Keeps a folder.
    pub(super) fn save_folder(&self, record: FolderRecord) {
        self.change(|batch| {
            batch.folders.insert(record.key, record);
        });
    }

    /// Keeps the handle of an entry or a folder.
    pub(super) fn save_handle(&self, key: ClientKey, handle: Handle) {
        self.change(|batch| {
            batch.handles.insert(key, handle);
        });
    }

    /// Forgets an entry with its handle; `folder` where the file lies in one.
    pub(super) fn forget(&self, folder: Option<ClientKey>, key: ClientKey) {
        self.change(|batch| match folder {
            Some(folder) => {
                batch.files.remove(&(folder, key));
                batch.forgotten_files.insert((folder, key));
            }
            None => {
                batch.entries.remove(&key);
                batch.handles.remove(&key);
                batch.forgotten.insert(key);
            }
        });
    }

    /// Forgets a folder with everything in it.
    pub(super) fn forget_folder(&self, key: ClientKey) {
        self.change(|batch| {
            batch.folders.remove(&key);
            batch.handles.remove(&key);
            batch.files.retain(|(folder, _), _| *folder != key);
            batch.forgotten.insert(key);
        });
    }

    /// Waits until everything that was told so far is written; not for ever, as a disk may hang.
    pub(super) async fn written(&self) {
        const LOOK_MS: u32 = 5;
        let (told, late) = (self.0.told.get(), clock::now() + WRITTEN_MS_MAX);
        while self.0.written.get() < told && clock::now() < late {
            clock::sleep(LOOK_MS).await;
        }
    }

    fn change(&self, change: impl FnOnce(&mut Batch)) {
        let Some(db) = self.0.db.clone() else { return };
        change(&mut self.0.next.borrow_mut());
        self.0.told.set(self.0.told.get() + 1);
        if self.0.writing.replace(true) {
            return;
        }
        let inner = self.0.clone();
        spawn_local(async move {
            loop {
                let told = inner.told.get();
                let batch = std::mem::take(&mut *inner.next.borrow_mut());
                if batch.is_empty() {
                    inner.written.set(told);
                    inner.writing.set(false);
                    return;
                }
                // A full or broken disk costs the memory of these uploads, not the uploads. An entry that stays
                // is answered with 404 or 410 at the next visit, and goes then.
                if db.write(&batch).await.is_err() {
                    (inner.on_failure)();
                }
                inner.written.set(told);
            }
        });
    }
}
