//! The rows: found by their number, kept in the order in which they are shown, summed up as they change.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use cairn_engine::{State, UploadId, View};
use leptos::prelude::*;

use crate::shell::{FolderId, FolderView};
use crate::state::totals::Totals;

/// One file's row.
#[derive(Clone)]
pub struct Row {
    /// Its upload.
    pub id: UploadId,
    /// What there is to see of it.
    pub view: ArcRwSignal<View>,
}

/// One folder's row.
#[derive(Clone)]
pub struct FolderRow {
    /// Which folder.
    pub id: FolderId,
    /// What there is to see of it.
    pub view: ArcRwSignal<FolderView>,
}

/// Which row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowId {
    /// A file's.
    File(UploadId),
    /// A folder's.
    Folder(FolderId),
}

/// One row of either kind.
#[derive(Clone)]
pub enum Line {
    /// A file's.
    File(Row),
    /// A folder's.
    Folder(FolderRow),
}

impl Line {
    /// Which one it is.
    pub const fn id(&self) -> RowId {
        match self {
            Self::File(row) => RowId::File(row.id),
            Self::Folder(row) => RowId::Folder(row.id),
        }
    }

    fn totals(&self) -> Totals {
        match self {
            Self::File(row) => row.view.with_untracked(Totals::of),
            Self::Folder(row) => row.view.with_untracked(Totals::of_folder),
        }
    }

    fn state(&self) -> State {
        match self {
            Self::File(row) => row.view.with_untracked(|view| view.state),
            Self::Folder(row) => row.view.with_untracked(|view| view.state),
        }
    }

    fn counts_down(&self) -> bool {
        match self {
            Self::File(row) => row.view.with_untracked(|view| view.retry_at.is_some()),
            Self::Folder(row) => row.view.with_untracked(|view| view.retry_at.is_some()),
        }
    }
}

/// What comes first: what has begun, what waits for its turn, what is through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Begun,
    Queued,
    Over,
}

impl Rank {
    /// A row moves twice at most, so that nobody's pointer misses a button: who has begun stays so until the end.
    const fn after(self, state: State) -> Self {
        match (self, state) {
            (_, State::Done) => Self::Over,
            (Self::Queued, State::Waiting) => Self::Queued,
            (Self::Begun | Self::Queued | Self::Over, _) => Self::Begun,
        }
    }
}

/// Where a row stands: of one rank, the newest first.
type Spot = (Rank, Reverse<u32>);

/// All rows.
#[derive(Default)]
pub(super) struct Rows {
    lines: BTreeMap<Spot, Line>,
    spots: HashMap<RowId, Spot>,
    came: u32,
    totals: Totals,
    counting: HashSet<RowId>,
}

impl Rows {
    /// A file's row.
    pub(super) fn file(&self, id: UploadId) -> Option<Row> {
        match self.line(RowId::File(id))? {
            Line::File(row) => Some(row.clone()),
            Line::Folder(_) => None,
        }
    }

    /// A folder's row.
    pub(super) fn folder(&self, id: FolderId) -> Option<FolderRow> {
        match self.line(RowId::Folder(id))? {
            Line::Folder(row) => Some(row.clone()),
            Line::File(_) => None,
        }
    }

