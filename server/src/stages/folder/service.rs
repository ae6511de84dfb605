//! Makes, lists and deletes folders. Files come into them by `finish`.

use cairn_shared::limits::FOLDER_PATHS_MAX;
use cairn_shared::message::{
    EntryKind, FolderEntry, FolderItem, FolderListResponse, FolderRequest, FolderResponse, ListResponse,
};
use cairn_shared::{FolderId, LinkId, Problem, ProblemCode, RelPath, route};
use cairn_store::model::{Entry, Folder, NewFolder, Target};

use crate::access::{FolderRight, OwnerRight, StartRight, sha256};
use crate::cairn::Cairn;
use crate::refusal::{Answer, Refusal};
use crate::stages::share::describe;

/// Makes a folder, or finds the one that the same key made and adds to it; `true` for the latter.
pub(super) async fn make(
    cairn: &Cairn,
    _right: &StartRight,
    owner: &OwnerRight,
    request: FolderRequest,
) -> Answer<(FolderResponse, bool)> {
    if request.folders.len() > FOLDER_PATHS_MAX {
        return Err(Refusal::field("folders", format!("has more than {FOLDER_PATHS_MAX} paths")));
    }
    let link = LinkId::new(cairn.fresh_id()?);
    let wanted = request.link.unwrap_or(true);
    let new = NewFolder {
        id: FolderId::new(cairn.fresh_id()?),
        owner: owner.owner(),
        key: request.key,
        name: request.name,
        folders: request.folders,
        link: wanted.then(|| (link, sha256(cairn.secret.link_token(link).as_bytes()))),
        now: cairn.now(),
    };
    let (folder, repeated) = cairn.meta.add_folder(new).await.map_err(of_folders)?;
    let url = url(cairn, &folder).await?;
    Ok((FolderResponse { folder: folder.id, revision: folder.revision, url }, repeated))
}

/// One page of what is in a folder.
pub(super) async fn list(
    cairn: &Cairn,
    right: &FolderRight,
    since: Option<u64>,
    after: Option<RelPath>,
    limit: usize,
) -> Answer<FolderListResponse> {
    let page = cairn.meta.entries(right.folder(), since, after, limit).await?;
    let url = url(cairn, &page.folder).await?;
    let folder = page.folder;
    Ok(FolderListResponse {
        folder: folder.id,
        name: folder.name,
        revision: folder.revision,
        url,
        files: folder.files,
        folders: folder.folders,
        bytes: folder.bytes,
        items: page.entries.into_iter().map(entry).collect(),
        next: page.next,
    })
}

/// One page of the owner's folders, each with its links.
pub(super) async fn folders(
    cairn: &Cairn,
    right: &OwnerRight,
    after: Option<FolderId>,
    limit: usize,
) -> Answer<ListResponse<FolderItem>> {
    let folders = cairn.meta.folders(right.owner(), after, limit).await?;
    let next = if folders.len() == limit { folders.last().map(|folder| folder.id.to_string()) } else { None };
    let mut items = Vec::with_capacity(folders.len());
    for folder in folders {
        let links = cairn.meta.links(Target::Folder(folder.id)).await?;
        items.push(FolderItem {
            folder: folder.id,
            name: folder.name,
            revision: folder.revision,
            files: folder.files,
            folders: folder.folders,
            bytes: folder.bytes,
            created_at: folder.created_at,
            links: links.iter().map(|link| describe(cairn, link)).collect(),
        });
    }
    Ok(ListResponse { items, next })
}

/// Deletes a folder and its links at once; what is in it goes behind the answer.
pub(super) async fn delete(cairn: &Cairn, right: &FolderRight) -> Answer<()> {
    Ok(cairn.meta.remove_folder(right.folder(), cairn.now()).await?)
}

/// Where the link that was made with the folder leads, unless it was revoked.
async fn url(cairn: &Cairn, folder: &Folder) -> Answer<Option<String>> {
    let Some(link) = folder.link else { return Ok(None) };
    let live = cairn.meta.link(link).await?;
    Ok(live.map(|link| route::share_page(&cairn.secret.link_token(link.id))))
}

/// Here it is one of `folders` whose path is taken.
fn of_folders(error: cairn_store::StoreError) -> Refusal {
    let refusal = Refusal::from(error);
    if refusal.0.code == ProblemCode::PathTaken {
        Problem { field: Some("folders".to_owned()), ..*refusal.0 }.into()
    } else {
        refusal
    }
}

fn entry(entry: Entry) -> FolderEntry {
    let Entry { path, revision, file } = entry;
    let folder = FolderEntry {
        path,
        kind: EntryKind::Folder,
        revision,
        file: None,
        size: None,
        mtime: None,
        media_type: None,
        manifest_digest: None,
        blob: None,
    };
    let Some(file) = file else { return folder };
    FolderEntry {
        kind: EntryKind::File,
        file: Some(file.id),
        size: Some(file.size),
        mtime: file.fields.mtime,
        media_type: file.fields.media_type,
        manifest_digest: Some(file.manifest_digest),
        blob: file.blob,
        ..folder
    }
}
