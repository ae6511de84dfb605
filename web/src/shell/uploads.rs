//! What the shell itself has to remember of its uploads.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use cairn_engine::{Effect, Input, JournalEntry, RequestId, Source, UploadId, View};
use cairn_shared::{Bearer, ClientKey, RelPath, SessionId};

use crate::platform::handle::Handle;
use crate::platform::http::Abort;

/// Fresh looks at a file that changes while it is read; then a person has to choose it again.
const LOOKS_MAX: u32 = 5;

/// The shell's own notes; the engine knows everything else.
#[derive(Default)]
pub(super) struct Uploads {
    next: u32,
    /// The uploads whose file the worker keeps.
    open: HashMap<UploadId, Source>,
    keys: HashMap<UploadId, ClientKey>,
    /// Ways to a fresh look at a file, with how often one was taken.
    handles: HashMap<UploadId, (Handle, u32)>,
    sessions: HashMap<UploadId, SessionId>,
    session_keys: HashMap<SessionId, Bearer>,
    calls: HashMap<RequestId, Abort>,
    /// Whom a reply of the worker's concerns.
    sends: HashMap<RequestId, UploadId>,
    /// One of those whose chunks a worker sends together.
    batches: HashMap<RequestId, UploadId>,
    changed: BTreeSet<UploadId>,
    /// What there is to see of uploads that the engine does not know yet, or any more.
    told: BTreeMap<UploadId, View>,
    /// Those that wait for another tab, and for what.
    elsewhere: HashMap<UploadId, ClientKey>,
}

impl Uploads {
    /// Numbers a new upload.
    pub(super) fn number(&mut self) -> UploadId {
        self.next += 1;
        UploadId(self.next)
    }

    /// Remembers an upload's file.
    pub(super) fn open(&mut self, upload: UploadId, source: Source, handle: Option<&Handle>, key: ClientKey) {
        self.reopen(upload, source, handle);
        self.keys.insert(upload, key);
    }

    /// Puts a file in place of the upload's earlier one.
    pub(super) fn reopen(&mut self, upload: UploadId, source: Source, handle: Option<&Handle>) {
        self.open.insert(upload, source);
        if let Some(handle) = handle {
            let looks = self.handles.get(&upload).map_or(0, |(_, looks)| *looks);
            self.handles.insert(upload, (handle.clone(), looks));
        }
    }

    /// The way to a fresh look at the upload's file; not for ever, as a file may keep changing.
    pub(super) fn look_again(&mut self, upload: UploadId) -> Option<Handle> {
        let (handle, looks) = self.handles.get_mut(&upload)?;
        *looks += 1;
        (*looks <= LOOKS_MAX).then(|| handle.clone())
    }

    /// What the journal can keep of the upload's file.
    pub(super) fn handle(&self, upload: UploadId) -> Option<Handle> {
        self.handles.get(&upload).map(|(handle, _)| handle.clone())
    }

    /// Where the upload's file lay below the chosen folder.
    pub(super) fn path(&self, upload: UploadId) -> Option<RelPath> {
        self.open.get(&upload)?.path.clone()
    }

    /// False where it was closed before.
    pub(super) fn close(&mut self, upload: UploadId) -> bool {
        self.handles.remove(&upload);
        self.open.remove(&upload).is_some()
    }

    /// Whether it is not over, and not given up.
    pub(super) fn is_open(&self, upload: UploadId) -> bool {
        self.open.contains_key(&upload)
    }

    /// Those of the uploads that are not over, with their files, in the order in which they were begun.
    pub(super) fn opened_that(&self, fits: impl Fn(UploadId) -> bool) -> Vec<(UploadId, Source)> {
        let fitting = self.open.iter().filter(|(upload, _)| fits(**upload));
        let mut opened: Vec<_> = fitting.map(|(upload, source)| (*upload, source.clone())).collect();
        opened.sort_by_key(|(upload, _)| *upload);
        opened
    }

    /// Whether anything is not over.
    pub(super) fn any_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Remembers whose entry it is.
    pub(super) fn name_key(&mut self, upload: UploadId, key: ClientKey) {
        self.keys.insert(upload, key);
    }

    /// The journal entries that uploads of this tab have.
    pub(super) fn keys(&self) -> HashSet<ClientKey> {
        self.keys.values().copied().collect()
    }

    /// Whether an upload of this tab has that journal entry.
    pub(super) fn has_key(&self, key: ClientKey) -> bool {
        self.keys.values().any(|known| *known == key)
    }

    /// Remembers whose entry it is, and the key to its session; gives the key of another entry that it replaces.
    pub(super) fn keep_entry(&mut self, upload: UploadId, entry: &JournalEntry) -> Option<ClientKey> {
        let earlier = self.keys.insert(upload, entry.key);
        if let Some(session) = &entry.session {
            self.keep_session_key(upload, session.id, session.key);
        }
        earlier.filter(|earlier| *earlier != entry.key)
    }

    /// The upload's journal key, for the last time.
    pub(super) fn take_key(&mut self, upload: UploadId) -> Option<ClientKey> {
        self.keys.remove(&upload)
    }

    /// An upload begins or ends to wait for another tab; gives all that do.
    pub(super) fn wait_elsewhere(&mut self, upload: UploadId, key: Option<ClientKey>) -> HashSet<UploadId> {
        self.elsewhere.remove(&upload);
        self.elsewhere.extend(key.map(|key| (upload, key)));
        self.elsewhere.keys().copied().collect()
    }

