//! Folders against a simulated server and line: whatever happens, each entry arrives or is named.

#![cfg(not(target_arch = "wasm32"))]
#![expect(clippy::unwrap_used, reason = "a failing test panics")]

use std::collections::BTreeMap;

use cairn_engine::folder::{
    Call, Config, Contents, File, Folder, FolderRecord, Found, LeftOut, Reply, Stat, Why,
};
use cairn_engine::{Failure, JournalEntry, Now, Source, State, Trouble, UploadId, View};
use cairn_shared::limits::FOLDER_JSON_BYTES_MAX;
use cairn_shared::message::{EntryKind, FinishResponse, FolderEntry, FolderListResponse, FolderResponse};
use cairn_shared::{ClientKey, FileId, FolderId, ManifestDigest, Problem, ProblemCode, RelPath};
use proptest::collection::vec;
use proptest::prelude::*;

const WATCHED: Config = Config { loaded_max: 3, troubled_max: 2, unattended: false };
const ALONE: Config = Config { loaded_max: 3, troubled_max: usize::MAX, unattended: true };
/// Entries in one page of a listing.
const PAGE: usize = 2;

#[derive(Debug, Clone)]
struct Local(Source);

impl File for Local {
    fn source(&self) -> &Source {
        &self.0
    }

    fn source_mut(&mut self) -> &mut Source {
        &mut self.0
    }
}

fn file(path: &str, size: u64, mtime: u64) -> Local {
    let path: RelPath = path.parse().unwrap();
    let name = path.last().parse().unwrap();
    Local(Source { name, path: Some(path), folder: None, size, mtime: Some(mtime), media_type: None })
}

fn found(files: &[Local], empty: &[&str], left_out: &[LeftOut]) -> Found<Local> {
    let key = |number: usize| ClientKey::new([number as u8 + 100; 16]);
    Found {
        files: files.iter().cloned().enumerate().map(|(number, file)| (file, key(number))).collect(),
        empty: empty.iter().map(|path| path.parse().unwrap()).collect(),
        left_out: left_out.to_vec(),
    }
}

fn left(path: &str, why: Why) -> LeftOut {
    LeftOut { path: path.to_owned(), why }
}

fn new(config: Config) -> Folder<Local> {
    Folder::new(config, FolderRecord::new(ClientKey::new([1; 16]), "folder".parse().unwrap()), None)
}

fn view(source: &Source, state: State) -> View {
    let finished = (state == State::Done).then(|| FinishResponse {
        file: FileId::new([2; 16]),
        manifest_digest: ManifestDigest::new([0; 32]),
        blob: None,
        url: None,
    });
    View {
        path: source.path.clone(),
        trouble: (state == State::Failed).then_some(Trouble::KeepsChanging),
        finished,
        ..View::of(source.name.clone(), source.size, state)
    }
}

/// What the server has, and what it was asked.
#[derive(Default)]
struct World {
    there: Option<Contents>,
    asked: Vec<Call>,
    /// Answers in place of its own, one after the other.
    failures: Vec<Failure>,
    /// Paths that are taken by something else.
    taken: Vec<RelPath>,
    /// Files that can't be sent.
    broken: Vec<&'static str>,
    uploads: u32,
    /// What could not be sent, with its path.
    failed: Vec<(UploadId, String)>,
    sent: Vec<String>,
    now: Now,
}

impl World {
    fn answer(&mut self, call: &Call) -> Result<Reply, Failure> {
        let id = FolderId::new([3; 16]);
        if !self.failures.is_empty() {
            return Err(self.failures.remove(0));
        }
        match call {
            Call::Make(request) => {
                assert!(serde_json::to_vec(request).unwrap().len() <= FOLDER_JSON_BYTES_MAX);
                if request.folders.iter().any(|path| self.taken.contains(path)) {
                    let problem = Problem::new(ProblemCode::PathTaken, "taken");
                    return Err(Failure::Problem(Box::new(problem)));
                }
                let there = self.there.get_or_insert_default();
                there.folders.extend(request.folders.iter().cloned());
                Ok(Reply::Made(FolderResponse { folder: id, revision: 1, url: None }))
            }
            Call::List(folder, after) => {
                assert_eq!(*folder, id);
                Ok(Reply::Listed(self.page(after.as_ref())))
            }
            Call::Delete(_) => {
                self.there = None;
                Ok(Reply::Deleted)
            }
        }
    }

