//! A folder on its way: what the walk finds goes to the server a few files at a time, and at the end what lies here is
//! compared with what lies there.
//!
//! A shell tells a [`Folder`] what it finds, what its files look like and what the server answers. It carries out what
//! [`Folder::poll_call`] and [`Folder::next_file`] give, after each input and at [`Folder::poll_timeout`].

mod contents;
mod files;
mod left_out;
mod pages;
mod receipt;
mod record;
mod steps;
mod talk;
mod view;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use cairn_shared::message::FolderResponse;
use cairn_shared::{ClientKey, RelPath, UnixMs};

use crate::meter::Meter;
use crate::{Failure, JournalEntry, Now, Source, Trouble, UploadId, View};

pub use contents::{Contents, Stat};
pub use left_out::{LeftOut, Why, path_of};
pub use receipt::Receipt;
pub use record::FolderRecord;
pub use talk::{Call, Reply};
pub use view::FolderView;

use steps::Stage;
use talk::Talk;

/// One folder, numbered by the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FolderId(pub u32);

/// How many of a folder's files are with the engine.
#[derive(Debug, Clone, Copy)]
pub struct Config {
    /// Those that go on: a few more than the engine works on at once.
    pub loaded_max: usize,
    /// Those that a person has to look at. So many are none of the files' own: the rest waits until somebody has looked.
    pub troubled_max: usize,
    /// Nobody watches: it comes to its end by itself, whatever is missing. What lies in the source is told once more then, and
    /// that is compared.
    pub unattended: bool,
}

/// A file of a folder in the shell's hands.
pub trait File {
    /// What it is; with its path.
    fn source(&self) -> &Source;
    /// As above. The folder says where it goes on the server.
    fn source_mut(&mut self) -> &mut Source;
}

/// A slice of the walk.
#[derive(Debug)]
pub struct Found<F> {
    /// With their paths below the folder; each with 128 random bits, used where no entry is known.
    pub files: Vec<(F, ClientKey)>,
    /// Folders without anything in them.
    pub empty: Vec<RelPath>,
    /// What can't be sent.
    pub left_out: Vec<LeftOut>,
}

/// A file for the engine.
#[derive(Debug)]
pub struct Waiting<F> {
    /// The shell's own.
    pub file: F,
    /// Names the session towards the server.
    pub key: ClientKey,
    /// What an earlier visit left unfinished of it.
    pub entry: Option<JournalEntry>,
}

/// Files, and their sizes together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sum {
    files: u32,
    bytes: u64,
}

impl Sum {
    fn of(sizes: impl Iterator<Item = u64>) -> Self {
        let mut sum = Self::default();
        sizes.for_each(|bytes| sum.add(bytes));
        sum
    }

    fn and(self, other: Self) -> Self {
        Self { files: self.files + other.files, bytes: self.bytes + other.bytes }
    }

    fn max(self, other: Self) -> Self {
        Self { files: self.files.max(other.files), bytes: self.bytes.max(other.bytes) }
    }

    fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }

    fn remove(&mut self, bytes: u64) {
        self.files = self.files.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

/// A folder on its way.
#[derive(Debug)]
pub struct Folder<F> {
    config: Config,
    record: FolderRecord,
    /// Nobody asked the server for it before.
    is_new: bool,
    walking: bool,
    paused: bool,
    stage: Stage,
    talk: Talk,
    /// Why the server takes no such folder.
    refused: Option<Trouble>,
    /// The folder on the server.
    server: Option<FolderResponse>,
    /// What the server lists: before the first file, then at the end.
    there: Contents,
    /// What lies here, as far as it can be sent.
    here: Contents,
    left_out: BTreeMap<String, Why>,
    /// As many of those a person does without.
    accepted: usize,
    /// Entries that no file was met for so far.
    known: HashMap<String, JournalEntry>,
    /// What was found before the server's list came.
    unsorted: Vec<(F, ClientKey)>,
    waiting: VecDeque<Waiting<F>>,
    loaded: BTreeMap<UploadId, Option<View>>,
    /// Those of them that only a person can have go on.
    resting: BTreeSet<UploadId>,
    /// Entries to be kept.
    fresh: Vec<JournalEntry>,
    /// Pages of empty folders that the server does not know of yet.
    untold: VecDeque<Vec<RelPath>>,
    receipt: Option<Receipt>,
    /// What an earlier visit counted as arrived; the server's list takes its place once the walk is over.
    earlier: Sum,
    /// What the server had before the first file went.
    were_there: Sum,
    /// What is sent in this visit, and what of it has arrived.
    to_send: Sum,
    arrived: Sum,
    reused: u64,
    sent: u64,
    meter: Meter,
}

impl<F: File> Folder<F> {
    /// One of which an earlier visit left these entries, or that is new.
    pub fn new(config: Config, mut record: FolderRecord, entries: Option<Vec<JournalEntry>>) -> Self {
        let is_new = entries.is_none();
        let entries = entries.unwrap_or_default();
        let left = Sum::of(entries.iter().map(|entry| entry.size));
        // Of a walk that was cut short nobody knows how much there is: it is counted again.
        let earlier = match record.walked_at {
            Some(_) => Sum {
                files: record.files.saturating_sub(left.files),
                bytes: record.size.saturating_sub(left.bytes),
            },
            None => Sum::default(),
        };
        record.empty.clear();
        let known = |entry: JournalEntry| Some((entry.path.as_ref()?.as_str().to_owned(), entry));
        let mut folder = Self {
            config,
            record,
            is_new,
            walking: true,
            paused: false,
            stage: Stage::Unmade,
            talk: Talk::default(),
            refused: None,
            server: None,
            there: Contents::default(),
            here: Contents::default(),
            left_out: BTreeMap::new(),
            accepted: 0,
            known: entries.into_iter().filter_map(known).collect(),
            unsorted: Vec::new(),
            waiting: VecDeque::new(),
            loaded: BTreeMap::new(),
            resting: BTreeSet::new(),
            fresh: Vec::new(),
            untold: VecDeque::new(),
            receipt: None,
            earlier,
            were_there: Sum::default(),
            to_send: Sum::default(),
            arrived: Sum::default(),
            reused: 0,
            sent: 0,
            meter: Meter::default(),
        };
        folder.advance();
        folder
    }

    /// Takes a slice of the walk.
    pub fn found(&mut self, found: Found<F>) {
        self.leave_out(found.left_out);
        for path in found.empty {
            self.record.empty.push(path.clone());
            self.here.folders.insert(path);
        }
        for (file, key) in found.files {
            let source = file.source();
            let stat = Stat::from(source);
            let left = |why| LeftOut { path: source.name.as_str().to_owned(), why };
            match source.path.clone().ok_or(left(Why::Unseen)) {
                Ok(path) if self.here.files.contains_key(&path) => {
                    self.leave_out(vec![LeftOut { path: path.as_str().to_owned(), why: Why::Twice }]);
                }
                Ok(path) => {
                    self.here.files.insert(path, stat);
                    self.unsorted.push((file, key));
                }
                Err(left) => self.leave_out(vec![left]),
            }
        }
        self.advance();
    }

    /// Everything in it is known from now on. What the journal knows and the walk has not met is lost.
    pub fn walked(&mut self, at: UnixMs) {
        self.walking = false;
        self.record.walked_at = Some(at);
        self.untold = pages::pages(&self.record.name, self.record.empty.iter().cloned()).into();
        self.advance();
        self.count();
    }

    /// What the record says of it is what is known by now.
    fn count(&mut self) {
        Sum { files: self.record.files, bytes: self.record.size } = self.total();
    }

    /// What lies here now; asked for by `wants_look`.
    pub fn looked_again(&mut self, here: Contents, left_out: Vec<LeftOut>) {
        self.here = here;
        self.leave_out(left_out);
        self.stage = Stage::Comparing;
        self.there = Contents::default();
        self.advance();
    }

    /// Everything that can has arrived: what lies here now is to be told, for the receipt.
    pub fn wants_look(&self) -> bool {
        self.stage == Stage::Looking
    }

    /// Takes the answer to a call.
    pub fn reply(&mut self, reply: Result<Reply, Failure>, now: Now) {
        if let Some((call, reply)) = self.talk.answer(reply, now) {
            self.take_answer(call, reply);
        }
        self.advance();
    }

    /// What to ask the server now.
    pub fn poll_call(&mut self, now: Now) -> Option<Call> {
        self.talk.poll(now)
    }

    /// When there will be something to ask; `None`: only something else can move it on.
    pub fn poll_timeout(&self) -> Option<Now> {
        self.talk.timeout()
    }

    /// Entries to be kept, so that a later visit knows what is unfinished.
    pub fn take_fresh(&mut self) -> Vec<JournalEntry> {
        std::mem::take(&mut self.fresh)
    }

    /// What the journal keeps of it.
    pub fn record(&self) -> &FolderRecord {
        &self.record
    }

    /// Identifies it.
    pub fn key(&self) -> ClientKey {
        self.record.key
    }

    /// Whether it is new here, and on the server.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Nothing is asked any more, and nothing is sent: its receipt is there, if there is one.
    pub fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// Why the server takes no such folder.
    pub fn refused(&self) -> Option<&Trouble> {
        self.refused.as_ref()
    }

    /// Why the server has not answered for the folder itself, and when it is asked again.
    pub fn unanswered(&self) -> Option<&(Trouble, Now)> {
        self.talk.waits()
    }

    /// What the server has of it, once everything is there that can be.
    pub fn receipt(&self) -> Option<&Receipt> {
        self.receipt.as_ref()
    }

    /// Whether the server has it, as far as that is known.
    pub fn is_there(&self) -> bool {
        self.server.is_some()
    }

    /// What lies here, as far as it can be sent.
    pub fn here(&self) -> &Contents {
        &self.here
    }

    /// What is not there and why, as far as that is known by now.
    pub fn left_out(&self) -> Vec<LeftOut> {
        let left = |(path, why): (&String, &Why)| LeftOut { path: path.clone(), why: why.clone() };
        self.left_out.iter().map(left).collect()
    }

    /// Files that this visit sends, and their bytes.
    pub fn to_send(&self) -> (usize, u64) {
        (self.to_send.files as usize, self.to_send.bytes)
    }

    /// The first reason counts.
    fn leave_out(&mut self, left: Vec<LeftOut>) {
        for LeftOut { path, why } in left {
            self.left_out.entry(path).or_insert(why);
        }
    }
}
