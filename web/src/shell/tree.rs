//! A folder on the server: made before its first file, told its empty folders, and asked at the end what it has.

use cairn_engine::{Failure, Now, Trouble};
use cairn_shared::limits::FOLDER_PATHS_MAX;
use cairn_shared::message::{FolderListResponse, FolderRequest, FolderResponse};
use cairn_shared::route::{self, Route};
use cairn_shared::{ClientKey, Name, RelPath};
use serde::de::DeserializeOwned;
use wasm_bindgen_futures::spawn_local;

use super::Shell;
use super::job::{FolderId, Receipt};
use crate::api::Request;
use crate::platform::clock;
use crate::platform::http;

/// Pause before something that failed is asked again, in milliseconds.
const PAUSE_MS: u32 = 2_000;
/// The longest pause that the server may ask for, in seconds.
const PAUSE_SECONDS_MAX: u32 = 300;

impl Shell {
    /// Makes the folder, or finds the one that an earlier visit made with the same key.
    pub(super) async fn make_folder(&self, id: FolderId, key: ClientKey, name: Name) {
        let request = request(key, name, Vec::new());
        let made: Option<FolderResponse> = self.ask_patiently(id, &request).await;
        self.0.folders.borrow_mut().change(id, |job| job.server = made);
    }

    /// Tells the server which folders are to be there without a file in them.
    pub(super) fn send_empty(&self, id: FolderId) {
        let asked = self.0.folders.borrow_mut().change(id, |job| {
            let pages = job.record.empty.chunks(FOLDER_PATHS_MAX).map(<[_]>::to_vec);
            let requests = pages.map(|paths| request(job.record.key, job.record.name.clone(), paths));
            requests.collect::<Vec<_>>()
        });
        let shell = self.clone();
        spawn_local(async move {
            for request in asked.unwrap_or_default() {
                let _: Option<FolderResponse> = shell.ask_patiently(id, &request).await;
            }
            shell.0.folders.borrow_mut().change(id, |job| job.empty_told = true);
            shell.end_if_done(id);
        });
    }

    /// Asks what the server has, once everything should be there.
    pub(super) async fn take_receipt(&self, id: FolderId) {
        let server = self.0.folders.borrow_mut().change(id, |job| job.server.clone()).flatten();
        let Some(server) = server else { return };
        let path = format!("{}?limit=1", route::folder(server.folder));
        let request = Request::new(Route::FolderList, path);
        let listed: Option<FolderListResponse> = self.ask_patiently(id, &request).await;
        self.0.folders.borrow_mut().change(id, |job| {
            let counted = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
            job.receipt = listed.map(|listed| Receipt {
                files: counted(listed.files),
                folders: counted(listed.folders),
                url: listed.url,
            });
            if job.receipt.is_none() {
                // The server refuses to say: there is nothing to wait for.
                job.server = None;
            }
        });
        self.ask_for_frame();
    }

    /// Asks until there is an answer; nothing where the server refuses, or nobody wants the folder any more. What
    /// keeps the server from answering shows in the folder's row.
    async fn ask_patiently<T: DeserializeOwned>(&self, id: FolderId, request: &Request) -> Option<T> {
        loop {
            let answer = http::in_time(async |signal| self.as_owner(request, signal).await).await;
            let wanted = self.0.folders.borrow().is_here(id);
            let failure = match answer {
                Ok(answer) => {
                    self.show_unanswered(id, None);
                    return Some(answer);
                }
                Err(failure) if wanted && failure.may_pass() => failure,
                Err(_) => {
                    self.show_unanswered(id, None);
                    return None;
                }
            };
            let (trouble, pause) = wait_of(&failure);
            self.show_unanswered(id, Some((trouble, clock::now() + Now::from(pause))));
            clock::sleep(pause).await;
        }
    }

    fn show_unanswered(&self, id: FolderId, unanswered: Option<(Trouble, Now)>) {
        self.0.folders.borrow_mut().change(id, |job| job.unanswered = unanswered);
        self.ask_for_frame();
    }
}

/// Why it is asked again, and after which pause, in milliseconds.
fn wait_of(failure: &Failure) -> (Trouble, u32) {
    let (trouble, asked_seconds) = match failure {
        Failure::Network => (Trouble::Network, None),
        Failure::Status { status, retry_after_seconds } => (Trouble::Status(*status), *retry_after_seconds),
        Failure::Problem(problem) => (Trouble::of(problem), problem.retry_after),
    };
    let asked = asked_seconds.unwrap_or(0).min(PAUSE_SECONDS_MAX) * 1_000;
    (trouble, asked.max(PAUSE_MS))
}

fn request(key: ClientKey, name: Name, folders: Vec<RelPath>) -> Request {
    let body = FolderRequest { name, key: Some(key), folders, link: None };
    Request::new(Route::Folder, Route::Folder.pattern().to_owned()).with(&body)
}
