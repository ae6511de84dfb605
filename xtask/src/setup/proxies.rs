//! The proxies that Debian has, for the tests that run them in front of the server. They are unpacked into a folder of the cache: no
//! package is installed, no service started. A proxy that can't be had is left out, and its tests say so.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::find;
use crate::place::Place;
use crate::run;

/// Package and program.
const PROXIES: [(&str, &str); 4] =
    [("nginx", "nginx"), ("apache2", "apache2"), ("haproxy", "haproxy"), ("caddy", "caddy")];
/// Where packages put programs.
const PROGRAMS: [&str; 2] = ["usr/sbin", "usr/bin"];

/// Root of the unpacked packages; the tests find programs and libraries below it.
pub(crate) fn folder(place: &Place) -> PathBuf {
    place.tools().join("proxies")
}

/// Unpacks what is missing.
pub(super) fn ensure(place: &Place) -> anyhow::Result<String> {
    let folder = folder(place);
    if missing(place, &folder).is_empty() {
        return Ok("nginx, Apache, HAProxy and Caddy: there".to_owned());
    }
    let unpacked = unpack(place, &folder, &missing(place, &folder));
    let missing = missing(place, &folder);
    if missing.is_empty() {
        return Ok("nginx, Apache, HAProxy and Caddy: unpacked".to_owned());
    }
    let why = unpacked.err().map(|error| format!(" ({error:#})")).unwrap_or_default();
    Ok(format!("{}: LEFT OUT of the tests with proxies{why}", missing.join(", ")))
}

/// Packages whose program is neither on the `PATH`, nor where it is installed, nor unpacked.
fn missing(place: &Place, folder: &Path) -> Vec<&'static str> {
    let is_there = |program: &str| {
        let roots = [Path::new("/"), folder];
        find(place, program).is_some()
            || roots.iter().any(|root| PROGRAMS.iter().any(|bin| root.join(bin).join(program).is_file()))
    };
    PROXIES.into_iter().filter(|(_, program)| !is_there(program)).map(|(package, _)| package).collect()
}

fn unpack(place: &Place, folder: &Path, packages: &[&str]) -> anyhow::Result<()> {
    find(place, "apt-get").context("only Debian's packages are known here")?;
    fs::create_dir_all(folder)?;
    // The lists may be as old as the machine's image; only root may renew them.
    drop(run::ask(run::command(place, "apt-get", &["update"])?.current_dir(folder)));
    let mut plan =
        run::command(place, "apt-get", &["install", "--print-uris", "--yes", "--no-install-recommends"])?;
    let plan = run::ask(plan.args(packages)).context("apt-get does not know them")?;
    let mut download = run::command(place, "apt-get", &["download"])?;
    run::show(download.args(planned(&plan)).current_dir(folder))?;
    for entry in fs::read_dir(folder)?.flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|ending| ending == "deb") {
            run::show(run::command(place, "dpkg-deb", &["--extract"])?.arg(&path).arg(folder))?;
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// The packages in what `apt-get --print-uris` says: `'ADDRESS' NAME_VERSION_ARCHITECTURE.deb SIZE HASH`.
fn planned(plan: &str) -> Vec<&str> {
    let lines = plan.lines().filter(|line| line.starts_with('\''));
    lines.filter_map(|line| line.split_whitespace().nth(1)?.split('_').next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_read_from_the_plan() {
        let plan = "Reading package lists...\n'http://deb.example/n/nginx_1.22_amd64.deb' nginx_1.22_amd64.deb 5 SHA256:0\n\
                    'http://deb.example/l/liblua5.3-0_5.3.6-2_amd64.deb' liblua5.3-0_5.3.6-2_amd64.deb 12 SHA256:1\n";
        assert_eq!(planned(plan), ["nginx", "liblua5.3-0"]);
        assert!(planned("").is_empty());
    }
}
