//! The runs of a store: every opening has a number and an id, and began behind some frame of the log. The list lies beside the
//! log's segments, so it is the log's own history, whatever index and snapshots say.
//!
//! A moment is a run and a frame: it belongs to the history of a log where the log knows the run, and the run went on that far. So an index, a snapshot or
//! chunks that come from another time, or from a copy of the store that went its own way, are told from what the log has been.
//!
//! `log/runs` is text: `cairn runs of store <id>`, `adopted <sequence>`, then `<number> <id> <first sequence>` for each run, oldest first, and `crc
//! <crc32c of all that, 8 hexadecimal digits>`.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use super::StoreId;
use super::witness::Run;
use crate::disk::{Disk, read_file, write_file};

/// Name of the file.
pub(crate) const FILE: &str = "runs";
const WORDS: &str = "cairn runs of store ";
/// Runs that are remembered. A moment of an earlier one is believed.
const KEPT: usize = 1_000;

/// A frame of the log, written in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) run: Run,
    pub(crate) sequence: u64,
}

/// Those that a log has been through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Runs {
    store: StoreId,
    /// Up to this frame every moment is believed: nobody kept runs then.
    adopted: u64,
    /// Each with the first frame that it may have written.
    list: Vec<(Run, u64)>,
}

impl Runs {
    /// None yet, behind the frame `adopted`.
    pub(crate) fn new(store: StoreId, adopted: u64) -> Self {
        Self { store, adopted, list: Vec::new() }
    }

    /// Reads the list beside the log of `store`; `None` where there is none, or another's.
    pub(crate) fn read(disk: &dyn Disk, log: &Path, store: StoreId) -> io::Result<Option<Self>> {
        match read_file(disk, &log.join(FILE)) {
            Ok(bytes) => {
                let runs = str::from_utf8(&bytes).ok().and_then(Self::parse);
                Ok(runs.filter(|runs| runs.store == store))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Durable when it returns.
    pub(crate) fn write(&self, disk: &dyn Disk, log: &Path) -> io::Result<()> {
        write_file(disk, &log.join(FILE), |file| file.write_at(self.words().as_bytes(), 0)).map(drop)
    }

    /// Whether this is a moment of the log's history.
    pub(crate) fn knows(&self, moment: Moment) -> bool {
        if moment.sequence <= self.adopted || moment.run == Run::NONE {
            return true;
        }
        let Some((oldest, _)) = self.list.first() else { return false };
        if moment.run.number < oldest.number && oldest.number > 1 {
            return true;
        }
        let Some(at) = self.list.iter().position(|(run, _)| *run == moment.run) else { return false };
        self.list.get(at + 1).is_none_or(|(_, began)| moment.sequence < *began)
    }

    /// The latest, and its first frame; or none.
    pub(crate) fn last(&self) -> (Run, u64) {
        self.list.last().copied().unwrap_or((Run::NONE, 0))
    }

    /// The next one begins with the frame `began`.
    pub(crate) fn begin(&mut self, id: [u8; 16], began: u64) {
        let (last, _) = self.last();
        self.add(Run { number: last.number + 1, id }, began);
    }

    /// One that is known from elsewhere.
    pub(crate) fn add(&mut self, run: Run, began: u64) {
        self.list.push((run, began));
        let over = self.list.len().saturating_sub(KEPT);
        self.list.drain(..over);
    }

    fn words(&self) -> String {
        let mut text = format!("{WORDS}{}\nadopted {}\n", self.store, self.adopted);
        for (run, began) in &self.list {
            // Writing to a string can't fail.
            let _ = writeln!(text, "{} {} {began}", run.number, StoreId::new(run.id));
        }
        let crc = crc32c::crc32c(text.as_bytes());
        let _ = writeln!(text, "crc {crc:08x}");
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let store = lines.next()?.strip_prefix(WORDS)?.parse().ok()?;
        let adopted = lines.next()?.strip_prefix("adopted ")?.parse().ok()?;
        let mut list = Vec::new();
        for line in lines.take_while(|line| !line.starts_with("crc ")) {
            let mut fields = line.split(' ');
            let number = fields.next()?.parse().ok()?;
            let id = *fields.next()?.parse::<StoreId>().ok()?.as_bytes();
            list.push((Run { number, id }, fields.next()?.parse().ok()?));
        }
        let runs = Self { store, adopted, list };
        (runs.words() == text).then_some(runs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::real;

    fn at(number: u64, id: u8, sequence: u64) -> Moment {
        Moment { run: Run { number, id: [id; 16] }, sequence }
    }

    fn three() -> Runs {
        let mut runs = Runs::new(StoreId::new([9; 16]), 5);
        for (id, began) in [(1, 10), (2, 20), (3, 20)] {
            runs.begin([id; 16], began);
        }
        runs
    }

    #[test]
    fn a_moment_belongs_to_the_history_that_went_through_it() {
        let runs = three();
        assert!(runs.knows(at(1, 1, 19)) && runs.knows(at(3, 3, 500)));
        assert!(!runs.knows(at(1, 1, 20)), "a copy was taken in the first run, and that went on");
        assert!(!runs.knows(at(2, 2, 20)), "the second run wrote nothing here");
        assert!(!runs.knows(at(3, 4, 21)) && !runs.knows(at(4, 4, 21)), "another's, and a later one");
        assert!(runs.knows(at(7, 7, 5)) && !runs.knows(at(7, 7, 6)), "adopted");
        assert!(runs.knows(Moment { run: Run::NONE, sequence: 0 }));
    }

    #[test]
    fn what_is_long_ago_is_forgotten_and_believed() {
        let mut runs = three();
        for began in 21..1_021 {
            runs.begin([7; 16], began);
        }
        assert_eq!((runs.list.len(), runs.last().0.number), (KEPT, 1_003));
        assert!(runs.knows(at(2, 8, 15)) && !runs.knows(at(500, 8, 600)));
    }

    #[test]
    fn the_list_is_read_as_it_was_written_and_not_where_a_bit_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let (disk, log, store) = (real(), folder.path(), StoreId::new([9; 16]));
        let read = |store| Runs::read(disk.as_ref(), log, store).unwrap();
        assert_eq!(read(store), None);
        three().write(disk.as_ref(), log).unwrap();
        assert_eq!(read(store), Some(three()));
        assert_eq!(read(StoreId::new([8; 16])), None);
        let whole = std::fs::read(log.join(FILE)).unwrap();
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            std::fs::write(log.join(FILE), flipped).unwrap();
            assert_eq!(read(store), None, "byte {at}");
        }
    }
}
