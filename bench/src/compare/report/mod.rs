//! What was found: as tables in the terminal, and as one page that needs nothing else.

mod html;
mod plot;
mod table;

use std::fs;
use std::path::Path;

use anyhow::Context;

use super::contender::Settings;
use super::machine::Machine;
use super::options::Options;
use super::work::Chart;

pub(crate) use table::{tell, tell_goals};

/// All of it.
pub(crate) struct Report<'a> {
    /// How much was measured.
    pub(crate) options: &'a Options,
    /// The machine's own limits.
    pub(crate) machine: &'a Machine,
    /// Who was measured, and how each is set.
    pub(crate) settings: Vec<Settings>,
    /// In the order of the works.
    pub(crate) charts: Vec<Chart>,
}

impl Report<'_> {
    /// Writes the page.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, html::page(self).into_string())
            .with_context(|| format!("can't write {}", path.display()))
    }
}
