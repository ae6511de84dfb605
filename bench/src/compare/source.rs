//! What is uploaded: one large file, what is made of it, and a folder of small files. Each is made when it is first
//! wanted.

use std::cell::OnceCell;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use cairn_e2e::{insert_byte, random_file, sha256_file};

use super::sample;

/// The name of the large file.
pub(crate) const NAME: &str = "random.bin";
/// Its name the second time.
pub(crate) const AGAIN: &str = "again.bin";
/// The name of the folder of small files.
pub(crate) const TREE: &str = "tree";
/// In it, as many files.
pub(crate) const FILES: u64 = 10_000;
/// Bytes of each of them.
pub(crate) const FILE_BYTES: u64 = 4_096;
const FOLDERS: u64 = 50;
/// What a run of 2 GiB takes of memory, page cache and all, in bytes; of a small machine's half of what is free.
const TOUCHED_BYTES_MAX: u64 = 5 << 30;
const PAGE_BYTES: usize = 4_096;
/// What is overwritten: 50 places, a tenth in all.
const PLACES: u64 = 50;

/// A file and what it must be everywhere.
#[derive(Debug)]
pub(crate) struct Known {
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// In bytes.
    pub(crate) size: u64,
    /// In hex.
    pub(crate) sha256: String,
}

/// All of it.
#[derive(Debug)]
pub(crate) struct Source {
    /// Whatever is made during the bench lies below it.
    pub(crate) folder: PathBuf,
    /// Of the large file, in bytes.
    pub(crate) size: u64,
    new: OnceCell<Known>,
    again: OnceCell<Known>,
    in_front: OnceCell<Known>,
    in_places: OnceCell<Known>,
    tree: OnceCell<PathBuf>,
}

impl Source {
    /// Makes nothing yet but the folder.
    pub(crate) fn new(folder: &Path, size: u64) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            size,
            new: OnceCell::new(),
            again: OnceCell::new(),
            in_front: OnceCell::new(),
            in_places: OnceCell::new(),
            tree: OnceCell::new(),
        })
    }

    /// Random bytes.
    pub(crate) fn new_file(&self) -> anyhow::Result<&Known> {
        once(&self.new, || {
            let path = self.folder.join(NAME);
            let sha256 = random_file(&path, self.size, cairn_e2e::seed())?;
            Ok(Known { path, size: self.size, sha256 })
        })
    }

    /// The same bytes under another name.
    pub(crate) fn same_file(&self) -> anyhow::Result<&Known> {
        let new = self.new_file()?;
        once(&self.again, || {
            let path = self.folder.join(AGAIN);
            fs::hard_link(&new.path, &path)?;
            Ok(Known { path, size: new.size, sha256: new.sha256.clone() })
        })
    }

    /// With one more byte in front.
    pub(crate) fn byte_in_front(&self) -> anyhow::Result<&Known> {
        let new = self.new_file()?;
        once(&self.in_front, || {
            let path = self.folder.join("front.bin");
            let sha256 = insert_byte(&new.path, &path, 0)?;
            Ok(Known { path, size: new.size + 1, sha256 })
        })
    }

    /// A tenth of it overwritten, at places of equal distance.
    pub(crate) fn overwritten(&self) -> anyhow::Result<&Known> {
        let new = self.new_file()?;
        once(&self.in_places, || {
            let path = self.folder.join("places.bin");
            fs::copy(&new.path, &path)?;
            let mut file = File::options().write(true).open(&path)?;
            let mut random = File::open("/dev/urandom")?;
            for place in 0..PLACES {
                file.seek(SeekFrom::Start(place * self.size / PLACES))?;
                io::copy(&mut (&mut random).take(self.size / 10 / PLACES), &mut file)?;
            }
            Ok(Known { sha256: sha256_file(&path)?, size: self.size, path })
        })
    }

    /// The folder of small files.
    pub(crate) fn tree(&self) -> anyhow::Result<&Path> {
        once(&self.tree, || {
            let tree = self.folder.join(TREE);
            for number in 0..FILES {
                let inside = tree.join(format!("{:03}", number % FOLDERS));
                fs::create_dir_all(&inside)?;
                random_file(&inside.join(format!("{number:05}.bin")), FILE_BYTES, number)?;
            }
            Ok(tree)
        })
        .map(PathBuf::as_path)
    }

    /// Brings files into the page cache and what waits there onto the disk, and touches as much memory as a run will: every run
    /// begins alike. A virtual machine gives memory back that nobody uses, and whoever is the first to touch it again
    /// pays several times what a copy into it costs.
    pub(crate) fn settle(&self, read: &Path) -> anyhow::Result<()> {
        each_file(read, &mut |path| {
            io::copy(&mut File::open(path)?, &mut io::sink())?;
            Ok(())
        })?;
        rustix::fs::sync();
        let bytes = TOUCHED_BYTES_MAX.min(sample::available_bytes()? / 2);
        let mut touched = vec![0_u8; usize::try_from(bytes)?];
        touched.iter_mut().step_by(PAGE_BYTES).for_each(|byte| *byte = 1);
        std::hint::black_box(&touched);
        Ok(())
    }
}

/// `OnceCell::get_or_try_init` is not stable.
fn once<T>(cell: &OnceCell<T>, make: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<&T> {
    if let Some(made) = cell.get() {
        return Ok(made);
    }
    let made = make()?;
    Ok(cell.get_or_init(|| made))
}

/// Looks at a file, or at every file below a folder.
pub(crate) fn each_file(
    path: &Path,
    look: &mut dyn FnMut(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    if !path.is_dir() {
        return look(path);
    }
    for entry in fs::read_dir(path)? {
        each_file(&entry?.path(), look)?;
    }
    Ok(())
}
