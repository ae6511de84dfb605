//! How many bytes the page is.

use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::place::Place;
use crate::{page, say};

/// Prints one line for each file of the page that browsers load, and their sum.
pub(super) fn run(place: &Place, _args: &[String]) -> anyhow::Result<()> {
    page::run(place)?;
    let dist = place.dist();
    let mut rows = Vec::new();
    collect(&dist, &dist, &mut rows)?;
    rows.sort_by_key(|row| std::cmp::Reverse(row.raw));
    say::tell(&format!("\n{:>9} {:>9} {:>9}  file", "raw", "brotli", "gzip"));
    for row in &rows {
        say::tell(&row.line());
    }
    let code = rows.iter().filter(|row| row.name.ends_with(".wasm") || row.name.ends_with(".js"));
    say::tell(&code.fold(Row { name: "wasm and js".to_owned(), ..Row::default() }, Row::plus).line());
    Ok(())
}

#[derive(Debug, Default)]
struct Row {
    name: String,
    raw: u64,
    brotli: u64,
    gzip: u64,
}

impl Row {
    fn line(&self) -> String {
        format!("{:>9} {:>9} {:>9}  {}", self.raw, self.brotli, self.gzip, self.name)
    }

    fn plus(self, other: &Self) -> Self {
        Self {
            name: self.name,
            raw: self.raw + other.raw,
            brotli: self.brotli + other.brotli,
            gzip: self.gzip + other.gzip,
        }
    }
}

fn collect(dist: &Path, folder: &Path, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("can't read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect(dist, &path, rows)?;
        } else if page::is_text(&path) {
            let raw = fs::metadata(&path)?.len();
            // What does not gain from compression is sent as it is.
            let size = |extension: &str| {
                let mut name = path.as_os_str().to_owned();
                name.push(extension);
                fs::metadata(name).map_or(raw, |meta| meta.len())
            };
            let name = path.strip_prefix(dist).unwrap_or(&path).display().to_string();
            rows.push(Row { name, raw, brotli: size(".br"), gzip: size(".gz") });
        }
    }
    Ok(())
}
