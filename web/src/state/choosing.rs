//! How a person chooses: by drop, by picker, and again.

use cairn_shared::ClientKey;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::platform::document;
use crate::platform::drop::Dropped;
use crate::platform::files::{self, Taken};
use crate::platform::handle::{self, NotPicked};
use crate::shell::{Left, Unfinished};
use crate::state::language::Language;
use crate::state::notices::Notices;
use crate::state::running::Running;
use crate::state::uploads::Uploads;

/// The input behind every button that chooses files, where the browser has no better picker.
pub const PICKER_INPUT: &str = "file-input";
/// As above, for a folder.
pub const FOLDER_INPUT: &str = "folder-input";

/// The way in.
#[derive(Clone, Copy)]
pub struct Choosing {
    /// Files hover over the window.
    pub hovered: RwSignal<bool>,
    language: Language,
    notices: Notices,
    uploads: Uploads,
    running: Running,
    /// What came before the shell had started.
    early: StoredValue<Taken, LocalStorage>,
    /// The name that `continue` asked for.
    wanted: StoredValue<Option<String>>,
}

impl Choosing {
    /// Nothing was chosen yet.
    pub fn new(language: Language, notices: Notices, uploads: Uploads, running: Running) -> Self {
        Self {
            hovered: RwSignal::new(false),
            language,
            notices,
            uploads,
            running,
            early: StoredValue::new_local(Taken::default()),
            wanted: StoredValue::new(None),
        }
    }

    /// That of the page that a component belongs to.
    pub fn here() -> Self {
        expect_context()
    }

    /// Something was picked.
    pub fn picked(self, taken: Taken) {
        let wanted = self.wanted.try_update_value(Option::take).flatten();
        self.notices.notice.set(wanted.filter(|name| !taken.holds(name)).map(|name| {
            let shown = cairn_shared::name::visible(&name);
            self.language.named(|words| &words.not_that_file, &shown)
        }));
        self.add(taken);
    }

    /// Something was dropped.
    pub fn dropped(self, dropped: Dropped) {
        self.notices.notice.set(None);
        spawn_local(async move { self.add(dropped.take().await) });
    }

    /// Opens the picker.
    pub fn choose(self) {
        self.pick(None);
    }

    /// Opens the picker for a file of that name.
    pub fn choose_again(self, name: String) {
        self.pick(Some(name));
    }

    /// Opens the picker for a folder.
    pub fn choose_folder(self) {
        self.pick_folder(None);
    }

    /// Goes on with one by its handle, or opens the picker for it.
    pub fn go_on(self, left: &Unfinished) {
        if left.has_handle && !left.lost {
            self.running.with(|shell| shell.go_on(&[left.key]));
            return;
        }
        let name = Some(left.name.as_str().to_owned());
        match left.left {
            Left::File { .. } => self.pick(name),
            Left::Folder { .. } => self.pick_folder(name),
        }
    }

    /// Goes on with all that have a handle.
    pub fn go_on_all(self) {
        let keys = self.continuable();
        self.running.with(|shell| shell.go_on(&keys));
    }

    /// What goes on by a click alone.
    pub fn continuable(self) -> Vec<ClientKey> {
        let ready = |left: &&Unfinished| left.has_handle && !left.lost && !left.elsewhere;
        self.uploads.unfinished.with(|all| all.iter().filter(ready).map(|left| left.key).collect())
    }

    /// Takes what came before the shell had started.
    pub(super) fn add_early(self) {
        self.add(self.early.try_update_value(std::mem::take).unwrap_or_default());
    }

    fn add(self, taken: Taken) {
        match self.running.shell() {
            Some(shell) if !taken.is_empty() => shell.add(taken),
            Some(_) => {}
            None => self.early.update_value(|early| early.extend(taken)),
        }
    }

    fn pick(self, wanted: Option<String>) {
        self.wanted.set_value(wanted);
        if !handle::has_pickers() {
            document::click(PICKER_INPUT);
            return;
        }
        spawn_local(async move {
            match files::pick_files().await {
                Ok(taken) => self.picked(taken),
                Err(NotPicked::Cancelled) => {}
                Err(NotPicked::Broken) => document::click(PICKER_INPUT),
            }
        });
    }

    /// Nobody else looks into a folder that was picked: what its handle leaves out can't be counted, only told of.
    fn say_what_handles_hide(self) {
        if self.notices.notice.with_untracked(Option::is_none) {
            let words = self.language.word(|words| &words.folder_picked);
            self.notices.notice.set(Some(words));
        }
    }

    fn pick_folder(self, wanted: Option<String>) {
        self.wanted.set_value(wanted);
        if !handle::has_pickers() {
            document::click(FOLDER_INPUT);
            return;
        }
        spawn_local(async move {
            match files::pick_folder().await {
                Ok(taken) => {
                    self.picked(taken);
                    self.say_what_handles_hide();
                }
                Err(NotPicked::Cancelled) => {}
                Err(NotPicked::Broken) => document::click(FOLDER_INPUT),
            }
        });
    }
}
