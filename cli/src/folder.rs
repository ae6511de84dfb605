//! Folders on their way: found below a path, made on the server, and compared with it at the end.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use cairn_engine::Failure;
use cairn_shared::limits::FOLDER_PATHS_MAX;
use cairn_shared::message::{EntryKind, FolderListResponse, FolderRequest, FolderResponse};
use cairn_shared::route::{self, Route};
use cairn_shared::{Bearer, ClientKey, Name, ProblemCode, RelPath, UnixMs};
use serde::{Deserialize, Serialize};

use crate::journal::Place;
use crate::platform::random;
use crate::shell::{Job, Line, patiently};
use crate::{owner, put};

/// A folder on this machine.
pub(crate) struct Tree {
    path: PathBuf,
    name: Name,
    files: Vec<(PathBuf, String)>,
    empty: Vec<RelPath>,
}

impl Tree {
    /// Everything below `path`, by name; links are not followed.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let path = path.canonicalize().with_context(|| format!("can't find {}", path.display()))?;
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.with_context(|| format!("{} has no UTF-8 name", path.display()))?;
        let name = name.parse().map_err(|error| anyhow::anyhow!("the name of {} {error}", path.display()))?;
        let mut tree = Self { path: path.clone(), name, files: Vec::new(), empty: Vec::new() };
        tree.walk(&path)?;
        Ok(tree)
    }

    fn walk(&mut self, folder: &Path) -> anyhow::Result<()> {
        let entries = fs::read_dir(folder).with_context(|| format!("can't read {}", folder.display()))?;
        let mut entries = entries.collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        let mut is_empty = true;
        for entry in entries {
            let path = entry.path();
            let kind = entry.file_type()?;
            if kind.is_dir() {
                is_empty = false;
                self.walk(&path)?;
            } else if kind.is_file() {
                is_empty = false;
                let relative = self.relative(&path)?;
                self.files.push((path, relative));
            }
        }
        if is_empty && folder != self.path {
            let relative = self.relative(folder)?;
            let relative = relative.parse();
            self.empty
                .push(relative.map_err(|error| anyhow::anyhow!("the path of {} {error}", folder.display()))?);
        }
        Ok(())
    }

    fn relative(&self, path: &Path) -> anyhow::Result<String> {
        let relative = path.strip_prefix(&self.path).unwrap_or(path).to_str();
        Ok(relative.with_context(|| format!("{} has no UTF-8 name", path.display()))?.to_owned())
    }
}

/// What the journal keeps of a folder: the same key finds the same folder again.
#[derive(Serialize, Deserialize)]
struct Kept {
    key: ClientKey,
}

/// A folder that is on the server, whole or in part.
pub(crate) struct Sent {
    place: Place,
    made: FolderResponse,
    files: usize,
    empty: usize,
    bytes: u64,
}

/// What the server says that it has of a folder, beside what it should have.
#[derive(Debug, Serialize)]
pub(crate) struct Receipt {
    /// Where the folder is.
    pub(crate) path: PathBuf,
    /// Its link.
    pub(crate) url: Option<String>,
    /// Files that are there.
    pub(crate) files: u64,
    /// Files that should be.
    pub(crate) files_expected: usize,
    /// Empty folders that are there.
    pub(crate) folders: u64,
    /// Empty folders that should be.
    pub(crate) folders_expected: usize,
    /// Bytes that are there.
    pub(crate) bytes: u64,
    /// Bytes that should be.
    pub(crate) bytes_expected: u64,
}

impl Receipt {
    /// Whether everything is there.
    pub(crate) fn is_whole(&self) -> bool {
        (self.files, self.folders, self.bytes)
            == (self.files_expected as u64, self.folders_expected as u64, self.bytes_expected)
    }
}

/// The way to the server, and the owner whose folders they are.
pub(crate) struct Folders<'a> {
    state: &'a Path,
    line: &'a Line,
    credential: Bearer,
}

impl<'a> Folders<'a> {
    pub(crate) fn open(state: &'a Path, line: &'a Line) -> anyhow::Result<Self> {
        Ok(Self { state, line, credential: owner::owner_key(state, line, false)? })
    }

