//! Removes what the operator names: an owner with all that is his, a file, a folder, a link, an unfinished upload.

use cairn_shared::{FileId, FolderId, LinkId, LinkToken, OwnerId, SessionId};
use cairn_store::model::{Link, Session, SessionState, Target};
use cairn_store::{Conflict, StoreError};
use futures_util::future::try_join_all;

use super::desk::{Desk, Failure, Told};
use super::message::{Event, Found, Kind, Outcome, Progress};
use super::suspects::shown;
use crate::access::{AdminRight, sha256};

/// Files and folders that go in one step: together, so that they share a commit.
const STEP: usize = 100;
/// Rows that are read at once.
const PAGE: usize = 1_000;

/// What an id, or the address of a link, stands for.
pub(super) async fn find(desk: &Desk, _right: &AdminRight, what: &str) -> Result<Found, Failure> {
    let meta = &desk.stores.meta;
    let unknown = || Failure::Refused(format!("there is nothing with the id or link {what:?}"));
    if let Some(token) = token(what) {
        let linked = meta.linked(sha256(token.as_bytes())).await?.ok_or_else(unknown)?;
        return of_link(desk, &linked.link).await;
    }
    let id = what.trim();
    let (Ok(owner), Ok(file), Ok(folder), Ok(link), Ok(session)) = (
        id.parse::<OwnerId>(),
        id.parse::<FileId>(),
        id.parse::<FolderId>(),
        id.parse::<LinkId>(),
        id.parse::<SessionId>(),
    ) else {
        return Err(unknown());
    };
    let found =
        |kind, owner, name| Found { kind, id: id.to_owned(), owner, name, files: 0, folders: 0, sessions: 0 };
    // Ids are random, so no two things have the same.
    if let Some(file) = meta.file(file).await? {
        return Ok(Found { files: 1, ..found(Kind::File, file.owner, Some(shown(&file))) });
    }
    if let Some(folder) = meta.folder(folder).await? {
        let files = folder.files;
        return Ok(Found {
            files,
            folders: 1,
            ..found(Kind::Folder, folder.owner, Some(folder.name.visible()))
        });
    }
    if let Some(link) = meta.link(link).await? {
        return of_link(desk, &link).await;
    }
    if let Some(session) = meta.session(session).await? {
        is_open(&session)?;
        let name = session.fields.name.visible();
        return Ok(Found { sessions: 1, ..found(Kind::Session, session.owner, Some(name)) });
    }
    let Some(owner) = meta.owner(owner).await? else { return Err(unknown()) };
    of_owner(desk, found(Kind::Owner, owner.id, None)).await
}

