//! The page's state in its parts: each is given to the components by context.

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::shell::Shell;
use crate::state::choosing::Choosing;
use crate::state::identity::Identity;
use crate::state::language::Language;
use crate::state::library::Library;
use crate::state::notices::Notices;
use crate::state::place::Address;
use crate::state::running::Running;
use crate::state::uploads::Uploads;
use crate::state::watch::Watch;
use crate::state::words::Words;

/// All parts; components take those they need by `here()`.
#[derive(Clone, Copy)]
pub struct Page {
    /// What it speaks.
    pub language: Language,
    /// What it tells.
    pub notices: Notices,
    /// What it sends.
    pub uploads: Uploads,
    /// What was sent earlier.
    pub library: Library,
    /// Who goes on with what is unfinished.
    pub identity: Identity,
    /// How files come in.
    pub choosing: Choosing,
    /// What it shows.
    pub address: Address,
    running: Running,
}

impl Page {
    /// An empty page in that language, without a shell.
    pub fn new(words: Words) -> Self {
        let (language, running) = (Language::new(words), Running::new());
        let notices = Notices::new(language);
        let uploads = Uploads::new(language, notices, running);
        let identity = Identity::new(language, notices, running);
        Self {
            language,
            notices,
            uploads,
            library: Library::new(uploads, running),
            identity,
            choosing: Choosing::new(language, notices, uploads, running),
            address: Address::new(identity),
            running,
        }
    }

    /// Gives the parts to every component below the one that is being made.
    pub fn provide(self) {
        provide_context(self.language);
        provide_context(self.notices);
        provide_context(self.uploads);
        provide_context(self.library);
        provide_context(self.identity);
        provide_context(self.choosing);
        provide_context(self.address);
    }

    /// Starts the shell, and shows what it knows.
    pub fn start(self) {
        let Self { language, notices, uploads, .. } = self;
        uploads.follow_the_browser();
        spawn_local(async move {
            let Some(shell) = Shell::start(Watch { language, notices, uploads }).await else {
                return notices.reads(false);
            };
            shell.limit(uploads.limit.get_untracked().bytes());
            self.running.begin(shell);
            self.address.follow();
            self.choosing.add_early();
            self.library.list().await;
        });
    }
}
