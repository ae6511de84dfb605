//! Carries out what the operator asks for, over the stores of a running server or over those that were opened for it.

use std::path::Path;
use std::sync::Arc;

use cairn_shared::UnixMs;
use cairn_store::StoreError;
use cairn_store::ground::{self, Opened, Options};
use cairn_store::meta::Library;
use tokio::sync::mpsc;

use super::message::{Command, Event, Outcome};
use super::{check, owners, remove, scrub};
use crate::access::{AdminRight, admin_right_by_files};
use crate::cairn::{Cairn, Stores};
use crate::platform;
use crate::upkeep::Figures;

/// Where the operator's work is done.
pub struct Desk {
    pub(super) stores: Stores,
    /// The server, where it runs.
    pub(super) cairn: Option<Arc<Cairn>>,
    /// Nothing can be noted, or taken out of use.
    pub(super) is_only_read: bool,
}

/// Why something was not carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The store can't.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nobody listens any more.
    #[error("nobody listens any more")]
    Left,
    /// It can't be done, for this reason.
    #[error("{0}")]
    Refused(String),
}

/// Where what happens is told.
#[derive(Clone)]
pub(super) struct Told(mpsc::Sender<Event>);

impl Told {
    /// Waits until there is room; whoever stops listening stops the work.
    pub(super) async fn tell(&self, event: Event) -> Result<(), Failure> {
        self.0.send(event).await.map_err(|_| Failure::Left)
    }

    /// Waits until nobody listens any more.
    pub(super) async fn left(&self) {
        self.0.closed().await;
    }
}

impl Desk {
    /// In a running server.
    pub(crate) fn of(cairn: Arc<Cairn>) -> Self {
        Self { stores: cairn.stores(), cairn: Some(cairn), is_only_read: false }
    }

    /// Over the data folder of a server that doesn't run, opened as a server opens it. Takes as long as a start.
    pub async fn open(data: &Path) -> Result<Self, StoreError> {
        let (index, fresh) = (Library::of(data), platform::fresh()?);
        let Opened { meta, chunks, .. } =
            ground::open(data, Options { index, compress: false, may_found: false, fresh }).await?;
        Ok(Self { stores: Stores { meta, chunks }, cairn: None, is_only_read: false })
    }

    /// Over a data folder that can't, or shall not, be changed.
    pub fn reading(data: &Path) -> Result<Self, StoreError> {
        let meta = cairn_store::meta::open_reading(data)?;
        let chunks = cairn_store::chunk::open_reading(data)?;
        Ok(Self { stores: Stores { meta, chunks }, cairn: None, is_only_read: true })
    }

    /// Carries out what is asked for, for whoever opened the files. The last event is `Ended` or `Refused`. It stops gently where the
    /// receiver is closed.
    pub async fn carry_out(&self, command: Command, events: mpsc::Sender<Event>) {
        self.serve(&admin_right_by_files(), command, events).await;
    }

    /// The same, for whoever has the right to.
    pub(super) async fn serve(&self, right: &AdminRight, command: Command, events: mpsc::Sender<Event>) {
        let told = Told(events);
        let last = match self.run(right, command, &told).await {
            Ok(outcome) => Event::Ended { outcome },
            Err(Failure::Left) => return,
            Err(failure) => Event::Refused { why: failure.to_string() },
        };
        // Whoever has left needs no last word.
        drop(told.tell(last).await);
    }

    async fn run(&self, right: &AdminRight, command: Command, told: &Told) -> Result<Outcome, Failure> {
        match command {
            Command::Check => check::check(self, right, told).await,
            Command::Scrub { again, limit } => scrub::scrub(self, right, told, again, limit).await,
            Command::Stats => {
                told.tell(Event::Stats(Figures::count(&self.stores, self.now()).await?)).await?;
                Ok(Outcome::Done)
            }
            Command::Owners => owners::list(self, right, told).await,
            Command::Find { what } => {
                told.tell(Event::Found(remove::find(self, right, &what).await?)).await?;
                Ok(Outcome::Done)
            }
            Command::Remove { what } => {
                if self.is_only_read {
                    return Err(Failure::Refused("the data folder can only be read".to_owned()));
                }
                remove::remove(self, right, told, &what).await
            }
        }
    }

    /// The time now.
    pub(super) fn now(&self) -> UnixMs {
        self.cairn.as_ref().map_or_else(platform::now, |cairn| cairn.now())
    }
}
