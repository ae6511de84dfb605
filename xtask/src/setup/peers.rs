//! What Cairn is measured beside: copyparty, tus and nginx, each in a folder of the cache. None of them is needed for
//! anything else, so a failure leaves one out and is no error.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use super::find;
use crate::place::Place;
use crate::{run, say};

const COPYPARTY: &str = "1.20.26";
const SCRIPTS_FOLDER: &str = "bench/peers";
const SCRIPTS: [&str; 4] = ["package.json", "package-lock.json", "tus-server.mjs", "tus-put.mjs"];
/// Kept beside what was installed: says of which version it is.
const STAMP: &str = "installed";

/// Installs one into a folder of its own.
type Install = fn(&Place, &Path) -> anyhow::Result<()>;

/// Where the peers are; the bench finds each by its folder's name.
pub(crate) fn folder(place: &Place) -> PathBuf {
    place.tools().join("peers")
}

/// Installs what is missing.
pub(super) fn ensure(place: &Place) -> anyhow::Result<String> {
    let peers: [(&str, Install, String); 3] = [
        ("copyparty", copyparty, COPYPARTY.to_owned()),
        ("tus", tus, scripts(place)?),
        ("nginx", nginx, "Debian's".to_owned()),
    ];
    let mut told = Vec::new();
    for (name, install, version) in peers {
        let folder = folder(place).join(name);
        let outcome = ensure_one(place, name, &folder, install, &version);
        told.push(match outcome {
            Ok(()) => format!("{name}: there"),
            Err(error) => format!("{name}: left out of the comparison ({error:#})"),
        });
    }
    Ok(told.join("\n  "))
}

fn ensure_one(
    place: &Place,
    name: &str,
    folder: &Path,
    install: Install,
    version: &str,
) -> anyhow::Result<()> {
    let stamp = folder.join(STAMP);
    if fs::read_to_string(&stamp).is_ok_and(|found| found == version) {
        return Ok(());
    }
    say::tell(&format!("  {name}: missing, or of another version; it is installed"));
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    install(place, folder)?;
    Ok(fs::write(stamp, version)?)
}

/// From PyPI, in a venv: its `bin/python` is the interpreter itself, whatever stands in for it on the `PATH`.
fn copyparty(place: &Place, folder: &Path) -> anyhow::Result<()> {
    let python = find(place, "python3").context("there is no python3")?;
    run::show(command(place, python, folder)?.args(["-m", "venv", "."]))
        .context("on Debian the package python3-venv is needed")?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    run::show(
        command(place, folder.join("bin/python"), folder)?.args(pip).arg(format!("copyparty=={COPYPARTY}")),
    )
}

/// From npm, as the lock file says.
fn tus(place: &Place, folder: &Path) -> anyhow::Result<()> {
    find(place, "npm").context("there is no npm; Node.js is needed")?;
    // The scripts too: Node.js looks for packages beside the script that wants them.
    for name in SCRIPTS {
        fs::copy(place.root.join(SCRIPTS_FOLDER).join(name), folder.join(name))?;
    }
    run::show(command(place, "npm", folder)?.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]))
}

/// Debian's package, unpacked and not installed: a service of the system would start by itself.
fn nginx(place: &Place, folder: &Path) -> anyhow::Result<()> {
    find(place, "apt-get").context("only Debian's package is known here")?;
    run::show(command(place, "apt-get", folder)?.args(["download", "nginx"]))?;
    let mut files = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    let package = files.find(|path| path.extension().is_some_and(|ending| ending == "deb"));
    let package = package.context("apt-get downloaded nothing")?;
    run::show(command(place, "dpkg-deb", folder)?.arg("--extract").arg(package).arg("."))?;
    let works = run::ask(command(place, folder.join("usr/sbin/nginx"), folder)?.arg("-v"));
    works.map(drop).context("nginx does not run: a library it needs is missing")
}

fn command(place: &Place, program: impl AsRef<std::ffi::OsStr>, folder: &Path) -> anyhow::Result<Command> {
    let mut command = run::command(place, program, &[])?;
    command.current_dir(folder);
    Ok(command)
}

/// What all of them say, which stands for their version.
fn scripts(place: &Place) -> anyhow::Result<String> {
    let read = |name| fs::read_to_string(place.root.join(SCRIPTS_FOLDER).join(name));
    Ok(SCRIPTS.into_iter().map(read).collect::<Result<String, _>>()?)
}
