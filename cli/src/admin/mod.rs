//! `cairn admin`: what the operator does on a server, running or not.

mod tell;
mod way;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use bytesize::ByteSize;
use cairn_server::Figures;
use cairn_server::admin::{Command as Asked, Event, connect};
use clap::Subcommand;

use self::tell::Teller;
use self::way::Way;
use crate::say;

/// It could not be done; 1 says that damage was found.
const FAILED: u8 = 2;

/// Where the data is, and how it is told.
#[derive(clap::Args)]
pub(crate) struct Common {
    /// The server's data folder; the server may run.
    #[arg(long, value_name = "DIR", env = "CAIRN_DATA", default_value = "cairn-data")]
    data: PathBuf,
    /// Prints one JSON object a line.
    #[arg(long)]
    json: bool,
}

/// What the operator does.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Looks whether all chunks are there, without reading them. Ends with 0 where they are, 1 where not, 2 where it can't look.
    Check(Common),
    /// Reads all chunks and says which are damaged. Run it again after a break: it goes on where it was. Ends as check does.
    Scrub(ScrubOptions),
    /// Tells how much is stored, and how much of it is shared.
    Stats(Common),
    /// Tells who has how much.
    Owners(Common),
    /// Takes what lies in the folder of a stopped server as one store, where something beside the log is lost for good, and says what that means.
    Adopt(AdoptOptions),
    /// Removes an owner with all that is his, a file, a folder, a link, or an unfinished upload.
    Rm(RmOptions),
}

/// Options of `cairn admin scrub`.
#[derive(clap::Args)]
pub(crate) struct ScrubOptions {
    #[command(flatten)]
    common: Common,
    /// From the beginning, whatever an earlier run has read.
    #[arg(long)]
    again: bool,
    /// Reads no faster, in bytes a second, such as 50MB.
    #[arg(long, value_name = "BYTES")]
    limit: Option<ByteSize>,
}

/// Options of `cairn admin rm`.
#[derive(clap::Args)]
pub(crate) struct RmOptions {
    #[command(flatten)]
    common: Common,
    /// The id, as `owners`, the log or an answer prints it, or the address of a link, which removes the link alone.
    what: String,
    /// Doesn't ask.
    #[arg(long)]
    yes: bool,
}

/// Options of `cairn admin adopt`.
#[derive(clap::Args)]
pub(crate) struct AdoptOptions {
    /// The server's data folder; the server must be stopped.
    #[arg(long, value_name = "DIR", env = "CAIRN_DATA", default_value = "cairn-data")]
    data: PathBuf,
    /// Doesn't ask.
    #[arg(long)]
    yes: bool,
}

/// Carries it out.
pub(crate) fn run(command: Command) -> ExitCode {
    let outcome = match command {
        Command::Check(common) => look(&common, &Asked::Check),
        Command::Scrub(options) => scrub(&options),
        Command::Stats(common) => stats(&common),
        Command::Owners(common) => look(&common, &Asked::Owners),
        Command::Adopt(options) => adopt(&options),
        Command::Rm(options) => remove(&options),
    };
    outcome.unwrap_or_else(|error| {
        say::progress("");
        say::explain(&format!("cairn: {error:#}"));
        ExitCode::from(FAILED)
    })
}

/// `cairn verify`, as it was called before.
pub(crate) fn verify(data: PathBuf) -> ExitCode {
    let common = Common { data, json: false };
    run(Command::Scrub(ScrubOptions { common, again: true, limit: None }))
}

fn scrub(options: &ScrubOptions) -> anyhow::Result<ExitCode> {
    let limit = options.limit.map(|limit| limit.as_u64());
    anyhow::ensure!(limit != Some(0), "--limit: nothing can be read at 0 bytes a second");
    look(&options.common, &Asked::Scrub { again: options.again, limit })
}

/// A look at everything works on a folder that can only be read, too.
fn look(common: &Common, asked: &Asked) -> anyhow::Result<ExitCode> {
    match Way::to(&common.data, true)? {
        Ok(way) => way.ask(asked, &mut Teller::new(common.json, asked)),
        Err(damage) => {
            let mut teller = Teller::new(common.json, asked);
            teller.hear(&Event::Wrong { what: damage });
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Counts; of a server that can't be reached it is told what its last sweep counted.
fn stats(common: &Common) -> anyhow::Result<ExitCode> {
    look(common, &Asked::Stats).or_else(|error| {
        let Ok(figures) = Figures::read(&common.data) else { return Err(error) };
        Teller::new(common.json, &Asked::Stats).hear(&Event::Stats(figures));
        Ok(ExitCode::SUCCESS)
    })
}

fn remove(options: &RmOptions) -> anyhow::Result<ExitCode> {
    let way = Way::to(&options.common.data, false)?.map_err(|damage| anyhow::anyhow!("damaged: {damage}"))?;
    if !options.yes {
        // What is not there is said to whoever asks; only then somebody has to be there.
        let find = Asked::Find { what: options.what.clone() };
        if way.ask(&find, &mut Teller::new(false, &find))? != ExitCode::SUCCESS {
            return Ok(ExitCode::from(FAILED));
        }
        anyhow::ensure!(io::stdin().is_terminal(), "nobody is there to be asked: say --yes");
        if !is_meant("Remove it for ever?")? {
            return Ok(ExitCode::from(FAILED));
        }
    }
    let asked = Asked::Remove { what: options.what.clone() };
    way.ask(&asked, &mut Teller::new(options.common.json, &asked))
}

fn adopt(options: &AdoptOptions) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        connect(&options.data).is_err(),
        "a server has {} open: stop it first",
        options.data.display()
    );
    let take = |only_tell| {
        let system = actix_web::rt::System::new();
        system.block_on(cairn_server::admin::adopt(&options.data, only_tell))
    };
    if !options.yes {
        let adoption = take(true)?;
        for line in &adoption.told {
            say::explain(line);
        }
        if !adoption.is_needed {
            return Ok(ExitCode::SUCCESS);
        }
        anyhow::ensure!(io::stdin().is_terminal(), "nobody is there to be asked: say --yes");
        if !is_meant("Take it as one store, for good?")? {
            return Ok(ExitCode::from(FAILED));
        }
    }
    for line in take(false)?.told {
        say::tell(&line);
    }
    Ok(ExitCode::SUCCESS)
}

fn is_meant(question: &str) -> anyhow::Result<bool> {
    let mut terminal = io::stderr();
    write!(terminal, "{question} [y/N] ")?;
    terminal.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
