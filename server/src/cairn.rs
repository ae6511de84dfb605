//! What every service works with: the stores, the secret, the settings and the clock.

use std::sync::Arc;
use std::time::Duration;

use cairn_shared::{OwnerId, UnixMs};
use cairn_store::model::ClockMark;
use cairn_store::{ChunkStore, MetaStore};
use tokio::sync::{Mutex, Semaphore, watch};

use crate::access::{Asker, Secret};
use crate::budget::{LongLooks, Rated, Rates};
use crate::config::Config;
use crate::dedup::Dedup;
use crate::http::Seats;
use crate::platform;
use crate::refusal::{Answer, Refusal};
use crate::space::Space;
use crate::stages::download::{Lanes, Starts};
use crate::upkeep::{Clock, Follower};

/// With the rows of each, a quarter of the fewest open files that a system gives (`http/connections.rs`).
const GATHERING_MAX: usize = 16;

/// How long a guest who asks too often waits for being told so: less than he is told to wait.
const REFUSED_AFTER: Duration = Duration::from_millis(500);

/// Where facts and bytes are kept.
#[derive(Clone)]
pub struct Stores {
    /// The facts.
    pub meta: Arc<dyn MetaStore>,
    /// The bytes.
    pub chunks: Arc<dyn ChunkStore>,
}

/// A running Cairn, without its sockets.
pub struct Cairn {
    pub(crate) meta: Arc<dyn MetaStore>,
    pub(crate) chunks: Arc<dyn ChunkStore>,
    pub(crate) space: Space,
    pub(crate) dedup: Dedup,
    rates: Rates,
    /// Looks at many rows.
    pub(crate) looks: LongLooks,
    pub(crate) secret: Secret,
    pub(crate) config: Config,
    pub(crate) follower: Follower,
    /// Runs that may have several chunks open at the same time; the others have one.
    pub(crate) gathering: Semaphore,
    pub(crate) starts: Arc<Starts>,
    /// Downloads that may have two chunks open, and much of them in memory.
    pub(crate) lanes: Lanes,
    /// Held by who reads all chunks: one at a time.
    pub(crate) scrubbing: Mutex<()>,
    /// The server has been told to stop: what is open without a request on it is closed.
    pub(crate) stopping: watch::Sender<bool>,
    /// What one address may have at the same time.
    pub(crate) seats: Seats,
    pub(crate) clock: Arc<Clock>,
}

impl Cairn {
    pub(crate) fn new(stores: Stores, secret: Secret, config: Config, follower: Follower) -> Self {
        let space = Space::new(stores.chunks.clone());
        let clock = Clock::new(config.session_ttl, platform::now, platform::passed_ms);
        let rates = Rates::new(&config.rates);
        let lanes = Lanes::new(config.download_ahead_bytes);
        let seats = Seats::new(config.address_connections, config.trusted_proxies.clone());
        stores.meta.limit_guests(config.guest_facts.limits());
        Self {
            meta: stores.meta,
            chunks: stores.chunks,
            space,
            dedup: Dedup::new(),
            rates,
            looks: LongLooks::new(),
            secret,
            config,
            follower,
            gathering: Semaphore::new(GATHERING_MAX),
            starts: Arc::new(Starts::new()),
            lanes,
            scrubbing: Mutex::new(()),
            stopping: watch::Sender::new(false),
            seats,
            clock: Arc::new(clock),
        }
    }

    /// The same with what was noted of the clock before the server was started.
    pub(crate) fn with_mark(self, mark: Option<ClockMark>) -> Self {
        self.clock.go_on_after(mark);
        self
    }

    /// The same with other clocks: that of the wall, and that of what passes.
    #[cfg(test)]
    pub(crate) fn with_clock(self, wall: fn() -> UnixMs, passed: fn() -> u64) -> Self {
        Self { clock: Arc::new(Clock::new(self.config.session_ttl, wall, passed)), ..self }
    }

    /// The stores, for whoever outlives a request.
    pub(crate) fn stores(&self) -> Stores {
        Stores { meta: self.meta.clone(), chunks: self.chunks.clone() }
    }

    /// The time now.
    pub(crate) fn now(&self) -> UnixMs {
        self.clock.wall()
    }

    /// The time by which things end: a clock that jumps ends nothing until time has passed.
    pub(crate) fn sure_now(&self) -> UnixMs {
        self.clock.sure()
    }

    /// A fresh 128-bit id.
    pub(crate) fn fresh_id(&self) -> Answer<[u8; 16]> {
        platform::random().map_err(Refusal::internal)
    }

    /// Refuses a guest who asks too often, and not at once: who comes again and again without waiting would keep the server busy with
    /// refusals. Requests from this machine are not counted.
    pub(crate) async fn admit(
        &self,
        what: Rated,
        asker: &Asker,
        owner: Option<OwnerId>,
        count: u32,
    ) -> Answer<()> {
        if asker.is_local() {
            return Ok(());
        }
        let admitted = self.rates.admit(what, asker.address, owner, count);
        if admitted.is_err() {
            tokio::time::sleep(REFUSED_AFTER).await;
        }
        admitted
    }

    /// When a session that is started now ends, unless chunks arrive.
    pub(crate) fn expires_at(&self, now: UnixMs) -> UnixMs {
        now.saturating_add(millis(self.config.session_ttl))
    }

    /// When a session ends at the earliest, once a chunk has arrived now: a third of its time later.
    pub(crate) fn extended_to(&self, now: UnixMs) -> UnixMs {
        now.saturating_add(millis(self.config.session_ttl) / 3)
    }
}

/// A span of time in milliseconds.
pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
