//! Taking a folder as one store: by itself where facts and chunks agree, or because the operator says so.

use std::path::Path;

use super::StoreId;
use super::agree::Counts;
use super::kept;
use super::mark::{self, Mark};
use super::runs::{Moment, Runs};
use super::secret::{self, Found, SECRET_BYTES};
use super::survey::{Places, Survey};
use super::verdict::{Verdict, judge};
use super::witness::{self, Run, Seen};
use crate::chunk::{self, mark_folders};
use crate::disk::{Disk, clear_new, make_folders, real};
use crate::error::{Result, StoreError};
use crate::format::{self, Format};
use crate::meta::{last_sequence, newest_snapshot, open_reading, read_snapshot, walk_log};

/// Files read at once.
const PAGE: usize = 1_000;

/// Marks every part of a folder, and remembers copies that no record names, to be kept; durable when it returns. `format` comes last, so that one which breaks
/// off is gone on with.
pub(super) fn take(
    disk: &dyn Disk,
    places: &Places,
    store: StoreId,
    secret: &[u8; SECRET_BYTES],
    strays: &[(String, u64)],
) -> Result<()> {
    clear_new(disk, &places.data)?;
    for folder in [&places.log, &places.snapshots, &places.chunks] {
        make_folders(disk, folder)?;
        clear_new(disk, folder)?;
        mark::write(disk, folder, store)?;
    }
    kept::write(disk, &places.chunks, strays)?;
    mark_folders(disk, &places.chunks, store)?;
    // What was written until now is believed, whichever run it was.
    Runs::new(store, last_sequence(disk, &places.log)?).write(disk, &places.log)?;
    drop(witness::begin(disk, &places.chunks, Seen { store, run: Run::NONE, sequence: 0 })?);
    format::write(disk, &places.data, &Format::Owned { store, print: Some(secret::print(secret)) })
}

/// The id that an earlier start has given to some parts of such a folder.
pub(super) fn begun(disk: &dyn Disk, places: &Places) -> Result<Option<StoreId>> {
    match judge(&Survey::take(disk, places)?, places)? {
        Verdict::Old(begun) => Ok(begun),
        Verdict::New(_) | Verdict::Whole { .. } => Ok(None),
    }
}

/// Why chunks and facts are not taken as one store's.
pub(super) fn doubt(counts: &Counts) -> String {
    format!(
        "the facts name {} chunks, of which {} are there, and {} more are there that no fact names: log and chunks \
         may be of different stores, or of different times. No chunk is removed until the right part is back, or \
         `cairn admin adopt` says that there is no other",
        counts.records, counts.named, counts.unnamed
    )
}

/// What taking a folder as one store means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adoption {
    /// A sentence each.
    pub told: Vec<String>,
    /// It is not where the folder is one whole store: nothing is done then.
    pub is_needed: bool,
}

/// Takes what lies in the folder `data` of a stopped server as one store, because the operator says that nothing else is to come: every
/// part gets a fresh id, `fresh`. Gives what that means; that alone where `only_tell`, or where nothing is missing, and nothing is touched.
/// `Apart` where there is no log: then there are no facts.
pub async fn adopt(data: &Path, fresh: [u8; 16], only_tell: bool) -> Result<Adoption> {
    let disk = real();
    let places = Places::new(data);
    let survey = Survey::take_whatever_format(disk.as_ref(), &places)?;
    check_facts(disk.as_ref(), &survey, &places)?;
    if let Some(store) = whole(disk.as_ref(), &survey, &places)? {
        let told = vec![format!(
            "Nothing is missing: {} is the store {store}, with all its parts, and a server starts there. Nothing was \
             changed. (`cairn admin check` looks whether each chunk is there.)",
            data.display()
        )];
        return Ok(Adoption { told, is_needed: false });
    }
    let mut told = meaning(&survey, &places);
    told.extend(counted(data).await);
    if only_tell {
        return Ok(Adoption { told, is_needed: true });
    }
    let _lock = disk.lock(&data.join("lock"))?;
    let secret = match survey.secret {
        Found::Secret(secret) => secret,
        Found::Missing | Found::WrongLength(_) => {
            let path = secret::path(data).display().to_string();
            return Err(StoreError::Apart(format!(
                "{path} has no secret of {SECRET_BYTES} bytes. Bring it back from a backup, or make another: \
                 head -c {SECRET_BYTES} /dev/urandom > {path}"
            )));
        }
    };
    let store = StoreId::new(fresh);
    take(disk.as_ref(), &places, store, &secret, &[])?;
    told.push(format!("The folder is the store {store} now."));
    Ok(Adoption { told, is_needed: true })
}

