//! `cairn serve`.

use std::path::PathBuf;
use std::process::ExitCode;

use cairn_server::config::{Given, unknown_variables};
use cairn_server::{Config, Ended, Running, Stop};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::greeting::{greeting, qr};
use crate::quiet::Quiet;
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
    let lines = tracing_subscriber::fmt::layer().with_ansi(colours).with_writer(std::io::stderr);
    tracing_subscriber::registry().with(filter).with(Quiet::new()).with(lines).init();
    let mut config = read(&options)?;
    if let Some(told) = unknown_variables(variables()) {
        tracing::warn!("{told}");
    }
    // Everything in the data folder is for this user only.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    raise_open_files();
    actix_web::rt::System::new().block_on(async {
        let mut stop = Stop::listen()?;
        let started = unless_told(&mut stop, cairn_server::start(config.clone(), None)).await;
        let mut running = match started {
            Ok(running) => running,
            Err(error) => {
                // It may have several lines: what is wrong, and what to do.
                say::explain(&format!("cairn: {error:#}"));
                return Ok(ExitCode::FAILURE);
            }
        };
        loop {
            config.listen = running.address;
            greet(&config);
            match running.wait(stop.told()).await? {
                Ended::Stopped => return anyhow::Ok(ExitCode::SUCCESS),
                Ended::StoreClosed { why, listener } => {
                    say::complain(&format!("The store closed ({why}). It is opened again."));
                    let mut told = |why: &str| say::explain(why);
                    let again = cairn_server::start_again(config.clone(), listener, &mut told);
                    running = unless_told(&mut stop, again).await?;
                }
            }
        }
    })
}

/// Says where it listens and who may upload; the first line is for programs as well.
fn greet(config: &Config) {
    let own =
        if_addrs::get_if_addrs().unwrap_or_default().iter().map(if_addrs::Interface::ip).collect::<Vec<_>>();
    let (lines, code) = greeting(config, config.listen, &own);
    for line in lines {
        say::tell(&line);
    }
    if std::io::IsTerminal::is_terminal(&std::io::stdout())
        && let Some(code) = code.and_then(|url| qr(&url))
    {
        say::tell(&code);
    }
}

/// Takes as many open files as the system lets this process have: the server allows connections by their number.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

/// A start, which may take minutes, unless the server is told to stop: then the process ends, since the thread that opens
/// the stores would be waited for otherwise. What it has written is as after a kill.
async fn unless_told(
    stop: &mut Stop,
    start: impl Future<Output = anyhow::Result<Running>>,
) -> anyhow::Result<Running> {
    tokio::select! {
        () = stop.told() => std::process::exit(0),
        started = start => started,
    }
}

/// The names of all variables; those that are no text are nobody's.
fn variables() -> impl Iterator<Item = String> {
    std::env::vars_os().filter_map(|(name, _)| name.into_string().ok())
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
