//! Puts routes, walls and jobs together, and runs them.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{Server, ServerHandle, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, web};
use cairn_store::ground::{self, Options};
use cairn_store::{MetaStore, StoreError};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::access::{HostRule, Secret};
use crate::admin::Door;
use crate::cairn::{Cairn, Stores};
use crate::config::Config;
use crate::http::{Manners, Pace, harden, keep_private};
use crate::upkeep::{Behind, Follower, TURN_BYTES, checkpoint, follow, keep_time, note_time, sweep};
use crate::waiting::Waiting;
use crate::wiring::{not_found, resources};
use crate::{http, page, platform};

/// Pause between two looks whether the store is still open.
const CLOSED_LOOK_EVERY: Duration = Duration::from_millis(500);
/// A start that takes longer answers meanwhile that it does.
const SOON: Duration = Duration::from_millis(500);
/// Pause before closed stores are opened again.
const REOPEN_AFTER: Duration = Duration::from_secs(1);
/// How often that is tried where waiting hardly helps.
const REOPEN_TRIES: u32 = 30;
/// How long a connection may rest between two requests.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a stop waits for the last note of the time.
const NOTE_TIME: Duration = Duration::from_secs(5);
/// How often it is looked whether the stores are still in use, and how many times.
const LET_GO_LOOK_EVERY: Duration = Duration::from_millis(10);
const LET_GO_LOOKS: u32 = 1_000;

/// A server that has begun to listen.
pub struct Running {
    /// Where it listens; the real port where 0 was asked for.
    pub address: SocketAddr,
    server: Server,
    listener: TcpListener,
    meta: Arc<dyn MetaStore>,
    cairn: Arc<Cairn>,
    jobs: Vec<tokio::task::JoinHandle<()>>,
    behind: [Behind; 2],
    stopping: watch::Sender<bool>,
}

/// Why a server ended.
#[derive(Debug)]
pub enum Ended {
    /// It was told to.
    Stopped,
    /// Its store takes nothing more: opened again, it goes on from what is on disk.
    StoreClosed {
        /// Why.
        why: String,
        /// Where it listened, and who answers next does.
        listener: TcpListener,
    },
}

impl Running {
    /// Stops it gently from elsewhere.
    pub fn handle(&self) -> ServerHandle {
        self.server.handle()
    }

    /// Serves until it is told to stop, or until the store closes; then lets running requests end.
    pub async fn wait(self, told: impl Future<Output = ()>) -> io::Result<Ended> {
        let handle = self.server.handle();
        let mut server = pin!(self.server);
        let mut is_told = false;
        let outcome = tokio::select! {
            outcome = &mut server => outcome,
            () = async {
                tokio::select! {
                    () = told => is_told = true,
                    () = store_closes(&self.meta) => {}
                }
                self.stopping.send_replace(true);
                handle.stop(true).await;
            } => server.await,
        };
        for job in self.jobs {
            job.abort();
            // It holds nothing of the stores any more, but for a blocking operation that it had begun: that ends by itself, a
            // snapshot at the next frame after the store closed.
            drop(job.await);
        }
        for behind in self.behind {
            behind.stop().await;
        }
        let closed = self.meta.closed().filter(|_| !is_told);
        if self.meta.closed().is_none() {
            // What has been waited for counts at the next start. A disk that hangs is not waited for.
            let _ = tokio::time::timeout(NOTE_TIME, note_time(&self.cairn, None)).await;
        }
        drop(self.cairn);
        let_go(&self.meta).await;
        let listener = self.listener;
        outcome.map(|()| closed.map_or(Ended::Stopped, |why| Ended::StoreClosed { why, listener }))
    }
}

/// Waits until nobody else has the stores. The server's threads let go of them a moment after it says that it has stopped, and a
/// process that ends before that ends as if it was killed: the store would not be closed.
async fn let_go(meta: &Arc<dyn MetaStore>) {
    for _ in 0..LET_GO_LOOKS {
        if Arc::strong_count(meta) == 1 {
            return;
        }
        tokio::time::sleep(LET_GO_LOOK_EVERY).await;
    }
    tracing::warn!("the stores are still in use and are not closed; the next start takes a little longer");
}

/// SIGTERM and SIGINT, from when this is made until it is dropped: none gets lost between one run and the next.
pub struct Stop([Signal; 2]);

impl Stop {
    /// Begins to listen for them. To be made before anybody is told that the server runs.
    pub fn listen() -> io::Result<Self> {
        Ok(Self([signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?]))
    }