    fn page(&self, after: Option<&RelPath>) -> FolderListResponse {
        let there = self.there.clone().unwrap();
        let files = there.files.iter().map(|(path, stat)| (path, Some(stat)));
        let all: BTreeMap<_, _> = files.chain(there.folders.iter().map(|path| (path, None))).collect();
        let item = |(path, stat): (&RelPath, Option<&Stat>)| FolderEntry {
            path: path.clone(),
            kind: if stat.is_some() { EntryKind::File } else { EntryKind::Folder },
            revision: 1,
            file: None,
            size: stat.map(|stat| stat.size),
            mtime: stat.and_then(|stat| stat.mtime),
            media_type: None,
            manifest_digest: None,
            blob: None,
        };
        let mut items: Vec<_> =
            all.into_iter().filter(|(path, _)| after.is_none_or(|after| *path > after)).map(item).collect();
        let has_more = items.len() > PAGE;
        items.truncate(PAGE);
        FolderListResponse {
            folder: FolderId::new([3; 16]),
            name: "folder".parse().unwrap(),
            revision: 1,
            url: Some("/d/token".to_owned()),
            files: there.files.len() as u64,
            folders: there.folders.len() as u64,
            bytes: there.bytes(),
            next: items.last().filter(|_| has_more).map(|item| item.path.clone()),
            items,
        }
    }

    /// Carries out what the folder asks for until nothing is left but waits for a person.
    fn run(&mut self, folder: &mut Folder<Local>) {
        loop {
            let mut moved = false;
            while let Some(call) = folder.poll_call(self.now) {
                moved = true;
                self.asked.push(call.clone());
                let reply = self.answer(&call);
                folder.reply(reply, self.now);
            }
            while let Some(waiting) = folder.next_file(UploadId(self.uploads)) {
                moved = true;
                let upload = UploadId(self.uploads);
                self.uploads += 1;
                self.send(folder, upload, &waiting.file.0);
            }
            match folder.poll_timeout() {
                Some(at) => self.now = at,
                None if !moved => return,
                None => {}
            }
        }
    }

    fn send(&mut self, folder: &mut Folder<Local>, upload: UploadId, source: &Source) {
        assert_eq!(source.folder, Some(FolderId::new([3; 16])));
        let path = source.path.clone().unwrap();
        if self.broken.contains(&path.as_str()) {
            folder.looks(upload, view(source, State::Failed));
            self.failed.push((upload, path.as_str().to_owned()));
            return;
        }
        self.sent.push(path.as_str().to_owned());
        self.there.get_or_insert_default().files.insert(path, Stat::from(source));
        folder.settle(upload, &view(source, State::Done));
    }
}

#[test]
fn a_folder_arrives_whole() {
    for config in [WATCHED, ALONE] {
        let (mut world, mut folder) = (World::default(), new(config));
        assert_eq!(folder.poll_call(0), None, "nothing to make it for yet");
        let files: Vec<_> = (0..10).map(|number| file(&format!("a/{number}"), number, number)).collect();
        folder.found(found(&files, &["empty"], &[]));
        world.run(&mut folder);
        assert_eq!(world.sent.len(), 10, "while it is walked");
        folder.walked(7);
        world.run(&mut folder);
        if folder.wants_look() {
            folder.looked_again(world.there.clone().unwrap(), Vec::new());
            world.run(&mut folder);
        }
        let receipt = folder.receipt().unwrap();
        assert!(folder.is_over() && receipt.is_whole());
        assert_eq!((receipt.files, receipt.folders, receipt.bytes), (10, 1, 45));
        let view = folder.view(0);
        assert_eq!((view.state, view.done, view.files, view.lost), (State::Done, 10, 10, 0));
        assert_eq!(view.url.as_deref(), Some("/d/token"));
        assert_eq!(folder.record().walked_at, Some(7));
    }
}

