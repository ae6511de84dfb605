//! Files a second: 10,000 files of 4 KiB in 50 folders by `cairn put`, all of them durable.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;
use cairn_e2e::{Proxy, Server, Timer, random_file};

use crate::say;

const FILES: u64 = 10_000;
const FOLDERS: u64 = 50;
const FILE_BYTES: u64 = 4_096;

pub(crate) fn run() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let tree = folder.path().join("tree");
    for number in 0..FILES {
        let inside = tree.join(format!("{:03}", number % FOLDERS));
        std::fs::create_dir_all(&inside)?;
        random_file(&inside.join(format!("{number:05}.bin")), FILE_BYTES, number)?;
    }
    for round in 1..=3 {
        let server = Server::start()?;
        let took = put(&tree, &folder.path().join(format!("state-{round}")), &server.url(""))?;
        say::tell(&format!(
            "cairn put  {FILES} files of {FILE_BYTES} bytes in {took:.2} s: {:.0} files/s; server at most {} MiB",
            FILES as f64 / took,
            server.memory_max_bytes()? >> 20
        ));
    }
    // Apart, since a proxy takes its time too.
    let server = Server::start()?;
    let proxy = Proxy::start(server.address())?;
    put(&tree, &folder.path().join("state-proxy"), &proxy.url(""))?;
    say::tell(&format!("requests   {}", proxy.requests().len()));
    Ok(())
}

fn put(tree: &Path, state: &Path, url: &str) -> anyhow::Result<f64> {
    let binary = std::env::var_os("CAIRN_BIN").context("CAIRN_BIN is not set")?;
    let timer = Timer::start();
    let mut command = Command::new(binary);
    command.arg("put").arg(tree).args(["--server", url.trim_end_matches('/')]).arg("--state").arg(state);
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    anyhow::ensure!(status.success(), "cairn put failed ({status})");
    Ok(timer.elapsed().as_secs_f64())
}
