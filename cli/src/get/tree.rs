//! A folder: level by level, several files at a time. Each entry by itself: one that does not come stops no other.

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use cairn_shared::message::{EntryKind, LinkListResponse};

use super::file::{self, Arrived, Content, on_disk};
use super::line::{Line, Trouble};
use crate::say;

/// Files that come at once: on a line of 50 ms a small file takes as long as the way there and back.
const AT_ONCE: usize = 6;

/// How a folder ended.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) arrived: u64,
    pub(super) already: u64,
    pub(super) folders: u64,
    pub(super) missed: u64,
    pub(super) uncompared: u64,
    /// Nothing more was tried, for this reason.
    pub(super) stopped: Option<String>,
}

/// Brings all of the level `inside` into the folder `root`, which is made where it is missing.
pub(super) fn fetch(line: &Line, inside: Option<&str>, first: LinkListResponse, root: &Path) -> Counts {
    let run = Run {
        line,
        counts: Mutex::default(),
        taken: Mutex::default(),
        bytes: AtomicU64::new(0),
        of: first.bytes,
        is_over: AtomicBool::new(false),
    };
    // What a person names may be a link.
    if !root.is_dir()
        && let Err(trouble) = make_folder(root)
    {
        run.missed(root, &trouble);
        return run.counts.into_inner().unwrap_or_else(PoisonError::into_inner);
    }
    run.take(root);
    let (files, coming) = sync_channel(AT_ONCE);
    let coming = Mutex::new(coming);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| run.work(&coming));
        }
        run.walk(inside.map(str::to_owned), first, root, &files);
        drop(files);
    });
    say::progress("");
    run.counts.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// A file that is to come, and where to.
struct File {
    wanted: Content,
    target: PathBuf,
}

struct Run<'a> {
    line: &'a Line,
    counts: Mutex<Counts>,
    /// What this run made or found to be right, by number: two names that fall on one path here would be one file.
    taken: Mutex<HashSet<(u64, u64)>>,
    bytes: AtomicU64,
    of: u64,
    is_over: AtomicBool,
}

impl Run<'_> {
    fn walk(&self, inside: Option<String>, first: LinkListResponse, root: &Path, files: &SyncSender<File>) {
        let mut levels = vec![(inside, root.to_owned(), Some(first))];
        while let Some((inside, folder, first)) = levels.pop() {
            let inside = inside.as_deref();
            let mut page = first.map_or_else(|| self.line.list(inside, None), Ok);
            loop {
                let listed = match page {
                    Ok(listed) => listed,
                    Err(trouble) => {
                        self.missed(&folder, &trouble);
                        break;
                    }
                };
                for item in &listed.items {
                    if self.is_over.load(Ordering::SeqCst) {
                        return;
                    }
                    let path = inside
                        .map_or_else(|| item.name.to_string(), |above| format!("{above}/{}", item.name));
                    let target = folder.join(item.name.as_str());
                    if item.kind == EntryKind::File {
                        // Nobody takes it where all workers have ended, and they end last.
                        drop(files.send(File { wanted: Content::of(self.line, item, &path), target }));
                    } else if self.folder(&target) {
                        levels.push((Some(path), target, None));
                    }
                }
                let Some(next) = listed.next else { break };
                page = self.line.list(inside, Some(&next));
            }
        }
    }

    /// Makes a folder; whether it may be filled.
    fn folder(&self, target: &Path) -> bool {
        match make_folder(target) {
            Ok(()) if self.take(target) => {
                self.count(|counts| counts.folders += 1);
                true
            }
            Ok(()) => {
                let why = "this file system takes its name for that of another folder".to_owned();
                self.missed(target, &Trouble::Thing(why));
                false
            }
            Err(trouble) => {
                self.missed(target, &trouble);
                false
            }
        }
    }

    fn work(&self, coming: &Mutex<Receiver<File>>) {
        loop {
            let next = coming.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(File { wanted, target }) = next else { return };
            if self.is_over.load(Ordering::SeqCst) {
                self.missed(&target, &Trouble::Thing("not tried any more".to_owned()));
                continue;
            }
            let told = |more| {
                let bytes = self.bytes.fetch_add(more, Ordering::Relaxed) + more;
                say::progress(&format!("{} of {} MB", bytes / 1_000_000, self.of / 1_000_000));
            };
            match file::fetch(self.line, &wanted, &target, &|| None, &told) {
                Ok(_) if !self.take(&target) => {
                    let why = "this file system takes its name for that of another file".to_owned();
                    self.missed(&target, &Trouble::Thing(why));
                }
                Ok(Arrived::Already) => {
                    self.count(|counts| counts.already += 1);
                }
                Ok(Arrived::Whole { is_compared }) => {
                    self.count(|counts| {
                        counts.arrived += 1;
                        counts.uncompared += u64::from(!is_compared);
                    });
                }
                Err(trouble) => self.missed(&target, &trouble),
            }
        }
    }

    /// Names what does not come, and why; ends the run where nothing more can.
    fn missed(&self, target: &Path, trouble: &Trouble) {
        let why = match trouble {
            Trouble::Server(why) => {
                if !self.is_over.swap(true, Ordering::SeqCst) {
                    self.count(|counts| counts.stopped = Some(why.clone()));
                }
                why.clone()
            }
            Trouble::Passes { why, .. } | Trouble::Thing(why) => why.clone(),
            Trouble::Changed => "it was changed meanwhile: run it again".to_owned(),
        };
        self.count(|counts| counts.missed += 1);
        say::progress("");
        say::complain(&format!("{}: not here: {why}", target.display()));
    }

    fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// False where another name of this run led to the same thing.
    fn take(&self, target: &Path) -> bool {
        let Ok(there) = fs::symlink_metadata(target) else { return true };
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).insert((there.dev(), there.ino()))
    }
}

/// A folder of its own: what a link leads to is somebody else's.
fn make_folder(folder: &Path) -> Result<(), Trouble> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let there = fs::symlink_metadata(folder).map_err(|error| on_disk(folder, &error))?;
            if there.is_dir() {
                return Ok(());
            }
            Err(Trouble::Thing("something that is no folder lies there".to_owned()))
        }
        made => made.map_err(|error| on_disk(folder, &error)),
    }
}
