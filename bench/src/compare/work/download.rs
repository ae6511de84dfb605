//! A large file downloaded from the page cache, whole and in ranges.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use super::super::contender::Kind;
use super::super::source::NAME;
use super::{Done, Spec, Turn, Unit, Work, finish};

const RANGES: u64 = 64;

pub(super) const WORK: Work = Work {
    charts: &[
        Spec {
            name: "download",
            title: "Download whole",
            about: "by curl to nowhere, from the page cache",
            unit: Unit::MibPerSecond,
            bytes: |source| source.size,
            counts_fsyncs: false,
        },
        Spec {
            name: "download-ranges",
            title: "Download in 64 ranges",
            about: "by one curl, one after the other, over one connection, from the page cache",
            unit: Unit::MibPerSecond,
            bytes: |source| source.size,
            counts_fsyncs: false,
        },
    ],
    contenders: &[Kind::Cairn, Kind::Nginx, Kind::Copyparty],
    title: Kind::as_server,
    once,
};

fn once(turn: &Turn<'_>) -> anyhow::Result<Vec<Done>> {
    let (source, known) = (turn.source, turn.source.new_file()?);
    let host = turn.kind.start()?;
    let said = finish(&mut host.put(&known.path), &source.folder)?;
    turn.check(host.as_ref(), known, NAME, &said)?;
    let url = host.url(NAME, &said)?;
    let config = source.folder.join("curl.conf");
    let step = known.size.div_ceil(RANGES);
    let ranges: Vec<_> = (0..RANGES).map(|at| (at * step, known.size.min((at + 1) * step) - 1)).collect();
    // Once for nobody: what is served lies in the page cache then, for everybody.
    fs::write(&config, transfers(&url, &[None]))?;
    download(&config, known.size, turn)?;
    let mut all = Vec::new();
    for parts in [vec![None], ranges.into_iter().map(Some).collect()] {
        fs::write(&config, transfers(&url, &parts))?;
        let (done, ()) = turn.act(host.as_ref(), &config, || download(&config, known.size, turn))?;
        all.push(done);
    }
    Ok(all)
}

/// Fails where fewer or more bytes came.
fn download(config: &std::path::Path, size: u64, turn: &Turn<'_>) -> anyhow::Result<()> {
    let mut curl = Command::new("curl");
    let said = finish(curl.arg("--config").arg(config), &turn.source.folder)?;
    let came: u64 = said.lines().map(str::parse::<u64>).sum::<Result<_, _>>()?;
    anyhow::ensure!(came == size, "{came} bytes came of {size}");
    Ok(())
}

/// What curl reads as its configuration: each part a transfer of its own that tells its bytes.
fn transfers(url: &str, parts: &[Option<(u64, u64)>]) -> String {
    let mut text = String::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            text.push_str("next\n");
        }
        // Writing to a string can't fail.
        let _ = writeln!(text, "url = \"{url}\"\noutput = \"/dev/null\"\nsilent\nshow-error\nfail");
        text.push_str("write-out = \"%{size_download}\\n\"\n");
        if let Some((from, to)) = part {
            let _ = writeln!(text, "range = \"{from}-{to}\"");
        }
    }
    text
}
