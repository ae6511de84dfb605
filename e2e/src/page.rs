//! Cairn's page in the words of its tests: `data-testid`, `data-name`, `data-state`.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use crate::tab::{Tab, quoted};

const READY: Duration = Duration::from_secs(30);

/// The page in a tab.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a>(pub &'a Tab);

impl<'a> Page<'a> {
    /// Waits until the page takes files.
    pub fn ready(tab: &'a Tab) -> anyhow::Result<Self> {
        tab.wait_for("document.querySelector('[data-testid=drop-zone]')", READY)?;
        Ok(Self(tab))
    }

    /// A CSS selector of an element by its `data-testid`.
    pub fn by_id(id: &str) -> String {
        format!("[data-testid=\"{id}\"]")
    }

    /// A CSS selector of a file's row.
    pub fn row(name: &str) -> String {
        format!("[data-testid=\"row\"][data-name={}]", quoted(name))
    }

    /// A CSS selector of something in a file's row.
    pub fn in_row(name: &str, id: &str) -> String {
        format!("{} {}", Self::row(name), Self::by_id(id))
    }

    /// A CSS selector of the button that goes on with what is unfinished: with that name, or with any.
    pub fn continue_button(name: Option<&str>) -> String {
        let entry = name.map(|name| format!("[data-name={}] ", quoted(name))).unwrap_or_default();
        format!("{} {entry}{}", Self::by_id("unfinished"), Self::by_id("continue"))
    }

    /// Drops files from outside.
    pub fn drop_files(self, paths: &[&Path]) -> anyhow::Result<()> {
        self.0.drop_files(&Self::by_id("drop-zone"), paths)
    }

    /// Chooses files by the file input.
    pub fn choose_files(self, paths: &[&Path]) -> anyhow::Result<()> {
        self.0.choose_files(&Self::by_id("file-input"), paths)
    }

    /// What a row says its file's state is; nothing where there is no such row.
    pub fn state(self, name: &str) -> anyhow::Result<String> {
        let script = format!("document.querySelector({})?.dataset.state ?? ''", quoted(&Self::row(name)));
        Ok(self.0.evaluate(&script)?.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until a row is in a state. Ends early where the file has failed and nobody waits for that.
    pub fn wait_state(self, name: &str, state: &str, within: Duration) -> anyhow::Result<()> {
        let row = quoted(&Self::row(name));
        let state_is = format!("document.querySelector({row})?.dataset.state");
        let (wanted, failed) = (quoted(state), quoted("failed"));
        self.0.wait_for(&format!("[{wanted}, {failed}].includes({state_is})"), within)?;
        let now = self.state(name)?;
        anyhow::ensure!(now == state, "{name} is {now}, not {state}; the page says:\n{}", self.0.text());
        Ok(())
    }

    /// Bytes that the row says are stored.
    pub fn stored(self, name: &str) -> anyhow::Result<u64> {
        self.figure(name, "stored")
    }

    /// Bytes that the row says were sent in this visit.
    pub fn sent(self, name: &str) -> anyhow::Result<u64> {
        self.figure(name, "sent")
    }

    /// What a row says, as text; nothing where there is no such row.
    pub fn row_text(self, name: &str) -> anyhow::Result<String> {
        let script = format!("document.querySelector({})?.innerText ?? ''", quoted(&Self::row(name)));
        Ok(self.0.evaluate(&script)?.as_str().unwrap_or_default().replace('\u{a0}', " "))
    }

    /// The whole address of a finished file's share page.
    pub fn link(self, name: &str) -> anyhow::Result<String> {
        let script = format!("document.querySelector({}).href", quoted(&Self::in_row(name, "row-link")));
        let link = self.0.evaluate(&script)?;
        link.as_str().map(str::to_owned).with_context(|| format!("{name} has no link"))
    }

    /// Clicks a button in a row.
    pub fn click_in_row(self, name: &str, id: &str) -> anyhow::Result<()> {
        self.0.click(&Self::in_row(name, id))
    }

    fn figure(self, name: &str, figure: &str) -> anyhow::Result<u64> {
        let row = quoted(&Self::row(name));
        let bytes = self.0.evaluate(&format!("document.querySelector({row})?.dataset.{figure} ?? ''"))?;
        bytes.as_str().unwrap_or_default().parse().with_context(|| format!("{name} tells no {figure} bytes"))
    }

    /// Waits until so many bytes of a file are stored.
    pub fn wait_stored(self, name: &str, bytes: u64) -> anyhow::Result<()> {
        let stored = format!("document.querySelector({})?.dataset.stored", quoted(&Self::row(name)));
        self.0.wait_for(&format!("{stored} >= {bytes}"), READY)
    }

    /// Waits until so many bytes of a file that is held at a gate are stored, and has it pause there; gives the bytes that are
    /// stored. A pause breaks off what is on its way.
    pub fn pause_at(self, name: &str, size: u64, bytes: u64) -> anyhow::Result<u64> {
        self.wait_stored(name, bytes)?;
        self.click_in_row(name, "row-pause")?;
        self.wait_state(name, "paused", READY)?;
        let stored = self.stored(name)?;
        anyhow::ensure!(stored < size, "{name} was paused after its end");
        Ok(stored)
    }

    /// wasm memory of the page and its worker, in bytes, as the page tells it.
    pub fn wasm_bytes(self) -> anyhow::Result<u64> {
        let bytes = self.0.evaluate("document.documentElement.dataset.wasmBytes ?? ''")?;
        bytes.as_str().unwrap_or_default().parse().context("the page tells no data-wasm-bytes")
    }
}