    /// Whether that upload waits for another tab.
    pub(super) fn is_elsewhere(&self, upload: UploadId) -> bool {
        self.elsewhere.contains_key(&upload)
    }

    /// Whether an upload waits for another tab to let go of that.
    pub(super) fn awaits(&self, key: ClientKey) -> bool {
        self.elsewhere.values().any(|awaited| *awaited == key)
    }

    /// Remembers the key to an upload's session.
    pub(super) fn keep_session_key(&mut self, upload: UploadId, session: SessionId, key: Bearer) {
        self.sessions.insert(upload, session);
        self.session_keys.insert(session, key);
    }

    /// The upload is through, and nothing is asked of its session any more.
    pub(super) fn forget_session(&mut self, upload: UploadId) {
        if let Some(session) = self.sessions.remove(&upload) {
            self.session_keys.remove(&session);
        }
    }

    /// The session is given up.
    pub(super) fn forget_session_key(&mut self, session: SessionId) {
        self.session_keys.remove(&session);
        self.sessions.retain(|_, known| *known != session);
    }

    /// The key to a session: it outlives the owner key.
    pub(super) fn session_key(&self, session: SessionId) -> Option<Bearer> {
        self.session_keys.get(&session).copied()
    }

    /// Remembers how to break a call off.
    pub(super) fn keep_call(&mut self, request: RequestId, abort: Abort) {
        self.calls.insert(request, abort);
    }

    /// The call is over; false where it was broken off.
    pub(super) fn end_call(&mut self, request: RequestId) -> bool {
        self.calls.remove(&request).is_some()
    }

    /// Breaks a call off, unless it is one of a worker's: then it gives the upload that the worker sends for.
    pub(super) fn abort_call(&mut self, request: RequestId) -> Option<UploadId> {
        self.calls.remove(&request);
        self.sends.remove(&request).or_else(|| self.batches.remove(&request))
    }

    /// The requests by which a worker sends chunks of those together with others.
    pub(super) fn batches_of(&self, uploads: impl Iterator<Item = UploadId>) -> Vec<RequestId> {
        let uploads: HashSet<UploadId> = uploads.collect();
        let batches = self.batches.iter().filter(|(_, upload)| uploads.contains(upload));
        batches.map(|(request, _)| *request).collect()
    }

    /// Notes which uploads an input can change.
    pub(super) fn note_input(&mut self, input: &Input) {
        match input {
            Input::Add { upload, .. }
            | Input::Source { upload, .. }
            | Input::Pause(upload)
            | Input::Resume(upload)
            | Input::Cancel(upload)
            | Input::Dismiss(upload)
            | Input::Chunks { upload, .. }
            | Input::Proven { upload, .. }
            | Input::PassEnd { upload, .. }
            | Input::PassFailed { upload, .. } => {
                self.changed.insert(*upload);
            }
            Input::Reply { request, .. } => {
                // Replies to calls are noted where the call is made.
                self.changed.extend(self.sends.remove(request));
                if self.batches.remove(request).is_some() {
                    self.note_all();
                }
            }
            Input::Online(_) | Input::Limit(_) | Input::Tick => self.changed.extend(self.open.keys()),
        }
    }

    /// Notes which upload an effect belongs to: what it does shows.
    pub(super) fn note_effect(&mut self, effect: &Effect) {
        match effect {
            Effect::Send { request, upload, .. } => {
                self.sends.insert(*request, *upload);
                self.changed.insert(*upload);
            }
            Effect::SendBatch { request, chunks } => {
                self.batches.extend(chunks.first().map(|chunk| (*request, chunk.upload)));
                self.changed.extend(chunks.iter().map(|chunk| chunk.upload));
            }
            // Its items belong to many uploads, whose answers show.
            Effect::Batch { .. } => {}
            Effect::Request { upload, .. }
            | Effect::Read { upload, .. }
            | Effect::Prove { upload, .. }
            | Effect::Release { upload, .. }
            | Effect::EndPass { upload, .. }
            | Effect::Save { upload, .. }
            | Effect::Forget(upload) => {
                self.changed.insert(*upload);
            }
            Effect::Abort(_) => {}
        }
    }

    /// Notes that all may look different.
    pub(super) fn note_all(&mut self) {
        self.changed.extend(self.open.keys());
    }

    /// Notes that an upload may look different.
    pub(super) fn note(&mut self, upload: UploadId) {
        self.changed.insert(upload);
    }

    /// An upload that the engine does not know looks so from now on.
    pub(super) fn tell(&mut self, upload: UploadId, view: View) {
        self.told.insert(upload, view);
    }

    /// An upload that the engine has not met is nobody's any more.
    pub(super) fn give_up(&mut self, upload: UploadId) {
        self.told.remove(&upload);
        self.keys.remove(&upload);
    }

    /// How uploads look that the engine does not know, since the last time.
    pub(super) fn take_told(&mut self) -> BTreeMap<UploadId, View> {
        std::mem::take(&mut self.told)
    }

    /// Whether anything may look different.
    pub(super) fn any_changed(&self) -> bool {
        !self.changed.is_empty() || !self.told.is_empty()
    }

    /// What may look different since the last time.
    pub(super) fn take_changed(&mut self) -> BTreeSet<UploadId> {
        std::mem::take(&mut self.changed)
    }
}
