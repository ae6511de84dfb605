//! The way in for the operator while the server runs: a line that asks, and lines that answer.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::ReadHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::desk::Desk;
use super::message::{COMMAND_BYTES_MAX, Command, Event};
use super::socket::listen_in;
use crate::access::admin_right;
use crate::cairn::Cairn;

/// Who is served at the same time; others are sent away.
const VISITS_MAX: usize = 8;
/// The longest wait for the line that asks, and for somebody who reads nothing.
const ASK_WITHIN: Duration = Duration::from_secs(10);
const READ_WITHIN: Duration = Duration::from_secs(60);
/// Pause after nobody could be let in.
const PAUSE: Duration = Duration::from_secs(1);
/// Events that wait to be written.
const EVENTS_AHEAD: usize = 64;

/// The open socket; gone with it.
pub(crate) struct Door {
    path: PathBuf,
    listener: UnixListener,
}

impl Door {
    /// Opens it, once the store's lock is held. None where the folder takes no sockets: that is told, and the server goes on.
    pub(crate) fn open(data: &Path) -> Option<Self> {
        let opened = listen_in(data)
            .and_then(|(path, listener)| Ok(Self { path, listener: UnixListener::from_std(listener)? }));
        match opened {
            Ok(door) => Some(door),
            Err(error) => {
                let data = data.display();
                tracing::warn!(%error, "{data} takes no socket: `cairn admin` works while the server is stopped alone");
                None
            }
        }
    }

    /// Lets in whoever comes, until the task is dropped.
    pub(crate) async fn serve(self, cairn: Arc<Cairn>) {
        let mut visits = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) if visits.len() < VISITS_MAX => {
                        visits.spawn(visit(stream, cairn.clone()));
                    }
                    Ok(_) => tracing::warn!("too many commands of the operator at once: one is sent away"),
                    Err(error) => {
                        tracing::warn!(%error, "a command of the operator can't be taken");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
                Some(_) = visits.join_next() => {}
            }
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        // The next start would replace it.
        drop(fs::remove_file(&self.path));
    }
}

async fn visit(mut stream: UnixStream, cairn: Arc<Cairn>) {
    let Some(right) = admin_right(stream.peer_cred().ok().map(|peer| peer.uid())) else {
        return tracing::warn!("somebody else's user asks at the operator's socket, and is sent away");
    };
    let (events, told) = mpsc::channel(EVENTS_AHEAD);
    match timeout(ASK_WITHIN, asked(&mut stream)).await {
        Ok(Ok(command)) => {
            tracing::debug!(?command, "the operator asks");
            let desk = Desk::of(cairn);
            tokio::join!(desk.serve(&right, command, events), answer(stream, told));
        }
        Ok(Err(why)) => {
            drop(events.try_send(Event::Refused { why: why.to_string() }));
            drop(events);
            answer(stream, told).await;
        }
        Err(_) => {}
    }
}

async fn asked(stream: &mut UnixStream) -> io::Result<Command> {
    let mut line = String::new();
    BufReader::new(stream.take(COMMAND_BYTES_MAX as u64)).read_line(&mut line).await?;
    Ok(serde_json::from_str(&line)?)
}

/// Writes what is told, until nothing more is, or nobody reads it.
async fn answer(mut stream: UnixStream, mut told: mpsc::Receiver<Event>) {
    let (mut asking, mut stream) = stream.split();
    loop {
        let event = tokio::select! {
            biased;
            event = told.recv() => event,
            () = left(&mut asking) => return,
        };
        let Some(event) = event else { return };
        let Ok(mut line) = serde_json::to_vec(&event) else { return };
        line.push(b'\n');
        if !matches!(timeout(READ_WITHIN, stream.write_all(&line)).await, Ok(Ok(()))) {
            return;
        }
    }
}

/// Waits until whoever asked closes. Nothing more is asked meanwhile.
async fn left(asking: &mut ReadHalf<'_>) {
    let mut more = [0; 256];
    while matches!(asking.read(&mut more).await, Ok(1..)) {}
}
