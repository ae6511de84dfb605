//! The way to a store: through the socket of the server that has it open, else through its files.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;

use anyhow::Context;
use cairn_server::admin::{Command, Desk, Event, connect};
use cairn_store::StoreError;
use rustix::fs::{Access, access, stat};
use rustix::process::geteuid;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use super::tell::Teller;
use crate::say;

/// Events that wait to be told.
const EVENTS_AHEAD: usize = 64;

/// How a store is reached.
pub(super) enum Way {
    /// A server runs, with this data folder.
    Server(PathBuf),
    /// The files.
    Files(Box<Desk>),
}

impl Way {
    /// Finds the way. Where the store can't be opened because log or snapshot are damaged, the damage is what is given.
    pub(super) fn to(data: &Path, may_only_read: bool) -> anyhow::Result<Result<Self, String>> {
        match connect(data) {
            Ok(_) => return Ok(Ok(Self::Server(data.to_owned()))),
            Err(error) if error.kind() == ErrorKind::PermissionDenied && data.join("log").is_dir() => {
                anyhow::bail!(
                    "{} is another user's: run this as the user that the server runs as",
                    data.display()
                );
            }
            Err(_) => {}
        }
        anyhow::ensure!(data.join("log").is_dir(), "{} is no data folder of a server", data.display());
        let opened = match reason_to_leave_alone(data)? {
            None => actix_web::rt::System::new().block_on(Desk::open(data)),
            Some(why) if may_only_read => {
                say::complain(&format!("{why}: it is only read, and nothing is noted or taken out of use"));
                Desk::reading(data)
            }
            Some(why) => anyhow::bail!("{why}: nothing can be removed there"),
        };
        match opened {
            Ok(desk) => Ok(Ok(Self::Files(Box::new(desk)))),
            Err(StoreError::Damaged(what)) => Ok(Err(what)),
            Err(StoreError::Closed(why)) => {
                let socket = data.join("admin.sock");
                anyhow::bail!(
                    "{why}, and it does not answer at {}: stop it, or look into its log",
                    socket.display()
                )
            }
            Err(error) => Err(error).with_context(|| format!("{} can't be opened", data.display())),
        }
    }

    /// Asks, tells what comes, and says how to end. Stops gently when the user does.
    pub(super) fn ask(&self, command: &Command, teller: &mut Teller) -> anyhow::Result<ExitCode> {
        actix_web::rt::System::new().block_on(async {
            let (events, heard) = mpsc::channel(EVENTS_AHEAD);
            match self {
                Self::Server(data) => hear(relay(data, command, events), heard, teller).await,
                Self::Files(desk) => {
                    let work = async {
                        desk.carry_out(command.clone(), events).await;
                        Ok(())
                    };
                    hear(work, heard, teller).await
                }
            }
        })
    }
}

/// Why a folder is not to be opened as a server opens it.
fn reason_to_leave_alone(data: &Path) -> anyhow::Result<Option<String>> {
    let owner = stat(data)?.st_uid;
    let shown = data.display();
    if owner != geteuid().as_raw() {
        // What this user wrote there the server could not open any more.
        return Ok(Some(format!("{shown} is the user's with the number {owner}, not yours")));
    }
    Ok(access(data, Access::WRITE_OK).err().map(|error| format!("{shown} can't be written ({error})")))
}

async fn hear(
    work: impl Future<Output = anyhow::Result<()>>,
    mut heard: mpsc::Receiver<Event>,
    teller: &mut Teller,
) -> anyhow::Result<ExitCode> {
    let mut work = pin!(work);
    let mut stop = pin!(tokio::signal::ctrl_c());
    let (mut worked, mut is_stopped) = (None, false);
    loop {
        tokio::select! {
            done = &mut work, if worked.is_none() => worked = Some(done),
            event = heard.recv() => match event {
                Some(event) => teller.hear(&event),
                None => break,
            },
            _ = &mut stop, if !is_stopped => {
                is_stopped = true;
                heard.close();
            }
        }
    }
    match worked {
        Some(done) => done?,
        None => work.await?,
    }
    if is_stopped {
        say::progress("");
        say::complain("stopped");
    }
    Ok(teller.code())
}

async fn relay(data: &Path, command: &Command, events: mpsc::Sender<Event>) -> anyhow::Result<()> {
    let stream = connect(data)?;
    stream.set_nonblocking(true)?;
    let mut stream = UnixStream::from_std(stream)?;
    let mut line = serde_json::to_vec(command)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    let mut lines = BufReader::new(stream).lines();
    loop {
        let line = tokio::select! {
            line = lines.next_line() => line.context("the server went away")?,
            () = events.closed() => return Ok(()),
        };
        let line = line.context("the server went away before it was done")?;
        let event = serde_json::from_str(&line).with_context(|| format!("the server said {line:?}"))?;
        let is_last = matches!(event, Event::Ended { .. } | Event::Refused { .. });
        if events.send(event).await.is_err() || is_last {
            return Ok(());
        }
    }
}
