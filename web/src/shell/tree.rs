//! What a folder asks the server, carried out one after the other.

use cairn_engine::Failure;
use cairn_engine::folder::{Call, FolderRecord, Reply};
use cairn_shared::message::FolderListResponse;
use cairn_shared::route::{self, Route};
use wasm_bindgen_futures::spawn_local;

use super::Shell;
use super::folders::FolderId;
use crate::api::Request;
use crate::platform::clock::{self, Timer};
use crate::platform::http::{self, Signal};

impl Shell {
    /// Asks what the folder wants to know next, now or when it does.
    pub(super) fn ask_for_folder(&self, id: FolderId) {
        let now = clock::now();
        let (call, due) = {
            let mut folders = self.0.folders.borrow_mut();
            let polled = folders.change(id, |job| (job.poll_call(now), job.poll_timeout()));
            polled.unwrap_or_default()
        };
        let timer = due.map(|due| {
            let shell = self.clone();
            let ms = u32::try_from(due.saturating_sub(now)).unwrap_or(u32::MAX);
            Timer::after(ms.min(i32::MAX as u32), move || shell.ask_for_folder(id))
        });
        self.0.folders.borrow_mut().set_timer(id, timer);
        let Some(call) = call else { return };
        let shell = self.clone();
        spawn_local(async move {
            let reply = http::in_time(async |signal| shell.of_folder(call, signal).await).await;
            shell.0.folders.borrow_mut().change(id, |job| job.reply(reply, clock::now()));
            shell.go_on_with_folder(id);
            shell.ask_for_frame();
        });
    }

    async fn of_folder(&self, call: Call, signal: Signal) -> Result<Reply, Failure> {
        match call {
            Call::Make(body) => {
                let request = Request::new(Route::Folder, Route::Folder.pattern().to_owned()).with(&body);
                self.as_owner(&request, signal).await.map(Reply::Made)
            }
            Call::List(folder, after) => {
                let request = Request::new(Route::FolderList, route::folder_page(folder, after.as_ref()));
                self.as_owner(&request, signal).await.map(Reply::Listed)
            }
            Call::Delete(folder) => {
                let request = Request::new(Route::FolderDelete, route::folder(folder));
                let key = self.0.owner.key().await?;
                request.empty(key, signal).await.map(|()| Reply::Deleted)
            }
        }
    }

    /// Removes a folder that was given up before anything of it arrived.
    pub(super) async fn remove_if_empty(&self, folder: cairn_shared::FolderId) {
        let first = Request::new(Route::FolderList, format!("{}?limit=1", route::folder(folder)));
        let listed: Result<FolderListResponse, Failure> =
            http::in_time(async |signal| self.as_owner(&first, signal).await).await;
        if listed.is_ok_and(|listed| listed.files == 0 && listed.folders == 0) {
            // One that stays says what it has: nothing.
            let _ = http::in_time(async |signal| self.of_folder(Call::Delete(folder), signal).await).await;
        }
    }

    /// As above, of one that an earlier visit left.
    pub(super) async fn remove_left_if_empty(&self, record: &FolderRecord) {
        let find = Call::Make(record.request(Vec::new()));
        let found = http::in_time(async |signal| self.of_folder(find, signal).await).await;
        if let Ok(Reply::Made(found)) = found {
            self.remove_if_empty(found.folder).await;
        }
    }
}
