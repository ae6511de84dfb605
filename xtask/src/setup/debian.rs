//! Debian's package manager, where whoever asks may use it.

use std::process::Command;

use crate::place::Place;
use crate::run;

/// Whether this is Debian itself, by what `/etc/os-release` says.
pub(super) fn is_debian(release: &str) -> bool {
    release.lines().any(|line| matches!(line.trim(), "ID=debian" | "ID=\"debian\""))
}

/// How packages may be installed here.
#[derive(Debug)]
pub(super) enum Rights {
    Root,
    Sudo,
}

impl Rights {
    /// `None` where only somebody else may.
    pub(super) fn find(place: &Place) -> Option<Self> {
        let ask = |program: &str, args: &[&str]| run::ask(&mut run::command(place, program, args).ok()?);
        if ask("id", &["-u"]).as_deref() == Some("0") {
            return Some(Self::Root);
        }
        ask("sudo", &["-n", "true"]).map(|_| Self::Sudo)
    }

    /// Installs packages, and nothing that they merely recommend.
    pub(super) fn install(&self, place: &Place, packages: &[&str]) -> anyhow::Result<()> {
        // The lists may be as old as the machine's image: then the packages they name are gone.
        self.apt(place, &["update"])?;
        self.apt(place, &[&["install", "--yes", "--no-install-recommends"], packages].concat())
    }

    fn apt(&self, place: &Place, args: &[&str]) -> anyhow::Result<()> {
        let mut command: Command = match self {
            Self::Root => run::command(place, "apt-get", args)?,
            Self::Sudo => run::command(place, "sudo", &["-n", "DEBIAN_FRONTEND=noninteractive", "apt-get"])?,
        };
        if matches!(self, Self::Sudo) {
            command.args(args);
        }
        run::show(command.env("DEBIAN_FRONTEND", "noninteractive"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_is_told_from_its_relatives() {
        assert!(is_debian("PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n"));
        assert!(!is_debian("ID=ubuntu\nID_LIKE=debian\n"));
        assert!(!is_debian(""));
    }
}