/// The token at the end of an address, or what may be one by itself.
fn token(what: &str) -> Option<LinkToken> {
    let text = what.trim();
    let text =
        text.split_once("/d/").map_or(text, |(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or(rest));
    text.parse().ok()
}

fn is_open(session: &Session) -> Result<(), Failure> {
    match session.state {
        SessionState::Open => Ok(()),
        SessionState::Finished { file, .. } => {
            Err(Failure::Refused(format!("this upload is finished: it is the file {file} now")))
        }
        SessionState::Ended { .. } => Err(Failure::Refused("this upload has ended already".to_owned())),
    }
}

async fn of_link(desk: &Desk, link: &Link) -> Result<Found, Failure> {
    let name = match link.target {
        Target::File(file) => desk.stores.meta.file(file).await?.map(|file| shown(&file)),
        Target::Folder(folder) => desk.stores.meta.folder(folder).await?.map(|folder| folder.name.visible()),
    };
    let id = link.id.to_string();
    Ok(Found { kind: Kind::Link, id, owner: link.owner, name, files: 0, folders: 0, sessions: 0 })
}

async fn of_owner(desk: &Desk, mut found: Found) -> Result<Found, Failure> {
    let meta = &desk.stores.meta;
    let mut after = None;
    loop {
        let files = meta.files(found.owner, after, PAGE).await?;
        found.files += files.len() as u64;
        let Some(last) = files.last() else { break };
        after = Some(last.id);
    }
    let mut after = None;
    loop {
        let folders = meta.folders(found.owner, after, PAGE).await?;
        found.folders += folders.len() as u64;
        found.files += folders.iter().map(|folder| folder.files).sum::<u64>();
        let Some(last) = folders.last() else { break };
        after = Some(last.id);
    }
    let mut after = None;
    while let Some(page) = sessions(desk, &mut after).await? {
        found.sessions += page.iter().filter(|session| is_his(session, found.owner)).count() as u64;
    }
    Ok(found)
}

/// The next page of all sessions.
async fn sessions(desk: &Desk, after: &mut Option<SessionId>) -> Result<Option<Vec<Session>>, StoreError> {
    let page = desk.stores.meta.sessions(*after, PAGE).await?;
    *after = page.last().map(|last| last.id);
    Ok(after.map(|_| page))
}

fn is_his(session: &Session, owner: OwnerId) -> bool {
    session.owner == owner && session.state == SessionState::Open
}

/// Removes it. What was begun and broke off is gone on with by asking again.
pub(super) async fn remove(
    desk: &Desk,
    right: &AdminRight,
    told: &Told,
    what: &str,
) -> Result<Outcome, Failure> {
    let mut found = find(desk, right, what).await?;
    let (meta, now) = (&desk.stores.meta, desk.now());
    let id = found.id.as_str();
    match found.kind {
        Kind::Owner => remove_owner(desk, told, &mut found).await?,
        Kind::File => meta.remove_file(parsed(id)?, now).await?,
        Kind::Folder => meta.remove_folder(parsed(id)?, now).await?,
        Kind::Link => meta.remove_link(parsed(id)?, now).await?,
        Kind::Session => end(desk, parsed(id)?).await?,
    }
    tracing::info!(kind = found.kind.as_str(), id = found.id, "removed by the operator");
    told.tell(Event::Removed(found)).await?;
    Ok(Outcome::Done)
}

fn parsed<T: std::str::FromStr>(id: &str) -> Result<T, Failure> {
    id.parse().map_err(|_| Failure::Refused(format!("{id:?} is no id")))
}

/// The key first, so that nothing new begins; then what is under way, so that nothing new is published; then what is there; the owner
/// last, so that whoever is interrupted finds him again.
async fn remove_owner(desk: &Desk, told: &Told, found: &mut Found) -> Result<(), Failure> {
    let (meta, owner) = (&desk.stores.meta, found.owner);
    meta.lock_owner(owner).await?;
    (found.files, found.folders, found.sessions) = (0, 0, 0);
    let mut after = None;
    while let Some(page) = sessions(desk, &mut after).await? {
        for session in page.iter().filter(|session| is_his(session, owner)) {
            end(desk, session.id).await?;
            found.sessions += 1;
        }
    }
    loop {
        let files = meta.files(owner, None, STEP).await?;
        if files.is_empty() {
            break;
        }
        try_join_all(files.iter().map(|file| meta.remove_file(file.id, desk.now()))).await?;
        found.files += files.len() as u64;
        told.tell(Event::Progress(Progress { chunks: found.files, ..Progress::default() })).await?;
    }
    loop {
        let folders = meta.folders(owner, None, STEP).await?;
        if folders.is_empty() {
            break;
        }
        try_join_all(folders.iter().map(|folder| meta.remove_folder(folder.id, desk.now()))).await?;
        found.folders += folders.len() as u64;
        found.files += folders.iter().map(|folder| folder.files).sum::<u64>();
    }
    Ok(meta.forget_owner(owner).await?)
}

async fn end(desk: &Desk, session: SessionId) -> Result<(), Failure> {
    match desk.stores.meta.end_session(session, false, desk.now()).await {
        // It was finished or ended meanwhile.
        Ok(()) | Err(StoreError::Conflict(Conflict::SessionClosed(_) | Conflict::NotFound)) => {}
        Err(error) => return Err(error.into()),
    }
    if let Some(cairn) = &desk.cairn {
        cairn.space.forget(session);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_known_by_its_address() {
        let token_of = |text: &str| token(text).map(|token| token.to_string());
        let plain = "AAAAAAAAAAAAAAAAAAAAAA";
        for text in [
            plain.to_owned(),
            format!("https://files.example.org/d/{plain}"),
            format!("http://[::1]:8080/below/d/{plain}/raw/a/b?x#y"),
        ] {
            assert_eq!(token_of(&text).as_deref(), Some(plain), "{text}");
        }
        assert_eq!(token_of("00112233445566778899aabbccddeeff"), None);
        assert_eq!(token_of("/d/"), None);
    }
}
