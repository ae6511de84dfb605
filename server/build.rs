//! Puts the built page into the binary, where it has been built.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
    let dist = root.join("../dist");
    println!("cargo:rerun-if-changed={}", dist.display());
    let mut files = Vec::new();
    if dist.join("index.html").is_file() {
        collect(&dist, &mut files)?;
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    let mut code = String::from(
        "/// The files of the built page; none where it was not built.\nconst PAGE_FILES: &[PageFile] = &[\n",
    );
    for path in &files {
        let name = path.strip_prefix(&dist).map_err(io::Error::other)?.to_string_lossy().replace('\\', "/");
        let path = path.canonicalize()?;
        name.hash(&mut hasher);
        fs::read(&path)?.hash(&mut hasher);
        writeln!(code, "    ({name:?}, include_bytes!({:?})),", path.display().to_string())
            .map_err(io::Error::other)?;
    }
    write!(
        code,
        "];\n/// Names this build of the page.\nconst PAGE_BUILD: &str = \"{:016x}\";\n",
        hasher.finish()
    )
    .map_err(io::Error::other)?;
    fs::write(PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?).join("page_files.rs"), code)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), files)?;
        } else if !hidden {
            files.push(entry.path());
        }
    }
    Ok(())
}
