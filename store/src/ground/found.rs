//! Founding a store in an empty folder. Whatever breaks it off, the next start goes on with it: `founding` is the first file
//! that is written, `format` the last, and nobody is told of the store before that.

use std::io;

use super::StoreId;
use super::mark;
use super::runs::Runs;
use super::secret::{self, Found, SECRET_BYTES};
use super::survey::Places;
use super::witness::{self, Run, Seen};
use crate::disk::{Disk, clear_new, make_folders};
use crate::error::Result;
use crate::format::{self, Format};
use crate::meta::begin_log;

/// Makes every part, with the store's id; durable when it returns.
pub(super) fn found(
    disk: &dyn Disk,
    places: &Places,
    store: StoreId,
    secret: &[u8; SECRET_BYTES],
) -> Result<()> {
    clear_new(disk, &places.data)?;
    mark::write_at(disk, &places.founding, store)?;
    for folder in [&places.log, &places.snapshots, &places.chunks] {
        make_folders(disk, folder)?;
        clear_new(disk, folder)?;
        mark::write(disk, folder, store)?;
    }
    begin_log(disk, &places.log)?;
    Runs::new(store, 0).write(disk, &places.log)?;
    drop(witness::begin(disk, &places.chunks, Seen { store, run: Run::NONE, sequence: 0 })?);
    let secret = match secret::read(disk, &places.data)? {
        Found::Secret(made) => made,
        Found::Missing | Found::WrongLength(_) => {
            secret::write(disk, &places.data, secret)?;
            *secret
        }
    };
    format::write(disk, &places.data, &Format::Owned { store, print: Some(secret::print(&secret)) })?;
    end(disk, places)?;
    Ok(())
}

/// Takes away the note that the store is being founded, where one is left.
pub(super) fn end(disk: &dyn Disk, places: &Places) -> io::Result<()> {
    match disk.remove(&places.founding) {
        Ok(()) => disk.sync_folder(&places.data),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
