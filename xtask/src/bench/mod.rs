//! Figures.

mod size;

use std::path::PathBuf;
use std::process::Command;

use crate::place::Place;
use crate::setup::Need;
use crate::table::{self, Entry};
use crate::{run, setup, test};

/// What is run where no name is given.
const DEFAULT: &str = "compare";

/// What `cargo xtask bench` knows.
const ENTRIES: &[Entry] = &[
    Entry {
        name: DEFAULT,
        about: "Cairn beside copyparty, tus and nginx, in turns: tables, and bench/report.html in the target folder",
        run: compare,
    },
    Entry { name: "page", about: "bytes of the page: wasm and js, raw and compressed", run: size::run },
    Entry {
        name: "upload",
        about: "1 GiB of random bytes through Chromium and by `cairn put`, MiB/s",
        run: upload,
    },
    Entry {
        name: "small",
        about: "10,000 files of 4 KiB by `cairn put`: files a second, requests",
        run: small,
    },
    Entry {
        name: "dedup",
        about: "what is sent and stored of files that the server knows in part, by `cairn put`",
        run: dedup,
    },
    Entry {
        name: "compress",
        about: "stored bytes, processor time and MiB/s with compression and without, in turns",
        run: compress,
    },
    Entry {
        name: "timing",
        about: "whether times tell, outside of the dedup scope, that others have a chunk: Welch's t",
        run: timing,
    },
    Entry {
        name: "workers",
        about: "four files of 256 MiB through Chromium by one worker and by two, in turns",
        run: workers,
    },
    Entry {
        name: "growth",
        about: "what a chunk costs with 10^4 to 10^6 others in the index; with --full to 10^7",
        run: growth,
    },
    Entry {
        name: "start-up",
        about: "the server's start with 10^6 chunks: clean end, kill, no index; with --full 10^7 too",
        run: start_up,
    },
    Entry {
        name: "stalled",
        about: "500 uploads that stop in the middle of a body: memory, others",
        run: stalled,
    },
    Entry {
        name: "slow",
        about: "200 slow downloads of a file at once: memory, a fast one beside",
        run: slow,
    },
    Entry { name: "memory", about: "20 GiB through Chromium: memory of page and server", run: memory },
];

/// `cargo xtask bench`: the named entry, or the comparison with what stands behind `bench` as its options.
pub(crate) fn run(place: &Place, args: &[String]) -> anyhow::Result<()> {
    let named = args.first().is_some_and(|first| !first.starts_with("--"));
    let default = if named { None } else { Some(DEFAULT.to_owned()) };
    let args: Vec<String> = default.into_iter().chain(args.iter().cloned()).collect();
    table::run("bench", ENTRIES, place, &args)
}

fn compare(place: &Place, args: &[String]) -> anyhow::Result<()> {
    setup::ensure(place, &[Need::Peers])?;
    let args: Vec<&str> = [DEFAULT].into_iter().chain(args.iter().map(String::as_str)).collect();
    in_browser(place, &args)
}

fn upload(place: &Place, _args: &[String]) -> anyhow::Result<()> {
    in_browser(place, &["upload"])
}

/// The folder of 50,000 files.
pub(crate) fn folder(place: &Place, _args: &[String]) -> anyhow::Result<()> {
    in_browser(place, &["folder"])
}

/// A file and a folder of 1 GB, by two visits.
pub(crate) fn resume(place: &Place, _args: &[String]) -> anyhow::Result<()> {
    in_browser(place, &["resume"])
}

/// A sparse file without a byte that is not zero; of so many GiB where that is said.
pub(crate) fn zeros(place: &Place, args: &[String]) -> anyhow::Result<()> {
    with_args(place, "zeros", args)
}

fn small(place: &Place, _args: &[String]) -> anyhow::Result<()> {
    in_browser(place, &["small"])
}

fn dedup(place: &Place, _args: &[String]) -> anyhow::Result<()> {
    in_browser(place, &["dedup"])
}

fn compress(place: &Place, _args: &[String]) -> anyhow::Result<()> {
    in_browser(place, &["compress"])
}

fn timing(place: &Place, _args: &[String]) -> anyhow::Result<()> {
    in_browser(place, &["timing"])
}

fn growth(place: &Place, args: &[String]) -> anyhow::Result<()> {
    with_args(place, "growth", args)
}

fn start_up(place: &Place, args: &[String]) -> anyhow::Result<()> {
    with_args(place, "start-up", args)
}

fn stalled(place: &Place, args: &[String]) -> anyhow::Result<()> {
    with_args(place, "stalled", args)
}

fn slow(place: &Place, args: &[String]) -> anyhow::Result<()> {
    with_args(place, "slow", args)
}

fn workers(place: &Place, _args: &[String]) -> anyhow::Result<()> {
    in_browser(place, &["workers"])
}

fn memory(place: &Place, _args: &[String]) -> anyhow::Result<()> {
    in_browser(place, &["memory"])
}

/// As `memory`, and it fails where a figure is over its limit.
pub(crate) fn memory_within_limits(place: &Place, _args: &[String]) -> anyhow::Result<()> {
    in_browser(place, &["memory", "--within-limits"])
}

fn with_args(place: &Place, name: &str, args: &[String]) -> anyhow::Result<()> {
    let args: Vec<&str> = [name].into_iter().chain(args.iter().map(String::as_str)).collect();
    in_browser(place, &args)
}

fn in_browser(place: &Place, args: &[&str]) -> anyhow::Result<()> {
    test::prepare_for_browser(place)?;
    let mut command = run::cargo(place, &["run", "--release", "--quiet", "-p", "cairn-bench", "--"])?;
    if let Some(browser) = setup::Browser::find(place) {
        command.env("CAIRN_CHROMIUM", browser.browser);
    }
    command.env("CAIRN_BENCH_PEERS", setup::peers_folder(place)).env("TMPDIR", temporary_folder()?);
    command.env("CAIRN_BENCH_REPORT", place.target.join("bench").join("report.html"));
    run::show(command.args(args).env("CAIRN_BIN", place.binary()))
}

/// Where nobody pays for the files that somebody else has deleted just before: ext4 passes over the inodes of those for minutes, one by
/// one. Below a folder with this mark every folder begins in another part of the disk.
fn temporary_folder() -> anyhow::Result<PathBuf> {
    let folder = std::env::temp_dir().join("cairn-bench");
    std::fs::create_dir_all(&folder)?;
    // Other file systems have neither the mark nor the trouble.
    let _ = Command::new("chattr").arg("+T").arg(&folder).output();
    Ok(folder)
}
