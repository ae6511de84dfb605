//! Handing an unfinished upload over to another device, and taking one over.

use cairn_engine::UploadId;
use cairn_shared::HandOver;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::platform::document;
use crate::shell::Unfinished;
use crate::state::page::Page;

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

impl Page {
    /// Hands over an upload of this tab, which waits from now on.
    pub fn hand_over(self, upload: UploadId) {
        let Some(shell) = self.shell.get_value() else { return };
        match shell.hand_over(upload) {
            Some(handed) => {
                self.pause(upload);
                self.show_handing(&handed);
            }
            None => self.notice.set(Some(self.word(|words| &words.hand_over_early))),
        }
    }

    /// Hands over what an earlier visit left.
    pub fn hand_over_left(self, left: &Unfinished) {
        let (shell, key) = (self.shell.get_value(), left.key);
        spawn_local(async move {
            let Some(shell) = shell else { return };
            if let Some(handed) = shell.hand_over_left(key).await {
                self.show_handing(&handed);
            }
        });
    }

    fn show_handing(self, handed: &HandOver) {
        let link = document::absolute(&format!("/#{}", handed.fragment()));
        self.handing.set(Some(Handing { name: handed.name.visible(), link }));
        document::show_dialog(HAND_OVER_DIALOG);
    }

    /// Takes over what the page's address hands over, now and whenever it changes.
    pub(super) fn follow_address(self) {
        self.take_over();
        document::on_fragment(move || self.take_over());
    }

    fn take_over(self) {
        // It holds a key: it stays neither in sight nor in the history.
        let Some(fragment) = document::take_fragment(HandOver::is_meant) else { return };
        match fragment.parse() {
            Ok(handed) => self.with_shell(|shell| shell.take_over(handed)),
            Err(_) => self.notice.set(Some(self.word(|words| &words.hand_over_broken))),
        }
    }
}
