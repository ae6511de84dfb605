//! Puts `.br` and `.gz` beside every text and wasm file, which the server sends to browsers that take them.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::Context;

use crate::say;

/// Brotli's best, in its largest window that every browser takes.
const BROTLI_QUALITY: u32 = 11;
const BROTLI_WINDOW: u32 = 22;
const BUFFER_BYTES: usize = 64 * 1024;

/// Compresses what is worth it below `folder`.
pub(super) fn all(folder: &Path) -> anyhow::Result<()> {
    let (mut files, mut before, mut after) = (0, 0, 0);
    visit(folder, &mut |path| {
        let bytes = fs::read(path)?;
        let brotli = brotli(&bytes)?;
        let gzip = gzip(&bytes)?;
        (files, before, after) = (files + 1, before + bytes.len(), after + brotli.len().min(bytes.len()));
        keep(path, "br", &brotli, bytes.len())?;
        keep(path, "gz", &gzip, bytes.len())
    })
    .with_context(|| format!("can't compress the files of {}", folder.display()))?;
    say::tell(&format!("compressed {files} files: {before} bytes, {after} as brotli"));
    Ok(())
}

/// Whether a file gains from compression.
pub(crate) fn is_text(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    matches!(extension, "html" | "js" | "mjs" | "wasm" | "css" | "svg" | "json" | "webmanifest" | "txt")
}

fn visit(folder: &Path, each: &mut impl FnMut(&Path) -> anyhow::Result<()>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            visit(&path, each)?;
        } else if is_text(&path) {
            each(&path)?;
        }
    }
    Ok(())
}

/// Writes a compressed copy, where it is smaller than the file.
fn keep(path: &Path, extension: &str, bytes: &[u8], size: usize) -> anyhow::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    if bytes.len() < size {
        fs::write(name, bytes)?;
    }
    Ok(())
}

/// One brotli stream.
fn brotli(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut writer = brotli::CompressorWriter::new(Vec::new(), BUFFER_BYTES, BROTLI_QUALITY, BROTLI_WINDOW);
    writer.write_all(bytes)?;
    writer.flush()?;
    Ok(writer.into_inner())
}

fn gzip(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(bytes)?;
    Ok(writer.finish()?)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn compressed_copies_give_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let text = "a cairn is a pile of stones\n".repeat(100);
        fs::create_dir(folder.path().join("deep")).unwrap();
        fs::write(folder.path().join("deep/page.html"), &text).unwrap();
        fs::write(folder.path().join("picture.png"), &text).unwrap();
        fs::write(folder.path().join("tiny.css"), "a").unwrap();
        all(folder.path()).unwrap();
        let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
        let mut back = String::new();
        flate2::read::GzDecoder::new(&read("deep/page.html.gz")[..]).read_to_string(&mut back).unwrap();
        assert_eq!(back, text);
        let mut back = Vec::new();
        brotli::BrotliDecompress(&mut &read("deep/page.html.br")[..], &mut back).unwrap();
        assert_eq!(back, text.as_bytes());
        assert!(!folder.path().join("picture.png.br").exists());
        assert!(!folder.path().join("tiny.css.gz").exists(), "nothing is gained");
    }
}
