//! Serves an application over sockets that are watched: actix-web's own server times the first head of a connection alone.

use std::fmt;
use std::future::ready;
use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{HttpService, Protocol, Request, Response};
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt as _, fn_service, map_config};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Extensions, Server, Service};
use actix_web::rt::net::TcpStream;

use super::connections::{Seats, limits};
use super::line::{Line, Resting};
use super::socket::Socket;
use crate::platform::Peer;

/// How long a connection may be closing.
const CLOSING: Duration = Duration::from_secs(2);
/// Running requests have so long to end when the server stops, in seconds.
const SHUTDOWN_SECONDS: u64 = 20;

/// How connections are kept.
#[derive(Clone)]
pub(crate) struct Manners {
    /// How long a head may take.
    pub(crate) head_time: Duration,
    /// How long a connection may rest between two requests.
    pub(crate) rest: Duration,
    /// How long one stays whose client reads nothing.
    pub(crate) answer_idle: Duration,
    /// Who may have how many.
    pub(crate) seats: Seats,
}

/// A server that answers with what `make` makes for each of its workers.
pub(crate) fn listen<F, I, S, B>(listener: TcpListener, manners: Manners, make: F) -> io::Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<actix_web::Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    <S::Service as Service<Request>>::Future: 'static,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    let (workers, connections) = limits();
    let address = listener.local_addr()?;
    let builder = Server::build()
        .workers(workers)
        .max_concurrent_connections(connections)
        .shutdown_timeout(SHUTDOWN_SECONDS)
        .disable_signals();
    let stopping = builder.graceful_shutdown_signal();
    let builder = builder.listen("cairn", listener, move || {
        let stopping = stopping.clone();
        let application = make().into_factory().map_err(|error| error.into().error_response());
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .keep_alive(manners.rest)
            .client_request_timeout(manners.head_time)
            .client_disconnect_timeout(CLOSING)
            .local_addr(address)
            .on_connect_ext(move |socket: &Socket, extensions: &mut Extensions| {
                extensions.insert(socket.line().clone());
                if let (Ok(peer), Ok(own)) = (socket.stream().peer_addr(), socket.stream().local_addr()) {
                    extensions.insert(Peer::new(peer, own));
                }
            })
            .finish(map_config(application, |_| AppConfig::default()));
        watched(&manners, connections).and_then(http)
    })?;
    Ok(builder.run())
}

/// Takes connections up to what each address may have. Where a worker has nearly as many as it may, one that rests, or whose client
/// has read nothing for long, gives its place to each that comes.
fn watched(
    manners: &Manners,
    connections: usize,
) -> impl ServiceFactory<
    TcpStream,
    Config = (),
    Response = (Socket, Protocol, Option<std::net::SocketAddr>),
    Error = DispatchError,
    InitError = (),
> + use<> {
    let (manners, resting) = (manners.clone(), Rc::new(Resting::new(connections - connections / 8)));
    fn_service(move |stream: TcpStream| {
        let peer = stream.peer_addr().ok();
        let Ok(seat) = manners.seats.take(peer.map(|peer| peer.ip())) else {
            tracing::debug!(?peer, "a connection was closed: its address has as many as it may have");
            return ready(Err(DispatchError::Io(io::ErrorKind::QuotaExceeded.into())));
        };
        resting.make_room();
        // Else the end of an answer waits up to 40 ms until what came before it is acknowledged.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "answers on this connection may come late");
        }
        let line = Line::open(manners.head_time, resting.clone());
        ready(Ok((Socket::new(stream, line, manners.answer_idle, seat), Protocol::Http1, peer)))
    })
}
