//! Who has how much: every file and every upload is looked at, and counted for its owner.

use std::collections::HashMap;

use cairn_shared::{OwnerId, UnixMs};
use cairn_store::model::{Owner, SessionState};

use super::desk::{Desk, Failure, Told};
use super::message::{Event, Outcome, OwnerItem, Share};
use crate::access::AdminRight;

/// Owners that are counted for in one walk over all files and uploads: so much memory it takes, however many there are.
const OWNERS_AT_ONCE: usize = 10_000;
/// Rows that are read at once.
const PAGE: usize = 1_000;

/// Tells of every owner, those who have most first among those of one walk.
pub(super) async fn list(desk: &Desk, _right: &AdminRight, told: &Told) -> Result<Outcome, Failure> {
    let mut after = None;
    let (mut known, mut all) = (Share::default(), Share::default());
    loop {
        let owners = page_of_owners(desk, after).await?;
        let mut shares: HashMap<OwnerId, Share> =
            owners.iter().map(|owner| (owner.id, Share::default())).collect();
        // The first walk alone counts what is everybody's.
        let everybody = count(desk, &mut shares).await?;
        if after.is_none() {
            all = everybody;
        }
        let Some(last) = owners.last() else { break };
        after = Some(last.id);
        let mut items: Vec<_> = owners.iter().map(|owner| item(owner, &shares)).collect();
        items.sort_by_key(|item| std::cmp::Reverse((item.bytes, item.files)));
        for item in items {
            known.files += item.files;
            known.bytes += item.bytes;
            known.sessions += item.sessions;
            told.tell(Event::Owner(item)).await?;
        }
        if owners.len() < OWNERS_AT_ONCE {
            break;
        }
    }
    // What changed between two walks is nobody's.
    let rest = Share {
        files: all.files.saturating_sub(known.files),
        bytes: all.bytes.saturating_sub(known.bytes),
        sessions: all.sessions.saturating_sub(known.sessions),
        newest: None,
    };
    told.tell(Event::Ownerless(rest)).await?;
    Ok(Outcome::Done)
}

async fn page_of_owners(desk: &Desk, mut after: Option<OwnerId>) -> Result<Vec<Owner>, Failure> {
    let mut owners = Vec::new();
    while owners.len() < OWNERS_AT_ONCE {
        let page = desk.stores.meta.owners(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        owners.extend(page);
    }
    Ok(owners)
}

/// Counts for those that are asked for; gives what all have together.
async fn count(desk: &Desk, shares: &mut HashMap<OwnerId, Share>) -> Result<Share, Failure> {
    let mut all = Share::default();
    let mut after = None;
    loop {
        let files = desk.stores.meta.all_files(after, PAGE).await?;
        let Some(last) = files.last() else { break };
        after = Some(last.id);
        for file in &files {
            let shares = [Some(&mut all), shares.get_mut(&file.owner)];
            for share in shares.into_iter().flatten() {
                share.files += 1;
                share.bytes += file.size;
                newer(share, file.created_at);
            }
        }
    }
    let mut after = None;
    loop {
        let sessions = desk.stores.meta.sessions(after, PAGE).await?;
        let Some(last) = sessions.last() else { return Ok(all) };
        after = Some(last.id);
        for session in sessions.iter().filter(|session| session.state == SessionState::Open) {
            let shares = [Some(&mut all), shares.get_mut(&session.owner)];
            for share in shares.into_iter().flatten() {
                share.sessions += 1;
                newer(share, session.created_at);
            }
        }
    }
}

fn newer(share: &mut Share, at: UnixMs) {
    share.newest = share.newest.max(Some(at));
}

fn item(owner: &Owner, shares: &HashMap<OwnerId, Share>) -> OwnerItem {
    let Share { files, bytes, sessions, newest } = shares.get(&owner.id).copied().unwrap_or_default();
    OwnerItem { owner: owner.id, created_at: owner.created_at, files, bytes, sessions, newest }
}
