//! Makes and ends links, lists and deletes files.

use cairn_shared::message::{FileItem, ListResponse, ShareRequest, ShareResponse};
use cairn_shared::{FileId, LinkId, route};
use cairn_store::model::{File, Link, Target};

use crate::access::{FileRight, LinkEnd, OwnerRight, TargetRight, sha256};
use crate::cairn::Cairn;
use crate::refusal::{Answer, Refusal};

/// Makes a link to a file or folder.
pub(super) async fn share(
    cairn: &Cairn,
    right: &TargetRight,
    request: ShareRequest,
) -> Answer<ShareResponse> {
    let now = cairn.now();
    Refusal::unless_exact("expires_at", request.expires_at)?;
    if request.expires_at.is_some_and(|at| at <= now) {
        return Err(Refusal::field("expires_at", "lies in the past"));
    }
    let id = LinkId::new(cairn.fresh_id()?);
    let token = cairn.secret.link_token(id);
    let link = Link {
        id,
        target: right.target(),
        owner: right.owner(),
        token_hash: sha256(token.as_bytes()),
        created_at: now,
        expires_at: request.expires_at,
    };
    cairn.meta.add_link(link.clone()).await?;
    Ok(describe(cairn, &link))
}

/// Ends a link for ever.
pub(super) async fn revoke(cairn: &Cairn, right: LinkEnd) -> Answer<()> {
    Ok(cairn.meta.remove_link(right.link(), cairn.now()).await?)
}

/// One page of the owner's files that lie in no folder, each with its links.
pub(super) async fn files(
    cairn: &Cairn,
    right: &OwnerRight,
    after: Option<FileId>,
    limit: usize,
) -> Answer<ListResponse<FileItem>> {
    let files = cairn.meta.files(right.owner(), after, limit).await?;
    let next = if files.len() == limit { files.last().map(|file| file.id.to_string()) } else { None };
    let mut items = Vec::with_capacity(files.len());
    for file in files {
        let links = cairn.meta.links(Target::File(file.id)).await?;
        items.push(item(cairn, file, &links));
    }
    Ok(ListResponse { items, next })
}

/// Deletes a file and its links at once; its bytes go when nobody else holds them.
pub(super) async fn delete(cairn: &Cairn, right: &FileRight) -> Answer<()> {
    Ok(cairn.meta.remove_file(right.file(), cairn.now()).await?)
}

fn item(cairn: &Cairn, file: File, links: &[Link]) -> FileItem {
    FileItem {
        file: file.id,
        name: file.fields.name,
        path: file.fields.path,
        size: file.size,
        media_type: file.fields.media_type,
        mtime: file.fields.mtime,
        created_at: file.created_at,
        manifest_digest: file.manifest_digest,
        blob: file.blob,
        links: links.iter().map(|link| describe(cairn, link)).collect(),
    }
}

/// A link, as its owner sees it.
pub(crate) fn describe(cairn: &Cairn, link: &Link) -> ShareResponse {
    let url = route::share_page(&cairn.secret.link_token(link.id));
    ShareResponse { link: link.id, url, expires_at: link.expires_at }
}
