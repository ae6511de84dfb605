//! The one binary: `cairn serve`, and the terminal's shell around the upload engine.

mod admin;
mod agent;
mod folder;
mod get;
mod greeting;
mod journal;
mod left_out;
mod owner;
mod platform;
mod put;
mod quiet;
mod say;
mod serve;
mod shell;
mod walk;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The index writes small pages anew all the time, from several threads: what the system's allocator can't give back after that is twice what
/// is in use (docs/STORAGE.md, "Memory of sled 0.34").
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// A self-hosted place to put files: uploads that survive everything, and nothing sent twice.
#[derive(Parser)]
#[command(name = "cairn", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the server.
    Serve(serve::Options),
    /// Uploads files and prints their links. Run it again after a break: it goes on where it was.
    Put(put::Options),
    /// Downloads the file behind a link. Run it again after a break: it goes on where it was.
    Get(get::Options),
    /// What the operator does on a server, running or not: look, repair, remove.
    #[command(subcommand)]
    Admin(admin::Command),
    /// What `admin scrub` was called before.
    #[command(hide = true)]
    Verify(Data),
    /// What `admin stats` was called before.
    #[command(hide = true)]
    Stats(admin::Common),
}

/// Where a server's data is.
#[derive(clap::Args)]
struct Data {
    /// The server's data folder.
    #[arg(long, value_name = "DIR", env = "CAIRN_DATA", default_value = "cairn-data")]
    data: PathBuf,
}

/// Where the client keeps its journal and owner keys.
#[derive(clap::Args)]
struct StateDir {
    /// Folder of the client's journal and owner keys; otherwise `$XDG_STATE_HOME/cairn` or `~/.local/state/cairn`.
    #[arg(long, value_name = "DIR", env = "CAIRN_STATE")]
    state: Option<PathBuf>,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(options) => serve::run(options),
        Command::Put(options) => put::run(options),
        Command::Get(options) => get::run(options),
        Command::Admin(command) => return admin::run(command),
        Command::Verify(Data { data }) => return admin::verify(data),
        Command::Stats(common) => return admin::run(admin::Command::Stats(common)),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            say::complain(&format!("cairn: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
