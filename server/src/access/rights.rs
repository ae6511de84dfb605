//! Permissions as types: a service that takes one can't be called without the check.

use cairn_shared::id::ID_BYTES;
use cairn_shared::{
    Bearer, FileId, FolderId, LinkId, LinkToken, OwnerId, ProblemCode, RelPath, SessionId, UnixMs,
};
use cairn_store::model::{File, Folder, Given, Session, Target};
use cairn_store::{Conflict, MetaStore, StoreError};
use subtle::ConstantTimeEq;

use super::credential::{Asker, Credential, missing, unknown};
use super::local::Place;
use super::scope::Scope;
use super::secret::sha256;
use crate::cairn::Cairn;
use crate::refusal::{Answer, Refusal};

/// Permits to begin something new: an owner, a session.
pub(crate) struct StartRight {
    owner: Option<OwnerId>,
    is_guest: bool,
}

impl StartRight {
    /// Whose the new session is; `None`: it gets an owner of its own.
    pub(crate) fn owner(&self) -> Option<OwnerId> {
        self.owner
    }

    /// Whether whoever begins it is a guest, who may keep no more than guests may.
    pub(crate) fn is_guest(&self) -> bool {
        self.is_guest
    }
}

/// Permits everything about one session.
pub(crate) struct UploadRight {
    session: Session,
    scope: Scope,
}

impl UploadRight {
    /// The session as it was when permission was given.
    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// Whose chunks need not be sent.
    pub(crate) fn scope(&self) -> Scope {
        self.scope
    }
}

/// Permits what an owner may do with what is his.
pub(crate) struct OwnerRight {
    owner: OwnerId,
}

impl OwnerRight {
    /// Whose right it is.
    pub(crate) fn owner(&self) -> OwnerId {
        self.owner
    }
}

/// Permits to ask whether a file is here.
pub(crate) struct FindRight {
    owner: OwnerId,
    scope: Scope,
}

impl FindRight {
    /// Who asks.
    pub(crate) fn owner(&self) -> OwnerId {
        self.owner
    }

    /// Of whose files he may know.
    pub(crate) fn scope(&self) -> Scope {
        self.scope
    }
}

/// Permits to change or delete one file.
pub(crate) struct FileRight {
    file: FileId,
}

impl FileRight {
    /// The file, which may be deleted already.
    pub(crate) fn file(&self) -> FileId {
        self.file
    }
}

/// Permits to list or delete one folder.
pub(crate) struct FolderRight {
    folder: FolderId,
}

impl FolderRight {
    /// The folder, which may be deleted already.
    pub(crate) fn folder(&self) -> FolderId {
        self.folder
    }
}

/// Permits to make links to one file or folder.
pub(crate) struct TargetRight {
    target: Target,
    owner: OwnerId,
}

impl TargetRight {
    /// What the links give.
    pub(crate) fn target(&self) -> Target {
        self.target
    }

    /// Whose it is.
    pub(crate) fn owner(&self) -> OwnerId {
        self.owner
    }
}

/// Permits to end one link.
pub(crate) struct LinkEnd {
    link: LinkId,
}

impl LinkEnd {
    /// The link, which may be ended already.
    pub(crate) fn link(&self) -> LinkId {
        self.link
    }
}

/// Permits to read one file, through a link.
pub(crate) struct LinkRight {
    file: File,
    link: LinkId,
}

impl LinkRight {
    /// The file that the link gives.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// For whoever gives the bytes for longer than one look is good for.
    pub(crate) fn lasting(&self) -> Lasting {
        Lasting { link: self.link, file: self.file.id }
    }
}

/// A right to read that is looked at again and again while it is used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lasting {
    link: LinkId,
    file: FileId,
}

impl Lasting {
    /// `NotFound` once the link is revoked or over time, or its file or folder is deleted.
    pub(crate) async fn look(self, meta: &dyn MetaStore, now: UnixMs) -> Result<(), StoreError> {
        match meta.still_linked(self.link, self.file).await? {
            Some(link) if link.is_live(now) => Ok(()),
            Some(_) | None => Err(Conflict::NotFound.into()),
        }
    }
}

/// Permits to see what is in one folder, through a link.
pub(crate) struct TreeRight {
    folder: Folder,
    link: LinkId,
}

impl TreeRight {
    /// The folder that the link gives.
    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }
}

/// What a link permits.
pub(crate) enum Opened {
    /// To read one file.
    File(LinkRight),
    /// To look around in a folder.
    Folder(TreeRight),
}

/// Anybody on a local server, guests where the setting lets them.
pub(crate) fn start_right(cairn: &Cairn, asker: &Asker) -> Answer<StartRight> {
    let owner = match asker.credential {
        Credential::None => None,
        Credential::Owner(owner) => Some(owner),
        Credential::Session(_) => return Err(unknown()),
    };
    match asker.place {
        Place::Elsewhere(why) if !cairn.config.guests => Err(why.refusal().into()),
        Place::Elsewhere(_) | Place::Here => Ok(StartRight { owner, is_guest: !asker.is_local() }),
    }
}

