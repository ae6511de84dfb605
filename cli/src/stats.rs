//! `cairn stats`: how much a server has stored, and how much of it is shared.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use cairn_server::Figures;

use crate::platform::unix_now;
use crate::say;

/// Options of `cairn stats`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The server's data folder; the server may run.
    #[arg(long, value_name = "DIR", env = "CAIRN_DATA", default_value = "cairn-data")]
    data: PathBuf,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

/// Tells what the server's last sweep counted.
pub(crate) fn run(options: Options) -> anyhow::Result<ExitCode> {
    let figures = Figures::read(&options.data).with_context(|| {
        format!(
            "{} has no figures yet: a server counts at its start, and at every sweep",
            options.data.display()
        )
    })?;
    if options.json {
        say::tell(&serde_json::to_string(&figures)?);
        return Ok(ExitCode::SUCCESS);
    }
    let age = unix_now().saturating_sub(figures.at);
    say::tell(&format!("counted {} min ago", age / 60_000));
    say::tell(&format!("{} files of {} bytes", figures.files, figures.logical_bytes));
    say::tell(&format!("{} chunks of {} bytes", figures.chunks, figures.chunk_bytes));
    say::tell(&format!("{} bytes on the disk", figures.stored_bytes));
    say::tell(&format!("dedup       {:.2} : 1", ratio(figures.logical_bytes, figures.chunk_bytes)));
    say::tell(&format!("compression {:.2} : 1", ratio(figures.chunk_bytes, figures.stored_bytes)));
    Ok(ExitCode::SUCCESS)
}

fn ratio(of: u64, to: u64) -> f64 {
    of as f64 / to.max(1) as f64
}
