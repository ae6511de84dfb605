//! `cargo xtask`: sets up, serves, tests and measures Cairn.

mod accept;
mod bench;
mod clock;
mod fuzz;
mod help;
mod page;
mod place;
mod rounds;
mod run;
mod say;
mod serve;
mod setup;
mod table;
mod test;
mod tidy;
mod torture;

use std::process::ExitCode;

use place::Place;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Not `{error:?}`: nobody who only wants to start Cairn is helped by a backtrace.
            say::complain(&format!("\n{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &[String]) -> anyhow::Result<()> {
    let (command, rest) = match args.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", args),
    };
    let place = Place::find()?;
    match command {
        "serve" => serve::run(&place, rest),
        "test" => test::run(&place, rest),
        "accept" => table::run("accept", accept::ENTRIES, &place, rest),
        "torture" => table::run("torture", torture::ENTRIES, &place, rest),
        "bench" => bench::run(&place, rest),
        "tidy" => tidy::run(&place),
        "setup" => setup::run(&place, rest),
        "page" => page::run(&place),
        "help" | "--help" | "-h" => {
            help::print();
            Ok(())
        }
        unknown => anyhow::bail!("there is no `cargo xtask {unknown}`\n\n{}", help::text()),
    }
}
