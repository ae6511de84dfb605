//! A folder of 10,000 files of 4 KiB.

use cairn_e2e::Browser;

use super::super::contender::Kind;
use super::super::source::{FILE_BYTES, FILES, TREE};
use super::upload::{drop, open};
use super::{Done, Spec, Turn, Unit, Work};

pub(super) const IN_BROWSER: Work = Work {
    charts: &[Spec {
        name: "small-browser",
        title: "10,000 files of 4 KiB in Chromium",
        about: "from the drop of one folder, with 50 in it, until it is through",
        unit: Unit::FilesPerSecond(FILES),
        bytes: |_| FILES * FILE_BYTES,
        // A watched run takes copyparty many minutes, and its server does what it does for the command line.
        counts_fsyncs: false,
    }],
    contenders: &[Kind::Cairn, Kind::Copyparty],
    title: Kind::in_browser,
    once: in_browser,
};

pub(super) const BY_CLIENT: Work = Work {
    charts: &[Spec {
        name: "small-cli",
        title: "10,000 files of 4 KiB by the command line",
        about: "one folder, with 50 in it, from the start of the client to its end",
        unit: Unit::FilesPerSecond(FILES),
        bytes: |_| FILES * FILE_BYTES,
        counts_fsyncs: true,
    }],
    contenders: &[Kind::Cairn, Kind::Copyparty, Kind::Tus],
    title: Kind::by_client,
    once: by_client,
};

fn in_browser(turn: &Turn<'_>) -> anyhow::Result<Vec<Done>> {
    let tree = turn.source.tree()?;
    let host = turn.kind.start()?;
    let browser = Browser::start()?;
    let tab = open(&browser, turn.kind, host.as_ref())?;
    let (done, said) = turn.act(host.as_ref(), tree, || drop(&tab, turn.kind, tree, TREE))?;
    whole(host.holds_tree(Some(&tab), &said)?)?;
    Ok(vec![done])
}

fn by_client(turn: &Turn<'_>) -> anyhow::Result<Vec<Done>> {
    let host = turn.kind.start()?;
    let (done, said) = turn.put(host.as_ref(), turn.source.tree()?)?;
    whole(host.holds_tree(None, &said)?)?;
    Ok(vec![done])
}

fn whole((files, bytes): (u64, u64)) -> anyhow::Result<()> {
    anyhow::ensure!(
        (files, bytes) == (FILES, FILES * FILE_BYTES),
        "the server has {files} files of {bytes} bytes"
    );
    Ok(())
}
