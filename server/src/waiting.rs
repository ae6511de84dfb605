//! Answers while the stores are not open: at a start that takes long, and while a disk is away. Every address says 503 and when to ask
//! again, so that clients wait instead of giving up.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpResponse, HttpServer, web};
use cairn_shared::{Problem, ProblemCode};

use crate::http::{harden, problem_response};

/// How soon a client asks again, in seconds.
const RETRY_AFTER: u32 = 5;

/// A server that has nothing yet.
pub(crate) struct Waiting {
    handle: ServerHandle,
    task: tokio::task::JoinHandle<io::Result<()>>,
}

impl Waiting {
    /// Begins to answer at the address of `listener`.
    pub(crate) fn begin(listener: &TcpListener) -> io::Result<Self> {
        let server = HttpServer::new(|| {
            App::new()
                .wrap(from_fn(async |request, next: actix_web::middleware::Next<_>| {
                    let mut response = next.call(request).await?;
                    harden(response.headers_mut());
                    Ok::<_, actix_web::Error>(response)
                }))
                .default_service(web::to(answer))
        });
        let server = server
            .workers(1)
            .max_connections(64)
            .keep_alive(actix_web::http::KeepAlive::Disabled)
            .client_request_timeout(Duration::from_secs(5))
            .client_disconnect_timeout(Duration::from_secs(2))
            .shutdown_timeout(1)
            .disable_signals()
            .listen(listener.try_clone()?)?
            .run();
        let handle = server.handle();
        Ok(Self { handle, task: tokio::spawn(server) })
    }

    /// Lets another take the address; who has connected meanwhile is answered by that.
    pub(crate) async fn end(self) {
        self.handle.stop(true).await;
        // What it ended with says nothing any more.
        drop(self.task.await);
    }
}

async fn answer() -> HttpResponse {
    let detail = "The server is starting, or waits for a disk. What was acknowledged is safe.";
    problem_response(&Problem::new(ProblemCode::Unavailable, detail).with_retry_after(RETRY_AFTER))
}
