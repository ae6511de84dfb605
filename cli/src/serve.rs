//! `cairn serve`.

use std::path::PathBuf;
use std::process::ExitCode;

use cairn_server::Config;
use cairn_server::config::Given;
use tracing_subscriber::EnvFilter;

use crate::say;

/// Options of `cairn serve`; docs/CONFIG.md lists every further setting.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Address and port to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Folder that holds everything.
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// Folder of another page than the binary's own.
    #[arg(long, value_name = "DIR")]
    page: Option<String>,
    /// File with settings, instead of `cairn.toml` in this folder.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs the server until it is told to stop.
pub(crate) fn run(options: Options) -> anyhow::Result<ExitCode> {
    let filter =
        EnvFilter::try_from_env("CAIRN_LOG").unwrap_or_else(|_| EnvFilter::new("info,actix_server=warn"));
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr).init();
    let config = read(&options)?;
    // Everything in the data folder is for this user only.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    actix_web::rt::System::new().block_on(async {
        let running = cairn_server::start(config, None).await?;
        say::tell(&format!("Cairn is listening on http://{}", running.address));
        running.wait().await?;
        anyhow::Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}

fn read(options: &Options) -> anyhow::Result<Config> {
    let mut given = Given::new();
    for (key, value) in [("listen", &options.listen), ("data", &options.data), ("page", &options.page)] {
        if let Some(value) = value {
            given.insert(key, value.clone());
        }
    }
    let file = options.config.clone().unwrap_or_else(|| PathBuf::from("cairn.toml"));
    let variable = |name: &str| std::env::var(name).ok();
    Ok(Config::read(&given, variable, &file, options.config.is_some())?)
}