#[test]
fn an_empty_folder_is_a_folder() {
    let (mut world, mut folder) = (World::default(), new(WATCHED));
    folder.walked(1);
    world.run(&mut folder);
    assert!(folder.is_over() && folder.receipt().unwrap().is_whole() && world.there.is_some());
}

/// What lies there has the same size and date; the rest goes, however old it is.
#[test]
fn what_the_server_lists_decides_what_is_sent() {
    let there = [file("done", 1, 5), file("edited", 1, 5), file("half", 4, 4)];
    let mut world = World { there: Some(Contents::default()), ..World::default() };
    let listed = there[..2].iter().map(|file| (file.0.path.clone().unwrap(), Stat::from(&file.0)));
    world.there.as_mut().unwrap().files.extend(listed);
    let half = JournalEntry::fresh(ClientKey::new([7; 16]), &there[2].0);
    let record = FolderRecord {
        files: 3,
        size: 6,
        walked_at: Some(1_000),
        ..FolderRecord::new(ClientKey::new([1; 16]), "folder".parse().unwrap())
    };
    let mut folder = Folder::new(WATCHED, record, Some(vec![half.clone()]));
    assert_eq!((folder.view(0).done, folder.view(0).stored), (2, 2), "as before, until it is known better");
    let now =
        [file("done", 1, 5), file("edited", 1, 6), file("half", 4, 4), file("late", 3, 2), file("old", 3, 0)];
    folder.found(found(&now, &[], &[]));
    assert!(folder.next_file(UploadId(99)).is_none(), "before the list is there nobody knows");
    world.run(&mut folder);
    let fresh: Vec<_> = folder.take_fresh().into_iter().map(|entry| entry.name.to_string()).collect();
    assert_eq!(fresh, ["edited", "late", "old"]);
    folder.walked(2_000);
    world.run(&mut folder);
    assert_eq!(world.sent, ["edited", "half", "late", "old"]);
    assert!(folder.is_over() && folder.receipt().unwrap().is_whole());
    let view = folder.view(0);
    assert_eq!((view.done, view.files, view.size), (5, 5, 12));
}

#[test]
fn where_nothing_can_be_sent_no_folder_is_made() {
    let lefts = [left("l", Why::Link), left("p", Why::Pipe)];
    for config in [WATCHED, ALONE] {
        let (mut world, mut folder) = (World::default(), new(config));
        folder.found(found(&[], &[], &lefts));
        folder.walked(1);
        world.run(&mut folder);
        assert!(world.asked.is_empty());
        assert_eq!(folder.left_out(), lefts);
        assert_eq!(folder.is_over(), config.unattended);
        assert_eq!(folder.view(0).lost, 2);
    }
}

#[test]
fn where_nothing_arrived_no_folder_stays() {
    let mut world = World { broken: vec!["a", "b"], ..World::default() };
    let mut folder = new(WATCHED);
    folder.found(found(&[file("a", 1, 1), file("b", 1, 1)], &[], &[]));
    folder.walked(1);
    world.run(&mut folder);
    assert_eq!(folder.view(0).state, State::Failed);
    assert_eq!(folder.do_without().1.len(), 2);
    world.run(&mut folder);
    assert!(folder.is_over() && world.there.is_none());
    assert!(matches!(world.asked.last(), Some(Call::Delete(_))));
    let lefts = folder.receipt().unwrap().left_out.clone();
    assert_eq!(lefts, ["a", "b"].map(|path| left(path, Why::Failed(Trouble::KeepsChanging))));
    assert_eq!(folder.view(0).state, State::NeedsFile, "it is not done");
}

