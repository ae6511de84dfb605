//! Who goes on with an upload: it is handed over to another device, or taken over from one.

use cairn_engine::UploadId;
use cairn_shared::HandOver;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::platform::document;
use crate::shell::Unfinished;
use crate::state::language::Language;
use crate::state::notices::Notices;
use crate::state::running::Running;

/// The dialog that shows the link.
pub const HAND_OVER_DIALOG: &str = "hand-over";

/// What is being handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handing {
    /// The file's name, as people read it.
    pub name: String,
    /// The link, to be opened on the other device.
    pub link: String,
}

/// Who has what is unfinished.
#[derive(Clone, Copy)]
pub struct Identity {
    /// What the dialog hands over.
    pub handing: RwSignal<Option<Handing>>,
    language: Language,
    notices: Notices,
    running: Running,
}

impl Identity {
    /// Nothing is handed over.
    pub fn new(language: Language, notices: Notices, running: Running) -> Self {
        Self { handing: RwSignal::default(), language, notices, running }
    }

    /// That of the page that a component belongs to.
    pub fn here() -> Self {
        expect_context()
    }

    /// Hands over an upload of this tab, which waits from now on.
    pub fn hand_over(self, upload: UploadId) {
        let Some(shell) = self.running.shell() else { return };
        match shell.hand_over(upload) {
            Some(handed) => {
                shell.pause(&[upload]);
                self.show(&handed);
            }
            None => self.notices.notice.set(Some(self.language.word(|words| &words.hand_over_early))),
        }
    }

    /// Hands over what an earlier visit left.
    pub fn hand_over_left(self, left: &Unfinished) {
        let (shell, key) = (self.running.shell(), left.key);
        spawn_local(async move {
            let Some(shell) = shell else { return };
            if let Some(handed) = shell.hand_over_left(key).await {
                self.show(&handed);
            }
        });
    }

    fn show(self, handed: &HandOver) {
        let link = document::absolute(&format!("/#{}", handed.fragment()));
        self.handing.set(Some(Handing { name: handed.name.visible(), link }));
        document::show_dialog(HAND_OVER_DIALOG);
    }

    /// Takes over what an address hands over.
    pub(super) fn take_over(self, fragment: &str) {
        match fragment.parse() {
            Ok(handed) => self.running.with(|shell| shell.take_over(handed)),
            Err(_) => self.notices.notice.set(Some(self.language.word(|words| &words.hand_over_broken))),
        }
    }
}
