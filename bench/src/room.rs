//! Room on the disk, asked for before anything is measured.

use std::path::Path;

use crate::say;

/// Whether so many bytes are free; says loudly where they are not.
pub(crate) fn is_there(folder: &Path, needed: u64) -> anyhow::Result<bool> {
    let stat = rustix::fs::statvfs(folder)?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    if free < needed {
        say::complain(&format!(
            "NOT MEASURED: {} GiB are free in {}, {} GiB are needed; TMPDIR names another folder",
            free >> 30,
            folder.display(),
            needed.div_ceil(1 << 30)
        ));
    }
    Ok(free >= needed)
}