#[test]
fn one_bad_entry_is_named_and_the_rest_arrives() {
    let mut world = World { taken: vec!["e/70".parse().unwrap()], ..World::default() };
    let mut folder = new(ALONE);
    let empty: Vec<_> = (0..100).map(|number| format!("e/{number}")).collect();
    let empty: Vec<_> = empty.iter().map(String::as_str).collect();
    folder.found(found(&[file("a", 1, 1), file("b", 1, 1)], &empty, &[left("x", Why::Denied)]));
    folder.walked(1);
    while let Some(call) = folder.poll_call(0) {
        let reply = world.answer(&call);
        folder.reply(reply, 0);
    }
    let first = folder.next_file(UploadId(0)).unwrap();
    folder.give_up(UploadId(0), left("a", Why::Vanished));
    assert_eq!(first.file.0.name.as_str(), "a");
    world.run(&mut folder);
    assert!(folder.wants_look());
    let mut here = world.there.clone().unwrap();
    here.folders.insert("e/70".parse().unwrap());
    here.files.insert("late".parse().unwrap(), Stat { size: 1, mtime: Some(1) });
    folder.looked_again(here, vec![left("x", Why::Denied)]);
    world.run(&mut folder);
    let receipt = folder.receipt().unwrap();
    let taken = Why::Failed(Trouble::Problem(ProblemCode::PathTaken));
    let expected =
        [left("a", Why::Vanished), left("e/70", taken), left("late", Why::Missing), left("x", Why::Denied)];
    assert_eq!(receipt.left_out, expected);
    assert_eq!((receipt.files, receipt.folders), (1, 99));
    assert!(folder.is_over() && !receipt.is_whole());
}

#[test]
fn long_paths_of_empty_folders_go_in_pages_that_the_server_takes() {
    let above = ["x".repeat(180), "y".repeat(180), "z".repeat(180)].join("/");
    let empty: Vec<_> = (0..1_000).map(|number| format!("{above}/{number}")).collect();
    let empty: Vec<_> = empty.iter().map(String::as_str).collect();
    let (mut world, mut folder) = (World::default(), new(WATCHED));
    folder.found(found(&[], &empty, &[]));
    folder.walked(1);
    world.run(&mut folder);
    assert!(folder.is_over() && folder.receipt().unwrap().folders == 1_000);
}

#[test]
fn what_may_pass_is_asked_again_and_what_does_not_waits_for_a_person() {
    let busy = Failure::Status { status: 503, retry_after_seconds: Some(9) };
    let no = Failure::Problem(Box::new(Problem::new(ProblemCode::GuestsOff, "no")));
    let mut world = World { failures: vec![Failure::Network, busy, no], ..World::default() };
    let mut folder = new(WATCHED);
    folder.found(found(&[file("a", 1, 1)], &[], &[]));
    let call = folder.poll_call(0).unwrap();
    let reply = world.answer(&call);
    folder.reply(reply, 0);
    let view = folder.view(0);
    let waits = (view.state, view.trouble, view.retry_at);
    assert_eq!(waits, (State::Offline, Some(Trouble::Network), Some(2_000)));
    folder.pause();
    assert_eq!((folder.view(0).state, folder.view(0).trouble), (State::Paused, None));
    folder.resume(0);
    world.run(&mut folder);
    assert_eq!(world.now, 11_000);
    let view = folder.view(0);
    let refused = Some(Trouble::Problem(ProblemCode::GuestsOff));
    assert_eq!((view.state, view.trouble), (State::Failed, refused));
    folder.walked(1);
    folder.resume(0);
    world.run(&mut folder);
    assert_eq!(folder.view(0).state, State::Done);
}

