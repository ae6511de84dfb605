//! The one binary: `cairn serve`, and the terminal's shell around the upload engine.

mod folder;
mod get;
mod greeting;
mod journal;
mod owner;
mod platform;
mod put;
mod quiet;
mod say;
mod serve;
mod shell;
mod stats;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
    /// Reads everything that a stopped server has stored, and says what is damaged.
    Verify(verify::Options),
    /// Tells how much a server has stored, and how much of it is shared.
    Stats(stats::Options),
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
        Command::Verify(options) => verify::run(options),
        Command::Stats(options) => stats::run(options),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            say::complain(&format!("cairn: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
