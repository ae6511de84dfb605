//! Folders on their way: the engine's, with files of this machine and a place in its journal.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cairn_engine::Failure;
use cairn_engine::folder::{
    Call, Config, Contents, Folder, FolderRecord, Found, LeftOut, Receipt, Reply, Why,
};
use cairn_shared::message::{FolderListResponse, FolderResponse};
use cairn_shared::route::{self, Route};
use cairn_shared::{Bearer, ClientKey, ProblemCode};
use serde::{Deserialize, Serialize};

use crate::journal::Place;
use crate::platform::{Clock, random, unix_now};
use crate::shell::{Job, LIVE_MAX, Line};
use crate::walk::{Walk, name};
use crate::{owner, say};

/// Whatever is missing, nobody is there to say what to do about it.
const CONFIG: Config = Config { loaded_max: LIVE_MAX, troubled_max: usize::MAX, unattended: true };

/// What the journal keeps of a folder: the same key finds the same folder again.
#[derive(Serialize, Deserialize)]
struct Kept {
    key: ClientKey,
}

/// A folder of this machine.
pub(crate) struct Tree {
    /// As it was given.
    pub(crate) path: PathBuf,
    /// Where it is.
    pub(crate) root: PathBuf,
    /// What becomes of it.
    pub(crate) folder: Folder<Job>,
    place: Place,
    follow: bool,
}

/// The way to the server, and the owner whose folders they are.
pub(crate) struct Folders<'a> {
    state: &'a Path,
    line: &'a Line,
    credential: Bearer,
    is_renewed: bool,
    clock: Clock,
}

impl<'a> Folders<'a> {
    pub(crate) fn open(state: &'a Path, line: &'a Line) -> anyhow::Result<Self> {
        let credential = owner::owner_key(state, line, false)?;
        Ok(Self { state, line, credential, is_renewed: false, clock: Clock::start() })
    }

    /// Walks a folder, and makes it on the server where there is something to send, or finds the one that an earlier run began.
    pub(crate) fn begin(&mut self, path: &Path, follow: bool) -> anyhow::Result<Result<Tree, Why>> {
        let root = match path.canonicalize() {
            Ok(root) => root,
            Err(error) => return Ok(Err(error.kind().into())),
        };
        let name = match name(&root) {
            Ok(name) => name,
            Err(why) => return Ok(Err(why)),
        };
        let Some(place) = Place::take(self.state, self.line.server(), None, &root)? else {
            return Ok(Err(Why::Elsewhere));
        };
        let kept = place.load::<Kept>();
        let is_new = kept.is_none();
        let key = match kept {
            Some(kept) => kept.key,
            None => ClientKey::new(random()?),
        };
        place.save(Kept { key })?;
        let record = FolderRecord::new(key, name);
        let mut folder = Folder::new(CONFIG, record, (!is_new).then(Vec::new));
        let Walk { files, empty, left_out } = Walk::below(&root, follow);
        let file = |(path, source)| Ok((Job { path, source, handed: None }, ClientKey::new(random()?)));
        let files = files.into_iter().map(file).collect::<anyhow::Result<_>>()?;
        folder.found(Found { files, empty, left_out });
        folder.walked(unix_now());
        let mut tree = Tree { path: path.to_owned(), root, folder, place, follow };
        self.ask_all(&mut tree.folder)?;
        // Files have places of their own.
        tree.folder.take_fresh();
        Ok(Ok(tree))
    }

    /// Compares what lies here now with what the server has. What is whole, or can't become any more so, is forgotten here: another
    /// run makes another folder.
    pub(crate) fn end(&mut self, tree: &mut Tree) -> anyhow::Result<Receipt> {
        if tree.folder.wants_look() {
            let (here, left_out) = Walk::below(&tree.root, tree.follow).contents();
            tree.folder.looked_again(here, left_out);
        }
        self.ask_all(&mut tree.folder)?;
        let receipt = tree.folder.receipt().cloned().unwrap_or_else(|| nothing(tree));
        if tree.folder.is_over() && receipt.is_final() {
            tree.place.forget();
        }
        let url = receipt.url.filter(|_| tree.folder.is_there()).map(|url| self.line.absolute(&url));
        Ok(Receipt { url, ..receipt })
    }

    /// Asks the server whatever the folder wants to know, until that waits for something else.
    fn ask_all(&mut self, folder: &mut Folder<Job>) -> anyhow::Result<()> {
        let mut told = None;
        loop {
            if let Some(call) = folder.poll_call(self.clock.now()) {
                let reply = self.ask(&call)?;
                let waits = reply.as_ref().err().filter(|failure| failure.may_pass());
                self.tell_wait(&mut told, waits.map(|failure| self.line.words(failure)));
                folder.reply(reply, self.clock.now());
            } else if let Some(at) = folder.poll_timeout() {
                std::thread::sleep(Duration::from_millis(at.saturating_sub(self.clock.now())));
            } else {
                return Ok(());
            }
        }
    }

    /// A line when a wait begins, and one when it ends.
    fn tell_wait(&self, told: &mut Option<String>, waits: Option<String>) {
        if let Some(why) = waits.as_ref().filter(|why| told.as_ref() != Some(why)) {
            say::notice(&format!("waiting: {why}"));
            say::progress(&format!("waiting: {why}"));
        } else if waits.is_none() && told.is_some() {
            say::notice(&format!("going on: {} answers again", self.line.server()));
        }
        *told = waits;
    }

    /// Asks, and once more with a fresh owner where the server does not know this one.
    fn ask(&mut self, call: &Call) -> anyhow::Result<Result<Reply, Failure>> {
        let reply = self.send(call);
        let is_unknown = matches!(&reply, Err(Failure::Problem(problem)) if problem.code == ProblemCode::CredentialUnknown);
        if !is_unknown || std::mem::replace(&mut self.is_renewed, true) {
            return Ok(reply);
        }
        self.credential = owner::owner_key(self.state, self.line, true)?;
        Ok(self.send(call))
    }

    fn send(&self, call: &Call) -> Result<Reply, Failure> {
        let credential = self.credential;
        match call {
            Call::Make(body) => {
                self.line.post::<FolderResponse>(Route::Folder.pattern(), credential, body).map(Reply::Made)
            }
            Call::List(folder, after) => {
                let path = route::folder_page(*folder, after.as_ref());
                self.line.get::<FolderListResponse>(&path, credential).map(Reply::Listed)
            }
            Call::Delete(folder) => {
                self.line.delete(&route::folder(*folder), credential).map(|()| Reply::Deleted)
            }
        }
    }
}

/// The receipt of a folder that the server has nothing of.
fn nothing(tree: &Tree) -> Receipt {
    let mut left_out = tree.folder.left_out();
    let refused = tree.folder.refused().map(|trouble| Why::Failed(trouble.clone()));
    left_out.extend(refused.map(|why| LeftOut { path: String::new(), why }));
    let receipt = Receipt::of(tree.folder.here(), &Contents::default(), &left_out, None);
    // Why the whole is not there need not be said of each file.
    Receipt { left_out, ..receipt }
}
