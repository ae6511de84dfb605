//! What this browser's owner keeps on the server: files and folders, listed and deleted.

use cairn_engine::Failure;
use cairn_shared::message::{FileItem, FolderItem, ListResponse, ShareResponse};
use cairn_shared::route::{self, Route};
use cairn_shared::{Bearer, FileId, FolderId, Name, UnixMs};
use serde::de::DeserializeOwned;

use super::Request;
use super::owner::Owner;
use crate::platform::http;

/// A listing is followed so far, in pages of a thousand: it comes in the order of random ids, and the latest are
/// wanted first.
const PAGES_MAX: u32 = 20;

/// A file or a folder that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    /// Which.
    pub id: OwnId,
    /// Its name.
    pub name: Name,
    /// In bytes.
    pub size: u64,
    /// How many files a folder has.
    pub files: Option<u64>,
    /// When it was published, or made.
    pub created_at: UnixMs,
    /// `/d/{token}` of its first link.
    pub url: Option<String>,
}

/// A file or a folder on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OwnId {
    /// A file in no folder.
    File(FileId),
    /// A folder with everything in it.
    Folder(FolderId),
}

impl From<FileItem> for Own {
    fn from(item: FileItem) -> Self {
        let FileItem { file, name, size, created_at, links, .. } = item;
        Self { id: OwnId::File(file), name, size, files: None, created_at, url: first(links) }
    }
}

impl From<FolderItem> for Own {
    fn from(item: FolderItem) -> Self {
        let FolderItem { folder, name, files, bytes, created_at, links, .. } = item;
        Self {
            id: OwnId::Folder(folder),
            name,
            size: bytes,
            files: Some(files),
            created_at,
            url: first(links),
        }
    }
}

fn first(links: Vec<ShareResponse>) -> Option<String> {
    links.into_iter().next().map(|link| link.url)
}

/// What the owner keeps, the latest first; nothing where it can't be had.
pub async fn list(owner: &Owner) -> Vec<Own> {
    let Some(key) = owner.known().await else { return Vec::new() };
    let files = pages::<FileItem>(key, Route::Files).await.into_iter().map(Own::from);
    let folders = pages::<FolderItem>(key, Route::Folders).await.into_iter().map(Own::from);
    let mut all: Vec<Own> = files.chain(folders).collect();
    all.sort_by_key(|own| std::cmp::Reverse(own.created_at));
    all
}

/// Deletes it with its links; tells whether it is gone.
pub async fn delete(owner: &Owner, id: OwnId) -> bool {
    let Some(key) = owner.known().await else { return false };
    let request = match id {
        OwnId::File(file) => Request::new(Route::FileDelete, route::file(file)),
        OwnId::Folder(folder) => Request::new(Route::FolderDelete, route::folder(folder)),
    };
    match http::in_time(async |signal| request.empty(key, signal).await).await {
        Ok(()) => true,
        Err(Failure::Problem(problem)) => matches!(problem.status, 404 | 410),
        Err(Failure::Network | Failure::Status { .. }) => false,
    }
}

/// All pages of a listing, as far as they come.
async fn pages<T: DeserializeOwned>(key: Bearer, route: Route) -> Vec<T> {
    let (mut items, mut after) = (Vec::new(), String::new());
    for _ in 0..PAGES_MAX {
        let request = Request::new(route, format!("{}{after}", route.pattern()));
        let page: Result<ListResponse<T>, Failure> =
            http::in_time(async |signal| request.json(key, signal).await).await;
        let Ok(page) = page else { break };
        items.extend(page.items);
        let Some(next) = page.next else { break };
        after = format!("?after={next}");
    }
    items
}
