//! Figures of the release binary: `cargo xtask bench` runs it for `upload`, `workers`, `small`, `compress`, `folder` and
//! `memory`.

mod compress;
mod folder;
mod memory;
mod say;
mod small;
mod upload;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match args.as_slice() {
        ["upload"] => upload::run(),
        ["folder"] => folder::run(),
        ["compress"] => compress::run(),
        ["small"] => small::run(),
        ["workers"] => upload::compare_workers(),
        ["memory"] => memory::run(false),
        ["memory", "--within-limits"] => memory::run(true),
        _ => Err(anyhow::anyhow!(
            "there is `upload`, `workers`, `small`, `compress`, `folder`, `memory` and `memory --within-limits`"
        )),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