    /// Makes the folder, or finds the one that an earlier run began, and gives the files that it lacks. A file is there
    /// where size and mtime are the same.
    pub(crate) fn begin(&mut self, tree: Tree) -> anyhow::Result<(Sent, Vec<Job>)> {
        let place = Place::take(self.state, self.line.server(), &tree.path)?;
        let key = match place.load::<Kept>() {
            Some(kept) => kept.key,
            None => ClientKey::new(random()?),
        };
        place.save(Kept { key })?;
        let mut made = None;
        let pages = tree.empty.chunks(FOLDER_PATHS_MAX).map(<[_]>::to_vec);
        for folders in if tree.empty.is_empty() { vec![Vec::new()] } else { pages.collect() } {
            let request = FolderRequest { name: tree.name.clone(), key: Some(key), folders, link: None };
            made = Some(self.ask(|line, credential| {
                line.post::<FolderResponse>(Route::Folder.pattern(), credential, &request)
            })?);
        }
        let made = made.context("a folder is made with one request at least")?;
        let known = self.list(&made)?;
        let mut jobs = Vec::new();
        let (files, empty, mut bytes) = (tree.files.len(), tree.empty.len(), 0);
        for (path, relative) in tree.files {
            let mut source = put::source(&path, Some(relative))?;
            bytes += source.size;
            let is_there = source.path.as_ref().is_some_and(|relative| {
                known.get(relative) == Some(&(source.size, source.mtime)) && source.mtime.is_some()
            });
            if !is_there {
                source.folder = Some(made.folder);
                jobs.push(Job { path, source, handed: None });
            }
        }
        Ok((Sent { place, made, files, empty, bytes }, jobs))
    }

    /// Size and mtime of every file in a folder.
    fn list(&mut self, made: &FolderResponse) -> anyhow::Result<HashMap<RelPath, (u64, Option<UnixMs>)>> {
        let mut known = HashMap::new();
        let mut after = None;
        loop {
            let page = self.page(made, after.as_ref())?;
            let files = page.items.into_iter().filter(|item| item.kind == EntryKind::File);
            known.extend(files.filter_map(|item| Some((item.path, (item.size?, item.mtime)))));
            after = page.next;
            if after.is_none() {
                return Ok(known);
            }
        }
    }

    fn page(&mut self, made: &FolderResponse, after: Option<&RelPath>) -> anyhow::Result<FolderListResponse> {
        let mut path = route::folder(made.folder);
        if let Some(after) = after {
            let after =
                percent_encoding::utf8_percent_encode(after.as_str(), percent_encoding::NON_ALPHANUMERIC);
            path = format!("{path}?after={after}");
        }
        self.ask(|line, credential| line.get(&path, credential))
    }

    /// Asks the server what it has. What is whole is forgotten here: another run makes another folder.
    pub(crate) fn end(&mut self, path: &Path, sent: &Sent) -> anyhow::Result<Receipt> {
        let there = self.page(&sent.made, None)?;
        let receipt = Receipt {
            path: path.to_owned(),
            url: there.url.map(|url| self.line.absolute(&url)),
            files: there.files,
            files_expected: sent.files,
            folders: there.folders,
            folders_expected: sent.empty,
            bytes: there.bytes,
            bytes_expected: sent.bytes,
        };
        if receipt.is_whole() {
            sent.place.forget();
        }
        Ok(receipt)
    }

    /// Asks again while the server can't be reached, for a minute, and once with a fresh owner.
    fn ask<T>(&mut self, ask: impl Fn(&Line, Bearer) -> Result<T, Failure>) -> anyhow::Result<T> {
        let answer = patiently(self.line, || ask(self.line, self.credential), Failure::may_pass);
        match answer {
            Err(Failure::Problem(problem)) if problem.code == ProblemCode::CredentialUnknown => {
                self.credential = owner::owner_key(self.state, self.line, true)?;
                let again = patiently(self.line, || ask(self.line, self.credential), Failure::may_pass);
                self.line.explain(again)
            }
            answer => self.line.explain(answer),
        }
    }
}
