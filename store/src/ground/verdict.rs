//! Whether the parts of a data folder make one store. The table in docs/STORAGE.md has the cases.

use std::path::Path;

use super::StoreId;
use super::mark::Mark;
use super::secret::{self, Found};
use super::survey::{Part, Places, Survey};
use super::witness::{Seen, Testimony};
use crate::error::{Result, StoreError};
use crate::format::Format;

/// What may be done with the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing lies here: a store may be founded. The id is that of a founding which broke off.
    New(Option<StoreId>),
    /// From before stores had an id; the id is that of marks which an earlier start has left.
    Old(Option<StoreId>),
    /// One store.
    Whole { store: StoreId, seen: Seen },
}

/// Judges; `Apart` with everything that is wrong, and what to do.
pub(super) fn judge(survey: &Survey, places: &Places) -> Result<Verdict> {
    if survey.is_empty() {
        return Ok(Verdict::New(None));
    }
    let mut faults = Faults { places, list: Vec::new() };
    let verdict = match (&survey.format, survey.founding) {
        (None, Mark::Of(store)) => faults.founding(survey, store),
        (None, Mark::Missing | Mark::Unreadable) => faults.no_format(survey),
        (Some(Format::Old(_)), _) => faults.old(survey),
        (Some(Format::Owned { store, print }), _) => faults.owned(survey, *store, print.as_deref()),
    };
    match verdict {
        Some(verdict) if faults.list.is_empty() => Ok(verdict),
        Some(_) | None => Err(faults.error()),
    }
}

struct Faults<'a> {
    places: &'a Places,
    list: Vec<String>,
}

