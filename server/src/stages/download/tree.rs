//! Looks at one level of a folder behind a link.

use cairn_shared::{FolderId, Name, RelPath};
use cairn_store::model::{Child, ChildMark};

use crate::access::TreeRight;
use crate::cairn::Cairn;
use crate::refusal::{Answer, Refusal};

/// What a page of a folder tells.
pub(super) struct Tree {
    /// The folder's id.
    pub(super) folder: FolderId,
    /// Its name.
    pub(super) name: Name,
    /// Grows by one with every change of it.
    pub(super) revision: u64,
    /// Files in all of it.
    pub(super) files: u64,
    /// Their sizes together, in bytes.
    pub(super) bytes: u64,
    /// Where the level lies; `None`: at the top.
    pub(super) inside: Option<RelPath>,
    /// What lies there, folders first.
    pub(super) children: Vec<Child>,
    /// Where the next page begins.
    pub(super) next: Option<String>,
}

/// One page, of `limit` at most, of what lies directly at `inside`, behind `after`: a name, with a slash behind that of a folder.
pub(super) async fn look(
    cairn: &Cairn,
    right: &TreeRight,
    inside: Option<&str>,
    after: Option<&str>,
    limit: usize,
) -> Answer<Tree> {
    let folder = right.folder();
    let inside = inside.map(str::parse::<RelPath>).transpose().map_err(|_| Refusal::not_found())?;
    let after = after.map(mark).transpose()?;
    let page = cairn.meta.children(folder.id, inside.clone(), after, limit).await?;
    let page = page.ok_or_else(Refusal::not_found)?;
    let next = page.next.map(|mark| match mark {
        ChildMark::Folder(name) => format!("{name}/"),
        ChildMark::File(name) => name.to_string(),
    });
    Ok(Tree {
        folder: folder.id,
        name: folder.name.clone(),
        revision: folder.revision,
        files: folder.files,
        bytes: folder.bytes,
        inside,
        children: page.children,
        next,
    })
}

fn mark(text: &str) -> Answer<ChildMark> {
    let mark = match text.strip_suffix('/') {
        Some(name) => name.parse().map(ChildMark::Folder),
        None => text.parse().map(ChildMark::File),
    };
    mark.map_err(|_| Refusal::not_found())
}
