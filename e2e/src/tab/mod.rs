//! One tab: what it shows, and what can be asked of it.

mod input;

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;
use data_encoding::BASE64;
use serde_json::{Value, json};

pub use input::Key;
pub(crate) use input::quoted;

use crate::cdp::Cdp;
use crate::clock::Deadline;

const LOAD: Duration = Duration::from_secs(30);

/// Comes true when all animations that have an end are through, or after 3 s.
const AT_REST: &str = "(async () => {
    const frame = () => new Promise(requestAnimationFrame);
    await frame(); await frame();
    const ends = a => Number.isFinite(a.effect?.getComputedTiming().endTime);
    const through = document.getAnimations().filter(ends).map(a => a.finished.catch(() => 0));
    await Promise.race([Promise.all(through), new Promise(done => setTimeout(done, 3000))]);
    await frame(); return true; })()";

/// A screen that a page is shown on.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    /// In CSS pixels.
    pub width: u32,
    /// In CSS pixels.
    pub height: u32,
    /// Pixels for one CSS pixel.
    pub scale: f64,
    /// Whether it is a phone.
    pub mobile: bool,
    /// Whether people prefer it dark.
    pub dark: bool,
}

impl Screen {
    /// A window on a desktop, light.
    pub const DESKTOP: Self = Self { width: 1280, height: 800, scale: 1.0, mobile: false, dark: false };
    /// A narrow phone, light.
    pub const PHONE: Self = Self { width: 360, height: 740, scale: 2.0, mobile: true, dark: false };

    /// The same, dark.
    pub const fn dark(self) -> Self {
        Self { dark: true, ..self }
    }
}

/// A tab; closed when dropped.
#[derive(Debug)]
pub struct Tab {
    cdp: Rc<RefCell<Cdp>>,
    target: String,
    session: String,
}

impl Tab {
    pub(crate) fn open(cdp: &Rc<RefCell<Cdp>>, url: &str) -> anyhow::Result<Self> {
        let target = text(
            &cdp.borrow_mut().call(None, "Target.createTarget", json!({ "url": "about:blank" }))?["targetId"],
        )?;
        let attach = json!({ "targetId": target, "flatten": true });
        let session = text(&cdp.borrow_mut().call(None, "Target.attachToTarget", attach)?["sessionId"])?;
        let tab = Self { cdp: cdp.clone(), target, session };
        for method in ["Page.enable", "Runtime.enable", "Log.enable", "DOM.enable"] {
            tab.call(method, json!({}))?;
        }
        // Workers report their errors too.
        let attach = json!({ "autoAttach": true, "waitForDebuggerOnStart": false, "flatten": true });
        tab.call("Target.setAutoAttach", attach)?;
        tab.call("Page.bringToFront", json!({}))?;
        tab.screen(Screen::DESKTOP)?;
        tab.navigate(url)?;
        Ok(tab)
    }

    /// Goes to another page and waits until it has loaded.
    pub fn navigate(&self, url: &str) -> anyhow::Result<()> {
        let answer = self.call("Page.navigate", json!({ "url": url }))?;
        if let Some(error) = answer["errorText"].as_str() {
            anyhow::bail!("can't open {url}: {error}");
        }
        self.wait_for("document.readyState === 'complete'", LOAD)
    }

    /// Runs JavaScript in every page that is loaded from now on, before anything of the page's own.
    pub fn before_pages(&self, script: &str) -> anyhow::Result<()> {
        self.call("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script }))?;
        Ok(())
    }

    /// Runs JavaScript, awaits what it gives and returns it as JSON.
    pub fn evaluate(&self, script: &str) -> anyhow::Result<Value> {
        let params = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
        let mut answer = self.call("Runtime.evaluate", params)?;
        let thrown = &answer["exceptionDetails"];
        if !thrown.is_null() {
            let what = thrown["exception"]["description"].as_str().or_else(|| thrown["text"].as_str());
            anyhow::bail!("`{script}` threw {}", what.unwrap_or("something"));
        }
        Ok(answer["result"]["value"].take())
    }

    /// Waits until a condition in JavaScript holds. A script that fails while a page loads is asked again.
    pub fn wait_for(&self, condition: &str, span: Duration) -> anyhow::Result<()> {
        let deadline = Deadline::after(span);
        loop {
            let answer = self.evaluate(&format!("!!({condition})"));
            match &answer {
                Ok(Value::Bool(true)) => return Ok(()),
                Err(error) if deadline.is_over() => anyhow::bail!("waiting for `{condition}`: {error:#}"),
                _ => deadline.pause(|| format!("`{condition}`; the page says:\n{}", self.text()))?,
            }
        }
    }

    /// What the page shows, as text.
    pub fn text(&self) -> String {
        let text = self.evaluate("document.body?.innerText ?? ''");
        text.ok().and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// Shows the page on another screen.
    pub fn screen(&self, screen: Screen) -> anyhow::Result<()> {
        let Screen { width, height, scale, mobile, dark } = screen;
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": scale, "mobile": mobile });
        self.call("Emulation.setDeviceMetricsOverride", metrics)?;
        let scheme = if dark { "dark" } else { "light" };
        // A picture shows the page at rest, not on its way from one scheme to the other.
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }))?;
        Ok(())
    }

    /// Writes a PNG of what is on the screen, once what moves by itself has come to rest and with the mouse out
    /// of the way.
    pub fn picture(&self, path: &Path) -> anyhow::Result<()> {
        self.call("Input.dispatchMouseEvent", json!({ "type": "mouseMoved", "x": 0, "y": 0 }))?;
        self.evaluate(AT_REST)?;
        let answer = self.call("Page.captureScreenshot", json!({ "format": "png" }))?;
        let png = BASE64.decode(text(&answer["data"])?.as_bytes())?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, png).with_context(|| format!("can't write {}", path.display()))
    }

    /// Closes the tab as a person would: the page has no say in it.
    pub fn close(self) {}

    pub(crate) fn call(&self, method: &str, params: Value) -> anyhow::Result<Value> {
        self.cdp.borrow_mut().call(Some(&self.session), method, params)
    }

    /// The next event of that name in this tab.
    pub(crate) fn wait_event(&self, method: &str, deadline: Deadline) -> anyhow::Result<Value> {
        let mut cdp = self.cdp.borrow_mut();
        let fits = |event: &crate::cdp::Event| {
            event.method == method && event.session.as_deref() == Some(self.session.as_str())
        };
        Ok(cdp.wait_event(deadline, method, fits)?.params)
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        if let Ok(mut cdp) = self.cdp.try_borrow_mut() {
            let close = json!({ "targetId": self.target });
            let _ = cdp.call_within(None, "Target.closeTarget", close, Deadline::seconds(5));
        }
    }
}

fn text(value: &Value) -> anyhow::Result<String> {
    value.as_str().map(str::to_owned).context("DevTools answered without a text")
}