impl Faults<'_> {
    fn add(&mut self, fault: String) {
        self.list.push(fault);
    }

    fn error(&self) -> StoreError {
        let data = self.places.data.display();
        let list = self.list.iter().map(|fault| format!("\n- {fault}")).collect::<String>();
        StoreError::Apart(format!(
            "The data folder {data} is not one whole store. Nothing in it was touched.{list}\n\
             Bring back what is missing, or was exchanged, and start again (docs/STORAGE.md, \"The parts and whose they \
             are\"). Only where something beside the log is lost for good, `cairn admin adopt --data {data}` takes what is \
             there as one store: what was acknowledged later than this log says is lost then, and chunks that it does not \
             name are removed. It counts them and asks first."
        ))
    }

    /// A founding that broke off before anybody was told of the store.
    fn founding(&mut self, survey: &Survey, store: StoreId) -> Option<Verdict> {
        for (folder, part) in self.parts(survey) {
            if !matches!(part.mark, Mark::Missing) && part.mark != Mark::Of(store) {
                self.foreign(folder, part.mark, store);
            }
        }
        if survey.snapshots.has_content || survey.chunks.has_content || !survey.traces.is_empty() {
            self.no_format(survey);
        }
        Some(Verdict::New(Some(store)))
    }

    fn no_format(&mut self, survey: &Survey) -> Option<Verdict> {
        let marks = [survey.log.mark, survey.chunks.mark, survey.snapshots.mark];
        let store = marks.into_iter().find_map(|mark| match mark {
            Mark::Of(store) => Some(store),
            Mark::Missing | Mark::Unreadable => None,
        });
        let format = self.places.data.join("format");
        let path = format.display();
        let traces = if survey.traces.is_empty() {
            String::new()
        } else {
            format!(" There is: {}.", survey.traces.join(", "))
        };
        self.add(match store {
            Some(store) => {
                let print = match survey.secret {
                    Found::Secret(secret) => Some(secret::print(&secret)),
                    Found::Missing | Found::WrongLength(_) => None,
                };
                let words = Format::Owned { store, print }.words().replace('\n', "\\n");
                format!(
                    "{path} is missing. Is the disk of the data folder mounted? If it is, the file is made again by: printf '{words}' > {path}"
                )
            }
            None => format!("{path} is missing, and a store was here.{traces}"),
        });
        self.need_log(survey);
        self.need_chunks(survey);
        self.need_secret(survey, None);
        None
    }

    fn old(&mut self, survey: &Survey) -> Option<Verdict> {
        let marks: Vec<_> = self.parts(survey).into_iter().map(|(_, part)| part.mark).collect();
        let store = marks.iter().find_map(|mark| match mark {
            Mark::Of(store) => Some(*store),
            Mark::Missing | Mark::Unreadable => None,
        });
        for (folder, part) in self.parts(survey) {
            if part.mark != Mark::Missing && store.is_none_or(|store| part.mark != Mark::Of(store)) {
                self.add(format!("{} belongs to another store than the rest.", folder.display()));
            }
        }
        self.need_log(survey);
        self.need_chunks(survey);
        self.need_secret(survey, None);
        Some(Verdict::Old(store))
    }

    fn owned(&mut self, survey: &Survey, store: StoreId, print: Option<&str>) -> Option<Verdict> {
        self.need_log(survey);
        self.need_secret(survey, print);
        for (folder, part) in self.parts(survey) {
            let may_be_missing = folder == self.places.snapshots && !part.has_content;
            match part.mark {
                Mark::Of(found) if found == store => {}
                Mark::Missing if may_be_missing || !part.is_there => {}
                Mark::Missing | Mark::Of(_) | Mark::Unreadable => self.foreign(folder, part.mark, store),
            }
        }
        self.need_chunks(survey);
        match survey.witness {
            Testimony::Of(seen) if seen.store == store => Some(Verdict::Whole { store, seen }),
            // Of chunks that are not there, or another store's, enough was said.
            _ if survey.chunks.mark != Mark::Of(store) => None,
            Testimony::Of(_) | Testimony::Missing | Testimony::Unreadable => {
                let witness = self.places.chunks.join("witness");
                self.add(format!(
                    "{} is missing, damaged, or another store's: nobody can tell whether the log is the latest.",
                    witness.display()
                ));
                None
            }
        }
    }

    fn parts<'s>(&self, survey: &'s Survey) -> [(std::path::PathBuf, &'s Part); 3] {
        [
            (self.places.log.clone(), &survey.log),
            (self.places.snapshots.clone(), &survey.snapshots),
            (self.places.chunks.clone(), &survey.chunks),
        ]
    }

    fn need_log(&mut self, survey: &Survey) {
        let log = self.places.log.display();
        if !survey.log.is_there {
            self.add(format!("{log} is missing. Is its disk mounted?"));
        } else if !survey.log.has_content {
            self.add(format!("{log} is empty. Is its disk mounted?"));
        }
        self.need_snapshot(survey);
    }

    /// What a snapshot took the place of is gone from the log.
    fn need_snapshot(&mut self, survey: &Survey) {
        let first = survey.log.numbers.map_or(1, |(first, _)| first);
        let reaches = survey.snapshots.numbers.map_or(0, |(_, newest)| newest);
        if reaches + 1 < first {
            let snapshots = self.places.snapshots.display();
            self.add(format!(
                "{snapshots} is missing, empty or older than the log, which begins with record {first}: a snapshot takes the \
                 place of what was before."
            ));
        }
    }

    fn need_chunks(&mut self, survey: &Survey) {
        if !survey.chunks.is_there {
            let chunks = self.places.chunks.display();
            self.add(format!("{chunks} is missing. Is its disk mounted?"));
        }
    }

    fn need_secret(&mut self, survey: &Survey, print: Option<&str>) {
        let path = secret::path(&self.places.data);
        let path = path.display();
        match survey.secret {
            Found::Secret(secret) => {
                if print.is_some_and(|print| print != secret::print(&secret)) {
                    self.add(format!(
                        "{path} is not this store's. Where its own is lost for good, remove the line \"secret\" from the \
                         file format: links that were given still work, but are listed with addresses that lead nowhere, \
                         and uploads without an owner's key can't go on."
                    ));
                }
            }
            Found::WrongLength(bytes) => self.add(format!(
                "{path} has {bytes} bytes instead of {}. Bring it back from a backup.",
                secret::SECRET_BYTES
            )),
            Found::Missing => self.add(format!(
                "{path} is missing. Bring it back from a backup. Where there is none, `head -c 32 /dev/urandom > {path}` \
                 makes another, and the line \"secret\" has to go from the file format: links that were given still work, \
                 but are listed with addresses that lead nowhere, and uploads without an owner's key can't go on."
            )),
        }
    }

    fn foreign(&mut self, folder: impl AsRef<Path>, mark: Mark, store: StoreId) {
        let folder = folder.as_ref().display();
        self.add(match mark {
            Mark::Of(other) => format!("{folder} belongs to the store {other}, and this folder to {store}."),
            Mark::Missing => {
                format!("{folder} does not say whose it is ({folder}/store is missing). Is its disk mounted?")
            }
            Mark::Unreadable => format!("{folder}/store does not say whose {folder} is."),
        });
    }
}