    fn line(&self, id: RowId) -> Option<&Line> {
        self.lines.get(self.spots.get(&id)?)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// The sum of all.
    pub(super) const fn totals(&self) -> Totals {
        self.totals
    }

    /// Whether any counts down to a time.
    pub(super) fn any_counts(&self) -> bool {
        !self.counting.is_empty()
    }

    /// All of them, as they are shown.
    pub(super) fn in_order(&self) -> impl Iterator<Item = &Line> {
        self.lines.values()
    }

    /// A new one.
    pub(super) fn insert(&mut self, line: Line) {
        let spot = (Rank::Queued.after(line.state()), Reverse(self.came));
        self.came += 1;
        self.totals += line.totals();
        self.note(&line);
        self.spots.insert(line.id(), spot);
        self.lines.insert(spot, line);
    }

    /// One looks different, `before` aside; true where it stands elsewhere now.
    pub(super) fn changed(&mut self, id: RowId, before: Totals) -> bool {
        let Some(spot) = self.spots.get(&id).copied() else { return false };
        let Some(line) = self.lines.get(&spot).cloned() else { return false };
        self.totals -= before;
        self.totals += line.totals();
        self.note(&line);
        let next = (spot.0.after(line.state()), spot.1);
        if next != spot {
            self.lines.remove(&spot);
            self.lines.insert(next, line);
            self.spots.insert(id, next);
        }
        next != spot
    }

    /// It is nobody's any more; true where there was one.
    pub(super) fn remove(&mut self, id: RowId) -> bool {
        let line = self.spots.remove(&id).and_then(|spot| self.lines.remove(&spot));
        if let Some(line) = &line {
            self.totals -= line.totals();
            self.counting.remove(&id);
        }
        line.is_some()
    }

    fn note(&mut self, line: &Line) {
        if line.counts_down() {
            self.counting.insert(line.id());
        } else {
            self.counting.remove(&line.id());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn view(state: State) -> View {
        View { stored: 4, speed: Some(2), ..View::of("a".parse().unwrap(), 10, state) }
    }

    fn set(rows: &mut Rows, id: u32, state: State) {
        match rows.file(UploadId(id)) {
            Some(row) => {
                let before = row.view.with_untracked(Totals::of);
                row.view.set(view(state));
                rows.changed(RowId::File(UploadId(id)), before);
            }
            None => {
                rows.insert(Line::File(Row { id: UploadId(id), view: ArcRwSignal::new(view(state)) }));
            }
        }
    }

    fn order(rows: &Rows) -> Vec<u32> {
        let number = |line: &Line| match line.id() {
            RowId::File(id) => id.0,
            RowId::Folder(id) => id.0,
        };
        rows.in_order().map(number).collect()
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn what_goes_on_and_what_is_new_come_first() {
        let mut rows = Rows::default();
        (1..=4).for_each(|id| set(&mut rows, id, State::Waiting));
        assert_eq!(order(&rows), [4, 3, 2, 1]);
        set(&mut rows, 1, State::Reading);
        set(&mut rows, 2, State::Sending);
        assert_eq!(order(&rows), [2, 1, 4, 3]);
        set(&mut rows, 2, State::Done);
        assert_eq!(order(&rows), [1, 4, 3, 2]);
        // Whoever paused it finds it where it was, also when it goes on.
        set(&mut rows, 1, State::Paused);
        set(&mut rows, 1, State::Waiting);
        assert_eq!(order(&rows), [1, 4, 3, 2]);
        set(&mut rows, 5, State::Waiting);
        assert_eq!(order(&rows), [1, 5, 4, 3, 2]);
        assert!(rows.remove(RowId::File(UploadId(4))) && !rows.remove(RowId::File(UploadId(4))));
        assert_eq!(order(&rows), [1, 5, 3, 2]);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn the_sum_is_that_of_the_rows_whatever_happens_to_them() {
        let states = [State::Waiting, State::Sending, State::Paused, State::Failed, State::Done];
        let mut rows = Rows::default();
        for step in 0..200u32 {
            let id = step * 7 % 23;
            if step % 11 == 3 {
                rows.remove(RowId::File(UploadId(id)));
            } else {
                set(&mut rows, id, states[step as usize * 3 % states.len()]);
            }
            let mut sum = Totals::default();
            rows.in_order().for_each(|line| sum += line.totals());
            assert_eq!(rows.totals(), sum, "step {step}");
        }
        assert!(rows.len() > 10 && !rows.any_counts());
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn knows_whether_any_row_counts_down() {
        let mut rows = Rows::default();
        set(&mut rows, 1, State::Offline);
        assert!(!rows.any_counts());
        let row = rows.file(UploadId(1)).unwrap();
        let before = row.view.with_untracked(Totals::of);
        row.view.set(View { retry_at: Some(5), ..view(State::Offline) });
        rows.changed(RowId::File(UploadId(1)), before);
        assert!(rows.any_counts());
        rows.remove(RowId::File(UploadId(1)));
        assert!(!rows.any_counts());
    }
}
