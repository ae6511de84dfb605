//! What lies below a folder of this machine, each entry by itself: what can't be sent is named, and the walk goes on.

use std::fs::{self, FileType, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use cairn_engine::Source;
use cairn_engine::folder::{Contents, LeftOut, Stat, Why, path_of};
use cairn_shared::{Name, RelPath};

use crate::put::mtime;

/// Everything below a folder, in the order of names.
#[derive(Default)]
pub(crate) struct Walk {
    /// With their paths below the folder.
    pub(crate) files: Vec<(PathBuf, Source)>,
    /// Folders without anything that is sent.
    pub(crate) empty: Vec<RelPath>,
    /// What is not sent, and why.
    pub(crate) left_out: Vec<LeftOut>,
}

/// A folder to be read.
struct Level {
    path: PathBuf,
    /// It and the folders that it lies in, by device and number: a link may lead back to one of them.
    above: Vec<(u64, u64)>,
}

impl Walk {
    /// Walks; `follow` says whether links are what they lead to.
    pub(crate) fn below(root: &Path, follow: bool) -> Self {
        let mut walk = Self::default();
        let above = fs::metadata(root).map(|meta| (meta.dev(), meta.ino())).into_iter().collect();
        let mut levels = vec![Level { path: root.to_owned(), above }];
        while let Some(level) = levels.pop() {
            let deeper = walk.read(root, level, follow);
            // The last one in is the next one out.
            levels.extend(deeper.into_iter().rev());
        }
        walk
    }

    /// What is compared with the server's list.
    pub(crate) fn contents(self) -> (Contents, Vec<LeftOut>) {
        let file = |(_, source): (PathBuf, Source)| Some((source.path.clone()?, Stat::from(&source)));
        let files = self.files.into_iter().filter_map(file).collect();
        (Contents { files, folders: self.empty.into_iter().collect() }, self.left_out)
    }

    /// Takes what lies in one folder; gives the folders in it.
    fn read(&mut self, root: &Path, level: Level, follow: bool) -> Vec<Level> {
        let entries = fs::read_dir(&level.path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => {
                self.leave_out(root, &level.path, error.kind().into());
                return Vec::new();
            }
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        let (mut deeper, files_before, named_before) = (Vec::new(), self.files.len(), self.left_out.len());
        for entry in entries {
            let path = entry.path();
            match look(&path, follow).and_then(|meta| self.take(root, &path, &meta, &level.above, follow)) {
                Ok(Some(folder)) => deeper.push(folder),
                Ok(None) => {}
                Err(why) => self.leave_out(root, &path, why),
            }
        }
        // The folder itself is there in any case.
        if deeper.is_empty() && self.files.len() == files_before && level.path != root {
            match relative(root, &level.path) {
                Ok(path) => self.empty.push(path),
                // Where something in it was named, it was.
                Err(why) if self.left_out.len() == named_before => self.leave_out(root, &level.path, why),
                Err(_) => {}
            }
        }
        deeper
    }

    /// Takes one entry; gives it back where it is a folder.
    fn take(
        &mut self,
        root: &Path,
        path: &Path,
        meta: &Metadata,
        above: &[(u64, u64)],
        follow: bool,
    ) -> Result<Option<Level>, Why> {
        if meta.is_dir() {
            let id = (meta.dev(), meta.ino());
            if above.contains(&id) {
                return Err(Why::Link);
            }
            // Without links no folder lies in itself.
            let above = if follow { above.iter().copied().chain([id]).collect() } else { Vec::new() };
            return Ok(Some(Level { path: path.to_owned(), above }));
        }
        if let Some(why) = kind(meta.file_type()) {
            return Err(why);
        }
        let relative = relative(root, path)?;
        let source = Source { path: Some(relative), ..source(path, meta)? };
        self.files.push((path.to_owned(), source));
        Ok(None)
    }

    fn leave_out(&mut self, root: &Path, path: &Path, why: Why) {
        let path = path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
        self.left_out.push(LeftOut { path, why });
    }
}

fn look(path: &Path, follow: bool) -> Result<Metadata, Why> {
    let meta = fs::symlink_metadata(path).map_err(|error| Why::from(error.kind()))?;
    if !(follow && meta.is_symlink()) {
        return Ok(meta);
    }
    // One that leads nowhere is a link all the same.
    fs::metadata(path).map_err(|_| Why::Link)
}

/// Why something of that kind is not sent.
pub(crate) fn kind(kind: FileType) -> Option<Why> {
    if kind.is_file() || kind.is_dir() {
        None
    } else if kind.is_symlink() {
        Some(Why::Link)
    } else if kind.is_fifo() {
        Some(Why::Pipe)
    } else if kind.is_socket() {
        Some(Why::Socket)
    } else {
        Some(Why::Device)
    }
}

fn relative(root: &Path, path: &Path) -> Result<RelPath, Why> {
    path_of(path.strip_prefix(root).unwrap_or(path).to_str().ok_or(Why::NotText)?)
}

/// A file as the engine sees it, by itself.
pub(crate) fn source(path: &Path, meta: &Metadata) -> Result<Source, Why> {
    let name = name(path)?;
    Ok(Source { name, path: None, folder: None, size: meta.len(), mtime: mtime(meta), media_type: None })
}

/// The name of a file or folder.
pub(crate) fn name(path: &Path) -> Result<Name, Why> {
    let name = path.file_name().and_then(|name| name.to_str()).ok_or(Why::NotText)?;
    name.parse().map_err(Why::Name)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    use super::*;

    fn paths(walk: &Walk) -> Vec<&str> {
        walk.files.iter().filter_map(|(_, source)| Some(source.path.as_ref()?.as_str())).collect()
    }

    fn reasons(walk: &Walk) -> Vec<(&str, &str)> {
        walk.left_out.iter().map(|left| (left.path.as_str(), left.why.as_str())).collect()
    }

    #[test]
    fn each_entry_is_sent_or_named() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("a/empty")).unwrap();
        fs::create_dir(root.join("links")).unwrap();
        fs::write(root.join("a/one"), "1").unwrap();
        symlink("../a/one", root.join("links/file")).unwrap();
        symlink("/etc", root.join("links/folder")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, root.join("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
            .unwrap();
        fs::write(root.join(OsStr::from_bytes(b"latin\xe9")), "x").unwrap();
        fs::write(root.join("new\nline"), "x").unwrap();
        fs::write(root.join("z"), "2").unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
        let walk = Walk::below(root, false);
        assert_eq!(paths(&walk), ["z", "a/one"]);
        assert_eq!(walk.empty.iter().map(RelPath::as_str).collect::<Vec<_>>(), ["a/empty", "links"]);
        let expected = [
            ("latin\u{fffd}", "not_text"),
            ("new\nline", "name"),
            ("pipe", "pipe"),
            ("socket", "socket"),
            ("links/file", "link"),
            ("links/folder", "link"),
        ];
        assert_eq!(reasons(&walk), expected);
    }

    #[test]
    fn what_lies_too_deep_is_named_and_what_lies_above_is_sent() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join(vec!["d"; 70].join("/"));
        fs::create_dir_all(&deep).unwrap();
        let empty = Walk::below(folder.path(), false);
        assert_eq!((empty.empty.len(), reasons(&empty)[0].1), (0, "too_deep"));
        fs::write(deep.join("lost"), "x").unwrap();
        fs::write(folder.path().join("d/there"), "x").unwrap();
        let walk = Walk::below(folder.path(), false);
        assert_eq!(paths(&walk), ["d/there"]);
        let lost = format!("{}/lost", vec!["d"; 70].join("/"));
        assert_eq!(reasons(&walk), [(lost.as_str(), "too_deep")]);
    }

    #[test]
    fn followed_links_are_what_they_lead_to_and_never_lead_in_circles() {
        let folder = tempfile::tempdir().unwrap();
        let (root, other) = (folder.path().join("root"), folder.path().join("other"));
        fs::create_dir_all(root.join("in")).unwrap();
        fs::create_dir(&other).unwrap();
        fs::write(other.join("x"), "x").unwrap();
        for (to, name) in [("../other", "one"), ("../other", "two"), ("nowhere", "none"), ("..", "in/up")] {
            symlink(to, root.join(name)).unwrap();
        }
        let walk = Walk::below(&root, true);
        assert_eq!(paths(&walk), ["one/x", "two/x"]);
        assert_eq!(reasons(&walk), [("none", "link"), ("in/up", "link")]);
        assert!(Walk::below(&root, false).files.is_empty());
    }

    #[test]
    fn a_folder_that_is_gone_is_named() {
        let walk = Walk::below(Path::new("/nonexistent/folder"), false);
        assert_eq!(reasons(&walk), [("", "vanished")]);
    }
}