/// The session's owner, the holder of its key, or, where it was started without a credential, whoever knows its id.
pub(crate) async fn upload_right(cairn: &Cairn, asker: &Asker, id: SessionId) -> Answer<UploadRight> {
    let session = cairn.meta.session(id).await?.ok_or_else(Refusal::not_found)?;
    let allowed = session.ownerless
        || match asker.credential {
            Credential::None => false,
            Credential::Owner(owner) => owner == session.owner,
            Credential::Session(key) => same_key(key, cairn.secret.session_key(id)),
        };
    let scope = Scope::of(cairn.config.dedup, asker, session.ownerless);
    if allowed { Ok(UploadRight { session, scope }) } else { Err(Refusal::not_found()) }
}

/// A known owner.
pub(crate) fn owner_right(credential: Credential) -> Answer<OwnerRight> {
    match credential {
        Credential::Owner(owner) => Ok(OwnerRight { owner }),
        Credential::Session(_) => Err(unknown()),
        Credential::None => Err(missing()),
    }
}

/// A known owner, within his scope.
pub(crate) fn find_right(cairn: &Cairn, asker: &Asker) -> Answer<FindRight> {
    let owner = owner_right(asker.credential)?.owner;
    Ok(FindRight { owner, scope: Scope::of(cairn.config.dedup, asker, false) })
}

/// The file's owner, or the holder of the key of the session that it was.
pub(crate) async fn file_right(cairn: &Cairn, credential: Credential, id: FileId) -> Answer<FileRight> {
    if matches!(credential, Credential::None) {
        return Err(missing());
    }
    let (owner, session) = match cairn.meta.file(id).await? {
        Some(file) => (file.owner, Some(file.session)),
        None => {
            let gone = cairn.meta.gone_file(id).await?.ok_or_else(Refusal::not_found)?;
            (gone.owner, gone.session)
        }
    };
    let allowed = match credential {
        Credential::None => false,
        Credential::Owner(asker) => asker == owner,
        Credential::Session(key) => {
            session.is_some_and(|session| same_key(key, cairn.secret.session_key(session)))
        }
    };
    if allowed { Ok(FileRight { file: id }) } else { Err(Refusal::not_found()) }
}

/// The folder's owner.
pub(crate) async fn folder_right(cairn: &Cairn, credential: Credential, id: FolderId) -> Answer<FolderRight> {
    let owner = owner_right(credential)?.owner();
    let holder = match cairn.meta.folder(id).await? {
        Some(folder) => folder.owner,
        None => cairn.meta.gone_folder(id).await?.ok_or_else(Refusal::not_found)?.owner,
    };
    if holder == owner { Ok(FolderRight { folder: id }) } else { Err(Refusal::not_found()) }
}

/// The owner of the file or folder of this id: ids are random, so no file has a folder's.
pub(crate) async fn target_right(
    cairn: &Cairn,
    credential: Credential,
    id: [u8; ID_BYTES],
) -> Answer<TargetRight> {
    let owner = owner_right(credential)?.owner();
    let (file, folder) = (FileId::new(id), FolderId::new(id));
    let (target, holder) = match cairn.meta.file(file).await? {
        Some(found) => (Target::File(file), found.owner),
        None => {
            let found = cairn.meta.folder(folder).await?.ok_or_else(Refusal::not_found)?;
            (Target::Folder(folder), found.owner)
        }
    };
    if holder == owner { Ok(TargetRight { target, owner }) } else { Err(Refusal::not_found()) }
}

/// The owner of what the link gives.
pub(crate) async fn share_right(cairn: &Cairn, credential: Credential, id: LinkId) -> Answer<LinkEnd> {
    let owner = owner_right(credential)?.owner();
    let holder = match cairn.meta.link(id).await? {
        Some(link) => link.owner,
        None => cairn.meta.gone_link(id).await?.ok_or_else(Refusal::not_found)?.owner,
    };
    if holder == owner { Ok(LinkEnd { link: id }) } else { Err(Refusal::not_found()) }
}

/// Whoever has the token of a live link.
pub(crate) async fn link_right(cairn: &Cairn, token: &LinkToken) -> Answer<Opened> {
    let linked = cairn.meta.linked(sha256(token.as_bytes())).await?.ok_or_else(Refusal::not_found)?;
    if !linked.link.is_live(cairn.sure_now()) {
        return Err(Refusal::new(
            ProblemCode::LinkEnded,
            "The link is over time. Ask its sender for a new one.",
        ));
    }
    let link = linked.link.id;
    Ok(match linked.given {
        Given::File(file) => Opened::File(LinkRight { file, link }),
        Given::Folder(folder) => Opened::Folder(TreeRight { folder, link }),
    })
}

/// Whoever may look around in a folder may read what is in it.
pub(crate) async fn inside(cairn: &Cairn, right: &TreeRight, path: RelPath) -> Answer<LinkRight> {
    let file = cairn.meta.file_at(right.folder.id, path).await?.ok_or_else(Refusal::not_found)?;
    Ok(LinkRight { file, link: right.link })
}

fn same_key(given: Bearer, expected: Bearer) -> bool {
    match (given, expected) {
        (Bearer::Session(given), Bearer::Session(expected)) => given.ct_eq(&expected).into(),
        _ => false,
    }
}
