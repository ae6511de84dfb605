//! What a person does: click, press keys, drop and choose files.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};

use super::Tab;
use crate::clock::Deadline;

const PATIENCE: Duration = Duration::from_secs(10);

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// To the next control.
    Tab,
    /// To the one before.
    BackTab,
    /// Presses buttons and follows links.
    Enter,
    /// Presses buttons.
    Space,
    /// Gives up.
    Escape,
}

impl Key {
    /// Name, code, number, text and modifiers, as DevTools wants them.
    const fn parts(self) -> (&'static str, &'static str, u32, &'static str, u32) {
        match self {
            Self::Tab => ("Tab", "Tab", 9, "", 0),
            Self::BackTab => ("Tab", "Tab", 9, "", 8),
            Self::Enter => ("Enter", "Enter", 13, "\r", 0),
            Self::Space => (" ", "Space", 32, " ", 0),
            Self::Escape => ("Escape", "Escape", 27, "", 0),
        }
    }
}

impl Tab {
    /// Clicks the middle of the first element that fits a CSS selector, with the mouse, once it is there.
    pub fn click(&self, selector: &str) -> anyhow::Result<()> {
        let (x, y) = self.middle(selector)?;
        let at = |kind: &str, buttons: u32| json!({ "type": kind, "x": x, "y": y, "button": "left", "buttons": buttons, "clickCount": 1 });
        self.call("Input.dispatchMouseEvent", json!({ "type": "mouseMoved", "x": x, "y": y }))?;
        self.call("Input.dispatchMouseEvent", at("mousePressed", 1))?;
        self.call("Input.dispatchMouseEvent", at("mouseReleased", 0))?;
        Ok(())
    }

    /// Types into a field, in place of what stands there, and leaves it.
    pub fn fill_in(&self, selector: &str, text: &str) -> anyhow::Result<()> {
        self.click(selector)?;
        let field = format!("document.querySelector({})", quoted(selector));
        self.evaluate(&format!("{field}.select()"))?;
        match text {
            "" => self.evaluate("document.execCommand('delete')")?,
            _ => self.call("Input.insertText", json!({ "text": text }))?,
        };
        self.evaluate(&format!("{field}.blur()"))?;
        Ok(())
    }

    /// Presses and releases a key.
    pub fn press(&self, key: Key) -> anyhow::Result<()> {
        let (name, code, number, text, modifiers) = key.parts();
        let event = |kind: &str| {
            json!({
                "type": kind, "key": name, "code": code, "modifiers": modifiers, "text": text,
                "windowsVirtualKeyCode": number, "nativeVirtualKeyCode": number,
            })
        };
        let down = if text.is_empty() { "rawKeyDown" } else { "keyDown" };
        self.call("Input.dispatchKeyEvent", event(down))?;
        let mut up = event("keyUp");
        up["text"] = Value::Null;
        if let Some(up) = up.as_object_mut() {
            up.remove("text");
        }
        self.call("Input.dispatchKeyEvent", up)?;
        Ok(())
    }

    /// Drags files from outside over an element and drops them there.
    pub fn drop_files(&self, selector: &str, paths: &[&Path]) -> anyhow::Result<()> {
        let (x, y) = self.middle(selector)?;
        let files = absolute(paths)?;
        for kind in ["dragEnter", "dragOver", "drop"] {
            let data = json!({ "items": [], "files": files, "dragOperationsMask": 1 });
            let params = json!({ "type": kind, "x": x, "y": y, "data": data });
            self.call("Input.dispatchDragEvent", params)?;
        }
        Ok(())
    }

    /// Chooses files for an input of type file, as its dialog would.
    pub fn choose_files(&self, selector: &str, paths: &[&Path]) -> anyhow::Result<()> {
        let expression = format!("document.querySelector({})", quoted(selector));
        let answer = self.call("Runtime.evaluate", json!({ "expression": expression }))?;
        let object = answer["result"]["objectId"].as_str();
        let object = object.with_context(|| format!("there is no {selector}"))?;
        self.call("DOM.setFileInputFiles", json!({ "objectId": object, "files": absolute(paths)? }))?;
        Ok(())
    }

    /// From now on a file dialog does not open, it waits for `answer_dialog`.
    pub fn intercept_dialogs(&self) -> anyhow::Result<()> {
        self.call("Page.setInterceptFileChooserDialog", json!({ "enabled": true }))?;
        Ok(())
    }

    /// Chooses files in the dialog that the page has opened, or opens soon.
    pub fn answer_dialog(&self, paths: &[&Path]) -> anyhow::Result<()> {
        let deadline = Deadline::after(PATIENCE);
        // A picker that gives handles can't be answered; the browser ends it, and the page opens its input instead.
        let opened = loop {
            let opened = self.wait_event("Page.fileChooserOpened", deadline)?;
            if !opened["backendNodeId"].is_null() {
                break opened;
            }
        };
        let params = json!({ "backendNodeId": opened["backendNodeId"], "files": absolute(paths)? });
        self.call("DOM.setFileInputFiles", params)?;
        Ok(())
    }

    /// Presses Tab until the element with the focus fits a CSS selector.
    pub fn tab_to(&self, selector: &str) -> anyhow::Result<()> {
        const STEPS_MAX: u32 = 80;
        let focused = format!("!!document.activeElement?.matches({})", quoted(selector));
        for _ in 0..STEPS_MAX {
            if self.evaluate(&focused)? == true {
                return Ok(());
            }
            self.press(Key::Tab)?;
        }
        anyhow::bail!("{STEPS_MAX} presses of Tab did not reach {selector}; the page says:\n{}", self.text())
    }

    /// The middle of an element, in view, once it is there and has a size.
    fn middle(&self, selector: &str) -> anyhow::Result<(f64, f64)> {
        let script = format!(
            "(() => {{ const e = document.querySelector({}); if (!e) return null;
               e.scrollIntoView({{ block: 'nearest', behavior: 'instant' }});
               const r = e.getBoundingClientRect();
               return r.width > 0 && r.height > 0 ? [r.x + r.width / 2, r.y + r.height / 2] : null; }})()",
            quoted(selector)
        );
        let missing = || format!("{selector} is there; the page says:\n{}", self.text());
        Deadline::after(PATIENCE).until(missing, || {
            let place = self.evaluate(&script)?;
            Ok(place[0].as_f64().zip(place[1].as_f64()))
        })
    }
}

/// A text as JavaScript writes it.
pub(crate) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn absolute(paths: &[&Path]) -> anyhow::Result<Vec<PathBuf>> {
    paths
        .iter()
        .map(|path| path.canonicalize().with_context(|| format!("there is no {}", path.display())))
        .collect()
}
