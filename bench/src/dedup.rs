//! What is sent and stored of content that the server knows in part: `cairn put` through a proxy that counts.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;
use cairn_e2e::{Proxy, Server, Timer, insert_byte, random_file};

use crate::{room, say};

const GIB: u64 = 1 << 30;
const SIZE: u64 = 2 * GIB;
/// What is overwritten: 50 places, a tenth in all.
const PLACES: u64 = 50;
const PLACE_BYTES: u64 = SIZE / 10 / PLACES;
/// Of each of the files that another one is assembled from.
const PART_BYTES: u64 = 256 << 20;
const VERSIONS: usize = 10;

pub(crate) fn run() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    if !room::is_there(folder.path(), 8 * SIZE)? {
        return Ok(());
    }
    let bench = Bench::start(folder.path().to_owned())?;
    say::tell("                                     of MB   sent MB  stored MB  requests  seconds");
    let file = bench.path("file");
    random_file(&file, SIZE, 1)?;
    bench.put("2 GiB, new", &file, "one")?;
    bench.put("the same again", &file, "one")?;
    bench.put("by another owner", &file, "two")?;
    let edited = bench.path("edited");
    insert_byte(&file, &edited, 0)?;
    bench.put("1 byte in front", &edited, "one")?;
    overwrite(&file)?;
    bench.put("10 % overwritten in 50 places", &file, "one")?;
    fs::remove_file(&edited)?;
    bench.put("assembled from 3 earlier files", &bench.assemble()?, "one")?;
    bench.put("10,000 files of 4 KiB", &bench.small_files(1)?, "one")?;
    bench.put("the same again", &bench.small_files(1)?, "one")?;
    bench.versions()
}

struct Bench {
    folder: PathBuf,
    server: Server,
    proxy: Proxy,
}

impl Bench {
    fn start(folder: PathBuf) -> anyhow::Result<Self> {
        let server = Server::start()?;
        let proxy = Proxy::start(server.address())?;
        Ok(Self { folder, server, proxy })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Sends a file or folder as an owner, and tells what it took.
    fn put(&self, what: &str, path: &Path, owner: &str) -> anyhow::Result<()> {
        let before = (self.proxy.sent_bytes(), self.server.stored_bytes()?, self.proxy.requests().len());
        let timer = Timer::start();
        let mut command = Command::new(std::env::var_os("CAIRN_BIN").context("CAIRN_BIN is not set")?);
        command.arg("put").arg(path).arg("--server").arg(self.proxy.url(""));
        command.arg("--state").arg(self.path(&format!("state-{owner}")));
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        anyhow::ensure!(status.success(), "{what}: cairn put failed ({status})");
        let seconds = timer.elapsed().as_secs_f64();
        let mega = |bytes: u64| bytes as f64 / 1e6;
        say::tell(&format!(
            "{what:<34} {:>8.1} {:>9.2} {:>10.2} {:>9} {seconds:>8.2}",
            mega(size(path)?),
            mega(self.proxy.sent_bytes() - before.0),
            mega(self.server.stored_bytes()?.saturating_sub(before.1)),
            self.proxy.requests().len() - before.2,
        ));
        Ok(())
    }

    /// Three files that the server gets to know, and one that is made of a part of each.
    fn assemble(&self) -> anyhow::Result<PathBuf> {
        let made = self.path("assembled");
        let mut into = BufWriter::new(File::create(&made)?);
        for number in 0..3 {
            let part = self.path(&format!("part-{number}"));
            random_file(&part, PART_BYTES, 100 + number)?;
            self.put("  a file of 256 MiB, new", &part, "one")?;
            let mut from = File::open(&part)?;
            from.seek(SeekFrom::Start(10_000_001 * number))?;
            io::copy(&mut from.take(PART_BYTES / 2), &mut into)?;
        }
        into.flush()?;
        Ok(made)
    }

    fn small_files(&self, seed: u64) -> anyhow::Result<PathBuf> {
        let tree = self.path("small");
        for number in 0..10_000 {
            let inside = tree.join(format!("{:03}", number % 50));
            fs::create_dir_all(&inside)?;
            random_file(&inside.join(format!("{number:05}.bin")), 4_096, seed * 100_000 + number)?;
        }
        Ok(tree)
    }

    /// Versions of this project's own source, each as one tar.
    fn versions(&self) -> anyhow::Result<()> {
        let git = |args: &[&str]| -> anyhow::Result<Vec<u8>> {
            let output = Command::new("git").args(args).output()?;
            anyhow::ensure!(output.status.success(), "git {args:?} failed");
            Ok(output.stdout)
        };
        let list = String::from_utf8(git(&["rev-list", "--reverse", "--first-parent", "HEAD"])?)?;
        let all: Vec<&str> = list.lines().collect();
        anyhow::ensure!(all.len() >= VERSIONS, "there are fewer than {VERSIONS} versions: a shallow clone?");
        for number in 1..=VERSIONS {
            let version = all[all.len() * number / VERSIONS - 1];
            let tar = self.path("source.tar");
            fs::write(&tar, git(&["archive", "--format=tar", version])?)?;
            self.put(&format!("source tree as tar, version {number}"), &tar, "one")?;
        }
        Ok(())
    }
}

/// Overwrites a tenth of a file, at places of equal distance.
fn overwrite(path: &Path) -> anyhow::Result<()> {
    let mut file = File::options().write(true).open(path)?;
    let mut random = File::open("/dev/urandom")?;
    for place in 0..PLACES {
        file.seek(SeekFrom::Start(place * SIZE / PLACES))?;
        io::copy(&mut (&mut random).take(PLACE_BYTES), &mut file)?;
    }
    Ok(())
}

fn size(path: &Path) -> anyhow::Result<u64> {
    let meta = fs::metadata(path)?;
    if meta.is_file() {
        return Ok(meta.len());
    }
    fs::read_dir(path)?.map(|entry| size(&entry?.path())).sum()
}