/// The store that the folder is, where a start has nothing against it and every folder of chunks says that it is this store's.
fn whole(disk: &dyn Disk, survey: &Survey, places: &Places) -> Result<Option<StoreId>> {
    let Ok(Verdict::Whole { store, seen }) = judge(survey, places) else { return Ok(None) };
    let moment = Moment { run: seen.run, sequence: seen.sequence };
    let is_known = Runs::read(disk, &places.log, store)?.is_some_and(|runs| runs.knows(moment));
    if !is_known || last_sequence(disk, &places.log)? < seen.sequence {
        return Ok(None);
    }
    for entry in disk.list(&places.chunks)?.iter().filter(|entry| entry.is_folder) {
        if mark::read(disk, &entry.path)? != Mark::Of(store) {
            return Ok(None);
        }
    }
    Ok(Some(store))
}

/// How much the facts name, and how much of it is there.
async fn counted(data: &Path) -> Vec<String> {
    let count = async {
        let (chunks, meta) = (chunk::open_reading(data)?, open_reading(data)?);
        let (mut files, mut after) = (0, None);
        loop {
            let page = meta.all_files(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            files += page.len() as u64;
        }
        Ok::<_, StoreError>((files, Counts::take(meta.as_ref(), chunks.as_ref()).await?))
    };
    match count.await {
        Ok((files, Counts { records, named, unnamed, .. })) => vec![
            format!("Log and snapshot name {files} files in {records} chunks, of which {named} are there."),
            format!("{unnamed} more chunks are there that they do not name: those go."),
        ],
        Err(error) => vec![format!("What is there can't be counted: {error}.")],
    }
}

/// `Apart` or `Damaged` where a start could not go on with log and snapshot, whatever is lost beside them.
fn check_facts(disk: &dyn Disk, survey: &Survey, places: &Places) -> Result<()> {
    let (log, snapshots) = (places.log.display(), places.snapshots.display());
    let Some((first, _)) = survey.log.numbers else {
        let snapshot = if survey.snapshots.has_content {
            format!(
                " What is in {snapshots} alone is of several moments, and only the log behind it makes it whole."
            )
        } else {
            String::new()
        };
        return Err(StoreError::Apart(format!(
            "{log} has no segment.{snapshot} Bring it back from a backup; to begin anew, take an empty folder."
        )));
    };
    let (mut after, mut seen) = (0, 0);
    if survey.snapshots.has_content
        && let Some(newest) = newest_snapshot(disk, &places.snapshots)?
    {
        after = newest.after;
        seen = read_snapshot(disk, &newest)?;
    }
    let ends = last_sequence(disk, &places.log)?;
    if after + 1 < first || ends < seen {
        return Err(StoreError::Apart(format!(
            "{log} has the records {first} to {ends}, and the newest snapshot in {snapshots} reaches from {after} to {seen}: \
             they are of different times, and facts between them are missing. Bring back those that belong together. (Of a \
             server that runs, copy {snapshots} and {log} again where a snapshot was written meanwhile.)"
        )));
    }
    // A record that is damaged in the middle is told as what it is.
    walk_log(disk, &places.log, after, seen)
}

fn meaning(survey: &Survey, places: &Places) -> Vec<String> {
    let mut told = vec![
        "What the log and the newest snapshot say is taken for true. What was acknowledged later, and stands in a log \
         that is not here, is lost: that log is refused from now on."
            .to_owned(),
        "Chunks that no record names are removed by the sweeps that follow.".to_owned(),
    ];
    if !survey.chunks.has_content {
        let chunks = places.chunks.display();
        told.push(format!("{chunks} has no chunks: files stay listed, and can't be read until their content is uploaded again."));
    }
    for (folder, part) in
        [(&places.log, &survey.log), (&places.snapshots, &survey.snapshots), (&places.chunks, &survey.chunks)]
    {
        if let Mark::Of(store) = part.mark {
            told.push(format!("{} was the store {store}'s.", folder.display()));
        }
    }
    told
}