#[test]
fn ends_without_what_is_missing_once_nothing_else_goes_on() {
    for state in [State::Sending, State::Waiting, State::Offline, State::Failed, State::NeedsFile] {
        let gone = JournalEntry::fresh(ClientKey::new([2; 16]), &file("gone", 5, 1).0);
        let record = FolderRecord::new(ClientKey::new([1; 16]), "folder".parse().unwrap());
        let mut folder = Folder::new(WATCHED, record, Some(vec![gone.clone()]));
        let mut world = World::default();
        folder.found(found(&[file("there", 3, 1), file("one", 10, 1)], &[], &[]));
        folder.walked(1);
        while let Some(call) = folder.poll_call(0) {
            let reply = world.answer(&call);
            folder.reply(reply, 0);
        }
        let there = folder.next_file(UploadId(1)).unwrap();
        world.send(&mut folder, UploadId(1), &there.file.0);
        let one = folder.next_file(UploadId(2)).unwrap();
        folder.looks(UploadId(2), view(&one.file.0, state));
        let rests = matches!(state, State::Failed | State::NeedsFile);
        let view = folder.view(0);
        assert_eq!((view.can_do_without, view.files, view.size), (rests, 3, 18), "{state:?}");
        if !rests {
            assert_eq!(folder.do_without(), (Vec::new(), Vec::new()));
            continue;
        }
        assert_eq!(folder.do_without(), (vec![gone], vec![UploadId(2)]));
        let view = folder.view(0);
        assert_eq!((view.files, view.size, view.lost, view.failed), (1, 3, 0, 0));
        assert_eq!(view.state, State::Verifying);
        world.run(&mut folder);
        assert_eq!(folder.view(0).state, State::Done);
    }
}

#[test]
fn failures_of_many_files_hold_the_rest_back() {
    let mut world = World { broken: vec!["0", "1", "2", "3"], ..World::default() };
    let mut folder = new(WATCHED);
    let files: Vec<_> = (0..6).map(|number| file(&number.to_string(), 1, 1)).collect();
    folder.found(found(&files, &[], &[]));
    folder.walked(1);
    world.run(&mut folder);
    assert_eq!((folder.view(0).failed, folder.view(0).done, folder.view(0).files), (2, 0, 6));
    // Whoever does without them has the rest go on.
    assert!(folder.view(0).can_do_without);
    assert_eq!(folder.do_without().1.len(), 2);
    world.run(&mut folder);
    assert_eq!((folder.view(0).failed, folder.view(0).done, folder.view(0).files), (2, 0, 4));
    world.broken.clear();
    for upload in folder.resume(0) {
        world.send(&mut folder, upload, &{
            let mut source = files[upload.0 as usize].0.clone();
            source.folder = Some(FolderId::new([3; 16]));
            source
        });
    }
    world.run(&mut folder);
    assert_eq!(folder.view(0).state, State::Done);
}

#[test]
fn what_the_server_lacks_at_the_end_is_told_before_it_is_done() {
    let (mut world, mut folder) = (World::default(), new(WATCHED));
    folder.found(found(&[file("a", 1, 1), file("b", 1, 1)], &[], &[]));
    world.run(&mut folder);
    world.there.as_mut().unwrap().files.remove(&"b".parse::<RelPath>().unwrap());
    folder.walked(1);
    world.run(&mut folder);
    let view = folder.view(0);
    assert_eq!((view.state, view.lost, view.can_do_without), (State::NeedsFile, 1, true));
    assert_eq!(folder.left_out(), [left("b", Why::Missing)]);
    folder.do_without();
    world.run(&mut folder);
    assert_eq!((folder.view(0).state, folder.view(0).done), (State::Done, 1));
}

#[test]
fn two_files_never_fall_on_one_path() {
    let (mut world, mut folder) = (World::default(), new(WATCHED));
    folder.found(found(&[file("a_b", 1, 1), file("a_b", 2, 2)], &[], &[]));
    folder.walked(1);
    world.run(&mut folder);
    assert_eq!((world.sent.len(), folder.left_out()), (1, vec![left("a_b", Why::Twice)]));
}

