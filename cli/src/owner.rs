//! The client's owner keys: one per server, made at the first upload, kept in the state folder.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use cairn_shared::Bearer;
use cairn_shared::message::OwnerResponse;
use cairn_shared::route::Route;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::shell::Line;

/// The state folder, made where it is absent.
pub(crate) fn state_folder(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = match given {
        Some(given) => given.to_owned(),
        None => variable("XDG_STATE_HOME")
            .or_else(|| variable("HOME").map(|home| home.join(".local/state")))
            .context("neither HOME nor XDG_STATE_HOME is set: say where the journal goes with --state DIR")?
            .join("cairn"),
    };
    fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
    Ok(folder)
}

/// The key for a server, made by it where there is none. `fresh`: the kept one is unknown to the server.
pub(crate) fn owner_key(state: &Path, line: &Line, fresh: bool) -> anyhow::Result<Bearer> {
    let name = HEXLOWER.encode(&Sha256::digest(line.server().as_bytes())[..8]);
    let path = state.join(format!("owner-{name}"));
    if !fresh && let Ok(text) = fs::read_to_string(&path) {
        return text.trim().parse().with_context(|| format!("{} holds no owner key", path.display()));
    }
    let made: OwnerResponse = line.post_empty(Route::Owner.pattern())?;
    write_private(&path, made.owner_key.to_string().as_bytes())?;
    Ok(made.owner_key)
}

/// Writes a file that only its user may read, whole or not at all.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let fresh = path.with_extension(format!("{}.new", std::process::id()));
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(bytes)?;
        file.sync_data()?;
        fs::rename(&fresh, path)
    };
    write().with_context(|| format!("can't write {}", path.display()))
}
