//! The steps of `cargo xtask test`, in their order: the quickest to fail come first.

use std::process::Command;

use anyhow::Context;

use crate::place::Place;
use crate::setup::{self, Browser, Need};
use crate::{page, run, serve, tidy};

/// One step.
pub(super) struct Step {
    /// What people type to run it alone.
    pub(super) name: &'static str,
    /// What it does.
    pub(super) about: &'static str,
    /// What set-up has to find first.
    pub(super) needs: &'static [Need],
    /// Does it.
    pub(super) run: fn(&Place) -> anyhow::Result<()>,
}

const WASM_TESTS: &[Need] = &[Need::WasmTarget, Need::WasmBindgen, Need::Chromium];

/// All steps.
pub(super) const STEPS: &[Step] = &[
    Step { name: "tidy", about: "walls and style of the source", needs: &[], run: tidy::run },
    Step { name: "format", about: "rustfmt changes nothing", needs: &[], run: format },
    Step {
        name: "clippy",
        about: "no warning, native and wasm",
        needs: &[Need::Make, Need::WasmTarget],
        run: clippy,
    },
    Step {
        name: "native",
        about: "tests of every crate but the page",
        needs: &[Need::Make, Need::Proxies],
        run: native,
    },
    Step {
        name: "wasm-engine",
        about: "the engine cuts as wasm where it cuts natively, in Chromium",
        needs: WASM_TESTS,
        run: wasm_engine,
    },
    Step {
        name: "wasm-web",
        about: "the page's own tests, in Chromium",
        needs: &[Need::WasmTarget, Need::WasmBindgen, Need::WasmPack, Need::Chromium],
        run: wasm_web,
    },
    Step { name: "page", about: "builds dist/", needs: &Need::FOR_PAGE, run: page::build },
    Step { name: "release", about: "builds the release binary, page inside", needs: &[], run: serve::build },
    Step { name: "e2e", about: "Chromium against the release binary", needs: &[Need::Chromium], run: e2e },
];

/// Page and release binary as they are now, and a browser.
pub(crate) fn prepare_for_browser(place: &Place) -> anyhow::Result<()> {
    setup::ensure(place, &[&Need::FOR_PAGE[..], &[Need::Chromium]].concat())?;
    page::build(place)?;
    serve::build(place)
}

/// The browser tests as a command, one test after the other: two browsers at once would measure each other.
pub(crate) fn browser_tests(place: &Place, args: &[&str]) -> anyhow::Result<Command> {
    let binary = place.binary();
    anyhow::ensure!(binary.is_file(), "the release binary is not built: cargo xtask test page release");
    let browser = Browser::find(place).context("Chromium is gone since set-up")?;
    let mut command = run::cargo(place, &["test", "-p", "cairn-e2e", "--no-fail-fast"])?;
    command.args(args).args(["--", "--test-threads=1"]);
    command.env("CAIRN_BIN", binary).env("CAIRN_CHROMIUM", browser.browser);
    command.env("CAIRN_PICTURES", place.target.join("e2e"));
    Ok(command)
}

fn format(place: &Place) -> anyhow::Result<()> {
    run::show(&mut run::cargo(place, &["fmt", "--all", "--check"])?)
}

fn clippy(place: &Place) -> anyhow::Result<()> {
    let native = ["clippy", "--workspace", "--exclude", "cairn-web", "--all-targets", "--", "-D", "warnings"];
    run::show(&mut run::cargo(place, &native)?)?;
    let wasm = ["clippy", "-p", "cairn-web", "--target", WASM, "--all-targets", "--", "-D", "warnings"];
    run::show(&mut run::cargo(place, &wasm)?)
}

const WASM: &str = "wasm32-unknown-unknown";

fn native(place: &Place) -> anyhow::Result<()> {
    let args = ["test", "--workspace", "--exclude", "cairn-web", "--exclude", "cairn-e2e", "--no-fail-fast"];
    run::show(run::cargo(place, &args)?.env("CAIRN_PROXIES", setup::proxies_folder(place)))
}

fn wasm_engine(place: &Place) -> anyhow::Result<()> {
    let mut command =
        run::cargo(place, &["test", "-p", "cairn-engine", "--target", WASM, "--test", "cut_points"])?;
    let browser = Browser::find(place).context("Chromium is gone since set-up")?;
    command
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", "wasm-bindgen-test-runner")
        // Without it, tests that don't ask for a browser would want Node.js.
        .env("WASM_BINDGEN_USE_BROWSER", "1")
        .env("CHROMEDRIVER", browser.driver);
    run::show(&mut command)
}

/// By wasm-pack, so that `wasm-pack test --headless --chrome web` is known to work for people who have it.
fn wasm_web(place: &Place) -> anyhow::Result<()> {
    let browser = Browser::find(place).context("Chromium is gone since set-up")?;
    let args = ["test", "--headless", "--chrome", "--mode", "no-install", "--chromedriver"];
    let mut command = run::command(place, "wasm-pack", &args)?;
    command.arg(browser.driver).arg("web").env("CARGO_TARGET_DIR", &place.target);
    run::show(&mut command)
}

fn e2e(place: &Place) -> anyhow::Result<()> {
    run::show(&mut browser_tests(place, &[])?)
}
