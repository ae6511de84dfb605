//! Folders of chunks that are away: each is told once, with how many chunks it should have, and not chunk by chunk.

use std::collections::{BTreeMap, HashMap};

use cairn_store::model::Locator;
use cairn_store::{ChunkStore, StoreError};

use super::desk::{Failure, Told};
use super::message::Event;

/// Those that were found.
#[derive(Default)]
pub(super) struct Absent {
    is_away: HashMap<String, bool>,
    chunks: BTreeMap<String, u64>,
}

impl Absent {
    /// Counts a chunk that is not there where its whole folder is away; else false.
    pub(super) async fn takes(
        &mut self,
        chunks: &dyn ChunkStore,
        locator: &Locator,
    ) -> Result<bool, StoreError> {
        let Some((folder, _)) = locator.key.rsplit_once('/') else { return Ok(false) };
        let is_away = match self.is_away.get(folder) {
            Some(is_away) => *is_away,
            None => {
                let is_away = !chunks.is_own(folder).await?;
                self.is_away.insert(folder.to_owned(), is_away);
                is_away
            }
        };
        if is_away {
            *self.chunks.entry(folder.to_owned()).or_default() += 1;
        }
        Ok(is_away)
    }

    /// Tells of each folder.
    pub(super) async fn name(self, told: &Told) -> Result<(), Failure> {
        for (folder, chunks) in self.chunks {
            told.tell(Event::Folder { folder: format!("chunks/{folder}"), chunks }).await?;
        }
        Ok(())
    }
}
