//! The seal of a closed index: lengths and checksums of all its files. redb doesn't look at the
//! checksums of its pages when it opens a file that was closed; whatever changed while nobody had it open breaks the seal.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Read at once, in bytes.
const READ_BYTES: usize = 1 << 20;

/// Seals the index in `folder`; durable when it returns.
pub(super) fn set(seal: &Path, folder: &Path) -> io::Result<()> {
    let sums = sums(folder)?;
    let mut file = File::create(seal)?;
    file.write_all(sums.as_bytes())?;
    file.sync_all()
}

/// What a seal says of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seal {
    /// The files are those that were sealed.
    Whole,
    /// They are others.
    Broken,
    /// There is none: the index was not closed.
    Missing,
}

/// Looks at the seal and breaks it: it holds once.
pub(super) fn take(seal: &Path, folder: &Path) -> io::Result<Seal> {
    let sealed = match fs::read(seal) {
        Ok(sealed) => sealed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Seal::Missing),
        Err(error) => return Err(error),
    };
    // A file that can't be read is another one, too.
    let is_whole = sums(folder).is_ok_and(|sums| sums.as_bytes() == sealed);
    fs::remove_file(seal)?;
    Ok(if is_whole { Seal::Whole } else { Seal::Broken })
}

/// One line for each file: CRC-32C, length, path.
fn sums(folder: &Path) -> io::Result<String> {
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    files.sort();
    let mut lines = String::new();
    let mut buffer = vec![0; READ_BYTES];
    for path in files {
        let (mut file, mut crc, mut length) = (File::open(&path)?, 0, 0);
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                read => {
                    crc = crc32c::crc32c_append(crc, &buffer[..read]);
                    length += read;
                }
            }
        }
        let name = path.strip_prefix(folder).unwrap_or(&path);
        lines.push_str(&format!("{crc:08x} {length} {}\n", name.display()));
    }
    Ok(lines)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_change_breaks_the_seal() {
        let data = tempfile::tempdir().unwrap();
        let (seal, folder) = (data.path().join("index.seal"), data.path().join("index"));
        fs::create_dir_all(folder.join("deep")).unwrap();
        let file = folder.join("deep/file");
        fs::write(&file, [7; 100]).unwrap();
        assert_eq!(take(&seal, &folder).unwrap(), Seal::Missing);
        set(&seal, &folder).unwrap();
        assert_eq!(take(&seal, &folder).unwrap(), Seal::Whole);
        assert!(!seal.exists(), "it holds once");
        let changes: [fn(&Path); 4] = [
            |file| fs::write(file, [&[7; 99][..], &[6]].concat()).unwrap(),
            |file| fs::write(file, [7; 99]).unwrap(),
            |file| fs::remove_file(file).unwrap(),
            |file| fs::write(file.with_file_name("more"), "").unwrap(),
        ];
        for change in changes {
            fs::write(&file, [7; 100]).unwrap();
            set(&seal, &folder).unwrap();
            change(&file);
            assert_eq!(take(&seal, &folder).unwrap(), Seal::Broken);
        }
    }
}
