//! What /proc tells of this process, and steps of a bench in processes of their own: the memory of one is none of the next one's.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::Context;
use serde_json::Value;

/// Starts a step of this program on a data folder.
pub(crate) fn spawn(step: &str, data: &Path, args: &[&str]) -> anyhow::Result<Child> {
    let mut command = Command::new("/proc/self/exe");
    command.arg("step").arg(step).arg(data).args(args.iter().map(OsStr::new));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("a step does not start")
}

/// Runs a step to its end, and gives the last line that it told.
pub(crate) fn run(step: &str, data: &Path, args: &[&str]) -> anyhow::Result<Value> {
    let output = spawn(step, data, args)?.wait_with_output()?;
    anyhow::ensure!(output.status.success(), "the step {step} failed ({})", output.status);
    let text = String::from_utf8(output.stdout)?;
    Ok(serde_json::from_str(text.lines().last().context("the step told nothing")?)?)
}

/// The most memory that this process ever held, in bytes.
pub(crate) fn memory_max_bytes() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).context("/proc tells no VmHWM")?;
    Ok(kib.parse::<u64>()? * 1_024)
}

/// Processor time that this process has taken so far, in seconds.
pub(crate) fn cpu_seconds() -> anyhow::Result<f64> {
    // In hundredths (proc(5)); the 12th and 13th field behind the name.
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').context("/proc tells no name")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? / 100.0)
}

/// How often this process has asked for bytes of a file so far.
pub(crate) fn reads() -> anyhow::Result<u64> {
    let io = fs::read_to_string("/proc/self/io")?;
    let line = io.lines().find_map(|line| line.strip_prefix("syscr:")).context("/proc tells no syscr")?;
    Ok(line.trim().parse()?)
}

/// Bytes of all files in a folder, as they take space; nothing where there is none.
pub(crate) fn bytes_of(folder: &Path) -> anyhow::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    if !folder.exists() {
        return Ok(0);
    }
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        sum += if meta.is_dir() { bytes_of(&entry.path())? } else { meta.blocks() * 512 };
    }
    Ok(sum)
}
