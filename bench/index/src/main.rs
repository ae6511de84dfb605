//! Compares stores as Cairn's index: one million chunks, three interleaved rounds, medians as a Markdown table.
//!
//! `cargo run --release --manifest-path bench/index/Cargo.toml`, a quarter of an hour. `-- --dir FOLDER` says where the
//! files lie meanwhile (3 GiB, otherwise the folder for temporary files), `-- --chunks NUMBER` makes it shorter.

mod clock;
mod damage;
mod files;
mod job;
mod rows;
mod stores;
mod table;
mod tasks;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::files::Scratch;
use crate::job::Job;
use crate::stores::{KINDS, Kind};
use crate::table::Table;

/// Each store has its turn in each.
const ROUNDS: u32 = 3;

/// Space that the largest index and the sorted rows take, with something to spare, in bytes for each chunk.
const BYTES_PER_CHUNK: u64 = 3 * 1_024;

/// A damaged index is a copy of one with this part of the chunks.
const DAMAGED_PART: u64 = 10;

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    match Job::of_process(&args)? {
        Some(job) => tasks::run(&job),
        None => compare(&Options::parse(args)?),
    }
}

/// What people may choose.
struct Options {
    dir: PathBuf,
    chunks: u64,
}

impl Options {
    fn parse(args: Vec<String>) -> anyhow::Result<Self> {
        let mut options = Self { dir: env::temp_dir(), chunks: 1_000_000 };
        let mut args = args.into_iter();
        while let Some(name) = args.next() {
            let value = args.next().with_context(|| format!("{name} wants a value"))?;
            match name.as_str() {
                "--dir" => options.dir = value.into(),
                "--chunks" => options.chunks = value.parse()?,
                _ => anyhow::bail!("there are --dir and --chunks, and no {name}"),
            }
        }
        anyhow::ensure!(options.chunks >= DAMAGED_PART, "at least {DAMAGED_PART} chunks");
        Ok(options)
    }
}

fn compare(options: &Options) -> anyhow::Result<()> {
    let (free, needed) = (files::free_bytes(&options.dir)?, options.chunks * BYTES_PER_CHUNK);
    if free < needed {
        let dir = options.dir.display();
        eprintln!("SKIPPED, nothing was measured: {dir} has {free} bytes free, {needed} are needed");
        return Ok(());
    }
    let scratch = Scratch::new(&options.dir, &format!("cairn-bench-index-{}", std::process::id()))?;
    let mut table = Table::default();
    rows::write_sorted(&scratch.path().join("sorted"), options.chunks)?;
    for round in 1..=ROUNDS {
        for kind in KINDS {
            eprintln!("round {round} of {ROUNDS}: {}", kind.name);
            measure(&job(kind, scratch.path(), options.chunks), &mut table)?;
        }
    }
    try_damage(scratch.path(), options.chunks / DAMAGED_PART, &mut table)?;
    println!("{table}");
    Ok(())
}

fn job(kind: &'static Kind, scratch: &Path, chunks: u64) -> Job {
    Job { task: String::new(), kind, folder: scratch.join(kind.name), chunks }
}

fn measure(job: &Job, table: &mut Table) -> anyhow::Result<()> {
    for task in tasks::ROUND {
        for (name, value) in job.to(task).measure()? {
            table.figure(job.kind.name, &name, value);
        }
        let disk = match *task {
            "build" => "disk_mib",
            "remove" => "end_disk_mib",
            _ => continue,
        };
        let mib = files::allocated_bytes(&job.folder)? / (1_024 * 1_024);
        table.figure(job.kind.name, disk, f64::from(u32::try_from(mib)?));
    }
    Ok(fs::remove_dir_all(&job.folder)?)
}

fn try_damage(scratch: &Path, chunks: u64, table: &mut Table) -> anyhow::Result<()> {
    let scratch = Scratch::new(scratch, "damage")?;
    rows::write_sorted(&scratch.path().join("sorted"), chunks)?;
    let mut sentences = [Vec::new(), Vec::new(), Vec::new()];
    for kind in KINDS {
        eprintln!("damage: {}", kind.name);
        let job = job(kind, scratch.path(), chunks);
        job.to("build").measure()?;
        for (sentences, sentence) in sentences.iter_mut().zip(damage::try_all(&job)?) {
            sentences.push(sentence);
        }
    }
    let abouts = ["largest file cut in half", "one bit flipped in the middle", "one bit flipped, 19 places"];
    for (about, sentences) in abouts.into_iter().zip(sentences) {
        table.sentences(about, sentences);
    }
    Ok(())
}