    /// Waits for the first.
    pub async fn told(&mut self) {
        let [terminate, interrupt] = &mut self.0;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
}

async fn store_closes(meta: &Arc<dyn MetaStore>) {
    while meta.closed().is_none() {
        tokio::time::sleep(CLOSED_LOOK_EVERY).await;
    }
}

/// Listens, and opens the data folder, in which a store is founded where it is empty. The stores may be given, for tests.
pub async fn start(config: Config, stores: Option<Stores>) -> anyhow::Result<Running> {
    let listener = TcpListener::bind(config.listen)
        .map_err(|error| anyhow::anyhow!("can't listen on {}: {error}", config.listen))?;
    let opened = match stores {
        Some(stores) => (stores, Secret::new(platform::random()?)),
        None => {
            let mut opening = pin!(open(&config, true));
            match tokio::time::timeout(SOON, &mut opening).await {
                Ok(opened) => opened?,
                Err(_) => {
                    let waiting = Waiting::begin(&listener)?;
                    let opened = opening.await;
                    waiting.end().await;
                    opened?
                }
            }
        }
    };
    run(config, opened, listener).await
}

/// Opens the data folder again, however long that takes, once the last request of the run before has let go of it. Nothing is founded there: where
/// nothing lies, a disk is away. `told` hears why it does not open yet. An error where waiting does not help.
pub async fn start_again(
    config: Config,
    listener: TcpListener,
    told: &mut (dyn FnMut(&str) + Send),
) -> anyhow::Result<Running> {
    let waiting = Waiting::begin(&listener)?;
    let (mut tries, mut said) = (0, String::new());
    let opened = loop {
        tokio::time::sleep(REOPEN_AFTER).await;
        tries += 1;
        // What the first look at it says is part of it: a disk may go away again at once.
        let looked = match open(&config, false).await {
            Ok(opened) => opened.0.meta.clock_mark().await.map(|_| opened),
            Err(error) => Err(error),
        };
        let error = match looked {
            Ok(opened) => break Ok(opened),
            Err(error) => error,
        };
        let may_help = !matches!(error, StoreError::Damaged(_) | StoreError::Newer { .. });
        if !may_help && tries >= REOPEN_TRIES {
            break Err(error);
        }
        let why = error.to_string();
        if why != said {
            told(&format!("{why}\nIt is tried again; until then every request gets 503."));
            said = why;
        }
    };
    waiting.end().await;
    run(config, opened?, listener).await
}

/// Lets the jobs begin and answers.
async fn run(
    config: Config,
    (stores, secret): (Stores, Secret),
    listener: TcpListener,
) -> anyhow::Result<Running> {
    let page = match page::folder(&config.data, config.page.as_deref()) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
            ) =>
        {
            tracing::warn!(%error, "the page of this build can't be written to the data folder, and is not served");
            None
        }
        page => page?,
    };
    let follower = Follower::new();
    // A whole file's digest is computed behind its upload, and never holds up another.
    let following = Behind::spawn("follower", follow(stores.clone(), follower.clone(), TURN_BYTES))?;
    let address = listener.local_addr()?;
    let pace = Pace::new(config.body_idle);
    let hosts = HostRule::of(&config);
    let mark = stores.meta.clock_mark().await?;
    let cairn = Arc::new(Cairn::new(stores, secret, config, follower).with_mark(mark));
    let manners = Manners {
        head_time: cairn.config.head_time,
        rest: KEEP_ALIVE,
        answer_idle: cairn.config.answer_idle,
        seats: cairn.seats.clone(),
    };
    let (meta, stopping) = (cairn.meta.clone(), cairn.stopping.clone());
    // Looks at many rows, too.
    let looks = cairn.clone();
    let looking = Behind::spawn("looks", async move { looks.looks.take().await })?;
    let noted = note_time(&cairn, None).await;
    let door = Door::open(&cairn.config.data);
    let mut jobs = vec![
        tokio::spawn(sweep(cairn.clone())),
        tokio::spawn(checkpoint(cairn.clone())),
        tokio::spawn(keep_time(cairn.clone(), noted)),
    ];
    jobs.extend(door.map(|door| tokio::spawn(door.serve(cairn.clone()))));
    let server = serve(
        listener.try_clone()?,
        web::Data::from(cairn.clone()),
        web::Data::new(hosts),
        pace,
        page,
        manners,
    )?;
    Ok(Running { address, server, listener, meta, cairn, jobs, behind: [following, looking], stopping })
}

async fn open(config: &Config, may_found: bool) -> Result<(Stores, Secret), StoreError> {
    let (index, compress) = (config.index, config.compress);
    let options = Options { index, compress, may_found, fresh: platform::fresh()? };
    let opened = ground::open(&config.data, options).await?;
    Ok((Stores { meta: opened.meta, chunks: opened.chunks }, Secret::new(opened.secret)))
}

fn serve(
    listener: TcpListener,
    cairn: web::Data<Cairn>,
    hosts: web::Data<HostRule>,
    pace: Pace,
    page: Option<PathBuf>,
    manners: Manners,
) -> io::Result<Server> {
    http::listen(listener, manners, move || app(&cairn, &hosts, pace, page.as_deref()))
}

/// Every route behind every wall, for one worker.
pub(crate) fn app(
    cairn: &web::Data<Cairn>,
    hosts: &web::Data<HostRule>,
    pace: Pace,
    page: Option<&Path>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody + use<>>,
        Error = actix_web::Error,
        InitError = (),
    > + use<>,
> {
    let app = App::new()
        .app_data(cairn.clone())
        .app_data(hosts.clone())
        .app_data(pace)
        .wrap(from_fn(http::take_off_base))
        .wrap(from_fn(http::guard))
        .wrap(from_fn(http::seated))
        .wrap(from_fn(dressed))
        .wrap(from_fn(http::keep_payload));
    let app = resources().into_iter().fold(app, App::service);
    let app = app.service(web::scope("/api").default_service(web::to(not_found)));
    let app = app.service(web::scope("/d").default_service(web::to(not_found)));
    match page {
        Some(folder) => {
            app.service(web::scope("").wrap(from_fn(page_dressed)).service(page::service(folder)))
        }
        None => app.service(web::resource("/").route(web::get().to(page::absent))),
    }
    .default_service(web::to(not_found))
}

async fn dressed(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let cairn = request.app_data::<web::Data<Cairn>>().cloned();
    let is_strict = cairn.as_ref().is_some_and(|cairn| http::is_strict(&cairn.config, request.head()));
    let mut response = next.call(request).await?;
    harden(response.headers_mut());
    let path = response.request().path().to_owned();
    keep_private(&path, response.headers_mut());
    if is_strict {
        http::strict(response.headers_mut());
    }
    if response.status() == StatusCode::INSUFFICIENT_STORAGE
        && let Some(cairn) = cairn
    {
        cairn.space.tighten();
    }
    Ok(response)
}

async fn page_dressed(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let mut response = next.call(request).await?;
    page::dress(&mut response);
    Ok(response)
}
