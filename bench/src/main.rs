//! Figures of the release binary: `cargo xtask bench` runs it for `compare`, `upload`, `workers`, `small`, `dedup`, `timing`, `compress`, `folder` and `memory`,
//! `cargo xtask accept` for `folder`, `memory`, `resume` and `zeros`.

mod compare;
mod compress;
mod crowd;
mod dedup;
mod folder;
mod memory;
mod resume;
mod room;
mod say;
mod scale;
mod small;
mod timing;
mod upload;
mod zeros;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match args.as_slice() {
        ["compare", options @ ..] => compare::run(options),
        ["upload"] => upload::run(),
        ["dedup"] => dedup::run(),
        ["folder"] => folder::run(),
        ["compress"] => compress::run(),
        ["small"] => small::run(),
        ["timing"] => timing::run(),
        ["workers"] => upload::compare_workers(),
        ["resume"] => resume::run(),
        ["memory"] => memory::run(false),
        ["memory", "--within-limits"] => memory::run(true),
        ["growth", args @ ..] => scale::growth(args),
        ["start-up", args @ ..] => scale::start_up(args),
        ["stalled"] => crowd::stalled(),
        ["slow"] => crowd::slow(),
        ["step", step @ ..] => scale::step(step),
        ["zeros"] => zeros::run(None),
        ["zeros", gib] => zeros::run(Some(gib)),
        _ => Err(anyhow::anyhow!(
            "there is `compare`, `upload`, `workers`, `small`, `dedup`, `timing`, `compress`, `folder`, `resume`, `zeros [GIB]`, `memory` and \
             `memory --within-limits`"
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