/// What becomes of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Arrives,
    /// It can't be sent, or something else lies there.
    Fails,
    /// It is there from an earlier visit.
    IsThere,
    /// The walk can't take it.
    LeftOut,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        4 => Just(Fate::Arrives),
        1 => Just(Fate::Fails),
        1 => Just(Fate::IsThere),
        1 => Just(Fate::LeftOut),
    ]
}

fn failure() -> impl Strategy<Value = Failure> {
    prop_oneof![
        Just(Failure::Network),
        Just(Failure::Status { status: 503, retry_after_seconds: Some(3) }),
        Just(Failure::Status { status: 429, retry_after_seconds: None }),
    ]
}

proptest! {
    /// What arrived and what was named is everything, whatever happens to whichever entry.
    #[test]
    fn each_entry_arrives_or_is_named(
        files in vec(fate(), 0..12),
        empty in vec(fate(), 0..8),
        failures in vec(failure(), 0..4),
        is_alone: bool,
        is_new: bool,
    ) {
        let name = |kind: &str, number: usize| format!("{kind}/{number}");
        let record = FolderRecord::new(ClientKey::new([1; 16]), "folder".parse().unwrap());
        let config = if is_alone { ALONE } else { WATCHED };
        let mut folder = Folder::new(config, record, (!is_new).then(Vec::new));
        let mut world = World { failures, ..World::default() };
        let (mut taken, mut all) = (found(&[], &[], &[]), Vec::new());
        for (number, fate) in files.iter().enumerate() {
            let path = name("f", number);
            all.push(path.clone());
            let local = file(&path, number as u64, 7);
            match fate {
                Fate::Arrives => {}
                Fate::Fails => world.broken.push(path.clone().leak()),
                Fate::IsThere if is_new => {}
                Fate::IsThere => {
                    let there = world.there.get_or_insert_default();
                    there.files.insert(path.parse().unwrap(), Stat::from(&local.0));
                }
                Fate::LeftOut => {
                    taken.left_out.push(left(&path, Why::Denied));
                    continue;
                }
            }
            taken.files.push((local, ClientKey::new([number as u8; 16])));
        }
        for (number, fate) in empty.iter().enumerate() {
            let path = name("e", number);
            all.push(path.clone());
            match fate {
                Fate::Fails => world.taken.push(path.parse().unwrap()),
                Fate::LeftOut => {
                    taken.left_out.push(left(&path, Why::TooDeep));
                    continue;
                }
                Fate::Arrives | Fate::IsThere => {}
            }
            taken.empty.push(path.parse().unwrap());
        }
        let (mut here, lefts) = (Contents::default(), taken.left_out.clone());
        here.folders.extend(taken.empty.iter().cloned());
        let lies = |file: &(Local, ClientKey)| (file.0.0.path.clone().unwrap(), Stat::from(&file.0.0));
        here.files.extend(taken.files.iter().map(lies));
        folder.found(taken);
        folder.walked(1);
        // A person does without what fails; a shell alone gives it up.
        for _ in 0..40 {
            world.run(&mut folder);
            for upload in std::mem::take(&mut world.failed) {
                if is_alone {
                    folder.give_up(upload.0, left(&upload.1, Why::Unreadable));
                }
            }
            if folder.wants_look() {
                folder.looked_again(here.clone(), lefts.clone());
            }
            if !is_alone {
                folder.do_without();
            }
        }
        let named = folder.left_out();
        let there = world.there.clone().unwrap_or_default();
        for path in &all {
            let path: RelPath = path.parse().unwrap();
            let arrived = there.files.contains_key(&path) || there.folders.contains(&path);
            let is_named = named.iter().any(|left| left.path == path.as_str());
            prop_assert!(arrived != is_named, "{path:?}: {arrived} {is_named}");
        }
        let is_whole = folder.receipt().is_some_and(|receipt| receipt.is_whole());
        prop_assert_eq!(is_whole, named.is_empty());
        prop_assert!(world.there.is_none_or(|there| all.is_empty() || !there.is_empty()), "nothing stays of nothing");
    }
}
