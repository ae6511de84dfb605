//! Small file systems of a test's own, where the machine lets it mount some.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A small file system of its own; unmounted when it is dropped.
pub(crate) struct Small {
    folder: tempfile::TempDir,
}

impl Small {
    pub(crate) fn mount(kib: u64) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={kib}k");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "cairn-test"])
            .arg(folder.path())
            .output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self { folder })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Nothing can be written there, or can again.
    pub(crate) fn set_read_only(&self, is_read_only: bool) {
        let options = format!("remount,{}", if is_read_only { "ro" } else { "rw" });
        let set = Command::new("mount").args(["-o", &options]).arg(self.path()).status().unwrap();
        assert!(set.success());
    }

    pub(crate) fn grow(&self, kib: u64) {
        let options = format!("remount,size={kib}k");
        let grown = Command::new("mount").args(["-o", &options]).arg(self.path()).status().unwrap();
        assert!(grown.success());
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

/// A file with a file system in it, mounted; unmounted when it is dropped.
pub(crate) struct Loop {
    folder: tempfile::TempDir,
}

impl Loop {
    /// A fresh image of so many KiB in `folder`; `None` where the machine can't make or mount one.
    pub(crate) fn make(folder: &Path, kind: &str, kib: u64) -> Option<Self> {
        let image = Self::image(folder);
        fs::File::create(&image).unwrap().set_len(kib * 1_024).unwrap();
        let mut make = Command::new(format!("mkfs.{kind}"));
        match kind {
            "ext4" => make.args(["-q", "-F", "-m", "0"]),
            _ => make.args(["-q", "-f"]),
        };
        let made = make.arg(&image).output().is_ok_and(|output| output.status.success());
        if made { Self::mount(&image) } else { None }
    }

    /// An image that is there.
    pub(crate) fn mount(image: &Path) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        // A copy of an image has its name and number too; nouuid lets xfs mount it nevertheless.
        let is_xfs = Command::new("blkid").args(["-o", "value", "-s", "TYPE"]).arg(image).output();
        let is_xfs = is_xfs.is_ok_and(|output| output.stdout.starts_with(b"xfs"));
        let options = if is_xfs { "loop,nouuid" } else { "loop" };
        let mounted = Command::new("mount").args(["-o", options]).arg(image).arg(folder.path()).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self { folder })
    }

    /// The image of `make`.
    pub(crate) fn image(folder: &Path) -> PathBuf {
        folder.join("image")
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        // Whoever had it open may still be on the way out.
        for _ in 0..100 {
            if Command::new("umount").arg(self.path()).output().is_ok_and(|output| output.status.success()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
