//! Chunks of which something is wrong, and the files that they belong to.

use std::collections::HashMap;

use cairn_shared::{ChunkDigest, SessionId};
use cairn_store::StoreError;
use cairn_store::model::File;

use super::desk::{Failure, Told};
use super::message::Event;
use crate::cairn::Stores;

/// Holders whose files are named; of more chunks only how many they are is told.
const HOLDERS_MAX: usize = 10_000;
/// Rows that are read at once.
const PAGE: usize = 1_000;

/// Who holds what is wrong.
#[derive(Default)]
pub(super) struct Suspects {
    holders: HashMap<SessionId, Vec<ChunkDigest>>,
    count: usize,
}

impl Suspects {
    /// Notes who holds a chunk.
    pub(super) async fn note(&mut self, stores: &Stores, digest: ChunkDigest) -> Result<(), StoreError> {
        let room = HOLDERS_MAX.saturating_sub(self.count);
        for holder in stores.meta.holders(digest, room).await? {
            self.count += 1;
            self.holders.entry(holder).or_default().push(digest);
        }
        Ok(())
    }

    /// Tells of every file that has such a chunk: one walk over all files, where there are any.
    pub(super) async fn name(mut self, stores: &Stores, told: &Told) -> Result<(), Failure> {
        let mut after = None;
        while !self.holders.is_empty() {
            let files = stores.meta.all_files(after, PAGE).await?;
            let Some(last) = files.last() else { break };
            after = Some(last.id);
            for file in files {
                if let Some(chunks) = self.holders.remove(&file.session) {
                    told.tell(Event::File { file: file.id, owner: file.owner, name: shown(&file), chunks })
                        .await?;
                }
            }
        }
        if self.count >= HOLDERS_MAX {
            let what =
                format!("more than {HOLDERS_MAX} files and uploads have such chunks; not all are named");
            told.tell(Event::Wrong { what }).await?;
        }
        Ok(())
    }
}

/// A file's name, or where it lies in its folder, fit to be shown.
pub(super) fn shown(file: &File) -> String {
    match (&file.fields.path, file.fields.folder) {
        (Some(path), Some(_)) => cairn_shared::name::visible(path.as_str()).to_string(),
        _ => file.fields.name.visible(),
    }
}
