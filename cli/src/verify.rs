//! `cairn verify`: looks at everything that a stopped server has stored.

use std::path::PathBuf;
use std::process::ExitCode;

use cairn_store::meta::Library;
use cairn_store::verify::{Report, verify};

use crate::say;

/// Options of `cairn verify`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The server's data folder; the server must be stopped.
    #[arg(long, value_name = "DIR", env = "CAIRN_DATA", default_value = "cairn-data")]
    data: PathBuf,
}

/// Reads everything; fails where something is not what it was.
pub(crate) fn run(options: Options) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        options.data.join("log").is_dir(),
        "{} is no data folder of a server",
        options.data.display()
    );
    let meta = cairn_store::meta::open(&options.data, Library::of(&options.data))?;
    let chunks = cairn_store::chunk::open(&options.data)?;
    let mut told = |report: &Report| {
        say::progress(&format!("{} chunks, {} MiB read", report.chunks, report.bytes >> 20));
    };
    let report = actix_web::rt::System::new().block_on(verify(meta.as_ref(), chunks.as_ref(), &mut told))?;
    say::progress("");
    if let Some(what) = &report.log {
        say::tell(&format!("damaged: {what}"));
    }
    for digest in &report.away {
        say::tell(&format!("not there: chunk {digest}; is its disk mounted?"));
    }
    for digest in &report.damaged {
        say::tell(&format!("damaged: chunk {digest}; upload its content again to heal it"));
    }
    let outcome =
        if report.is_sound() { "everything is what it was" } else { "not everything is what it was" };
    say::tell(&format!("{} chunks, {} bytes: {outcome}", report.chunks, report.bytes));
    Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
