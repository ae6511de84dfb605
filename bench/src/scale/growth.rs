//! What one chunk costs with ten thousand, a hundred thousand, a million and ten million others in the index.

use serde_json::Value;

use super::{Built, process};
use crate::{room, say};

const LEVELS: [u64; 4] = [10_000, 100_000, 1_000_000, 10_000_000];

/// One table. The last level only where `--full` asks for it.
pub(crate) fn run(args: &[&str]) -> anyhow::Result<()> {
    let options = super::options(args)?;
    let levels = &LEVELS[..if options.full { 4 } else { 3 }];
    let mut built = Built::open(options.folder)?;
    let data = built.data.clone();
    let mut columns = Vec::new();
    for level in levels {
        if built.next() > 2 * level {
            continue;
        }
        if !room::is_there(&data, super::room_for(*level))? {
            break;
        }
        let rate = built.grow(*level)?;
        let disk = [super::INDEX, "snapshot", "log"].map(|name| process::bytes_of(&data.join(name)));
        let [index, snapshot, log] = disk;
        let told = process::run("measure", &data, &[&level.to_string(), &built.next().to_string()])?;
        built.went_on(&told)?;
        say::tell(&format!("  {level} chunks: {told}"));
        columns.push(Column { level: *level, rate, index: index?, snapshot: snapshot?, log: log?, told });
    }
    tell(&columns);
    Ok(())
}

struct Column {
    level: u64,
    rate: f64,
    index: u64,
    snapshot: u64,
    log: u64,
    told: Value,
}

impl Column {
    fn number(&self, name: &str) -> f64 {
        self.told[name].as_f64().unwrap_or_default()
    }

    fn cost(&self, name: &str) -> f64 {
        self.told[name][0].as_f64().unwrap_or_default()
    }

    fn reads(&self, name: &str) -> f64 {
        self.told[name][1].as_f64().unwrap_or_default()
    }

    /// A new chunk's way through check and upload, by four requests at a time: µs, reads.
    fn chunk(&self) -> (f64, f64) {
        let steps = ["declared", "looked", "four"];
        (steps.iter().map(|step| self.cost(step)).sum(), steps.iter().map(|step| self.reads(step)).sum())
    }

    fn share(&self, bytes: u64) -> f64 {
        bytes as f64 / self.level as f64
    }
}

fn tell(columns: &[Column]) {
    let line = |name: &str, of: &dyn Fn(&Column) -> String| {
        let cells: Vec<String> = columns.iter().map(of).collect();
        say::tell(&format!("| {name} | {} |", cells.join(" | ")));
    };
    line("chunks", &|column| column.level.to_string());
    line("---", &|_| "---".to_owned());
    for (name, what) in [
        ("absent", "check: a digest that nobody holds, µs; reads"),
        ("present", "check: one that somebody holds, µs; reads"),
        ("declared", "check: a row declared, µs; reads"),
        ("looked", "check: whether it is there, as it wasn't the owner's, µs; reads"),
        ("adopted", "check: a chunk that is held from then on, µs; reads"),
        ("single", "upload: stored one by one, µs; reads"),
        ("four", "upload: stored by 4 at a time, µs; reads"),
        ("batch", "upload: stored by 1,000 at a time, µs; reads"),
    ] {
        line(what, &|column| format!("{:.1}; {:.2}", column.cost(name), column.reads(name)));
    }
    line("**a new chunk, by 4 at a time, µs; reads**", &|column| {
        let (time, reads) = column.chunk();
        format!("{time:.1}; {reads:.2}")
    });
    line("processor time of a new chunk, check and upload, µs", &|column| {
        format!("{:.0}", column.number("cpu"))
    });
    line("log, bytes for a chunk", &|column| format!("{:.0}", column.number("log_bytes")));
    line("index, bytes for a chunk", &|column| format!("{:.0}", column.share(column.index)));
    line("snapshot and log there, bytes for a chunk", &|column| {
        format!("{:.0}", column.share(column.snapshot + column.log))
    });
    line("open, s", &|column| format!("{:.2}", column.number("open_s")));
    line("memory once open; at most, MiB", &|column| {
        format!("{:.0}; {:.0}", column.number("opened_mib"), column.number("memory_mib"))
    });
    line("built, chunks/s", &|column| format!("{:.0}", column.rate));
    if let (Some(first), Some(last)) = (columns.first(), columns.last()) {
        let (time, reads) = last.chunk();
        let times = time / first.chunk().0;
        say::tell(&format!(
            "from {} to {}: {times:.2} times the time (goal 2: {}), {reads:.2} reads for a chunk (goal 3: {})",
            first.level,
            last.level,
            super::met(times <= 2.0),
            super::met(reads <= 3.0)
        ));
    }
}
