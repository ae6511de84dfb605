//! The page's document: its title, language, address, attributes and focus, and whether it is seen.

use gloo_events::EventListener;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Document, HtmlDialogElement, HtmlElement, Url};

fn document() -> Option<Document> {
    web_sys::window()?.document()
}

/// Where the program's JavaScript half was loaded from; `index.html` names it for `boot.js`.
pub fn glue_address() -> Option<String> {
    let script = document()?.query_selector("script[data-glue]").ok()??;
    let address = script.get_attribute("data-glue")?;
    // The worker resolves names against its own address, so it gets the whole one.
    Some(absolute(&address))
}

/// An address of this server, with its host, and with the path that the server has there.
pub fn absolute(path: &str) -> String {
    let page = document().and_then(|document| document.base_uri().ok()?).unwrap_or_default();
    let whole = Url::new_with_base(&here(path), &page).map(|url| url.href());
    whole.unwrap_or_else(|_| path.to_owned())
}

/// A path of the server's as it is from the page and from the worker's script: both lie at the server's top.
pub fn here(path: &str) -> String {
    format!("./{}", path.trim_start_matches('/'))
}

/// Whether the page came over TLS, or from this very machine.
pub fn is_secure() -> bool {
    web_sys::window().is_some_and(|window| window.is_secure_context())
}

/// Whether this page came over the loopback interface, which works without any network.
pub fn on_loopback() -> bool {
    let host = web_sys::window().and_then(|window| window.location().hostname().ok()).unwrap_or_default();
    host == "localhost" || host.ends_with(".localhost") || host.starts_with("127.") || host == "[::1]"
}

/// The language that the reader prefers, `de-AT`.
pub fn language() -> String {
    web_sys::window().and_then(|window| window.navigator().language()).unwrap_or_default()
}

/// Names the page's language for screen readers and hyphenation.
pub fn set_language(language: &str) {
    set_attribute("lang", language);
}

/// Sets an attribute of the root element.
pub fn set_attribute(name: &str, value: &str) {
    if let Some(root) = document().and_then(|document| document.document_element()) {
        // It fails only for names that are no names.
        let _ = root.set_attribute(name, value);
    }
}

/// Sets the title in the tab.
pub fn set_title(title: &str) {
    // The browser tells a new title to its window, whether or not it is another one.
    if let Some(document) = document().filter(|document| document.title() != title) {
        document.set_title(title);
    }
}

/// Sets the sign in the tab, by the name of a drawing in `static/icons`.
pub fn set_icon(name: &str) {
    let link = document().and_then(|document| document.query_selector("link[rel=icon]").ok().flatten());
    let address = format!("icons/{name}.svg");
    // Browsers fetch it anew whenever it is set.
    if let Some(link) = link.filter(|link| link.get_attribute("href").as_deref() != Some(&address)) {
        // It fails only for names that are no names.
        let _ = link.set_attribute("href", &address);
    }
}

/// Clicks an element, the file picker's input for one.
pub fn click(id: &str) {
    if let Some(element) = element(id) {
        element.click();
    }
}

/// Whether the focus is on something within an element that fits a CSS selector.
pub fn has_focus(selector: &str) -> bool {
    let focused = document().and_then(|document| document.active_element());
    focused.is_some_and(|element| element.closest(selector).ok().flatten().is_some())
}

/// Where the focused element went away, gives the focus to the first one that fits the first selector that any fits.
pub fn keep_focus(selectors: &[&str]) {
    let Some(document) = document() else { return };
    let lost = document.active_element().is_none_or(|active| active.tag_name().eq_ignore_ascii_case("body"));
    let find = |selector: &&str| document.query_selector(selector).ok().flatten();
    let element = selectors.iter().find_map(find).and_then(|element| element.dyn_into::<HtmlElement>().ok());
    if let Some(element) = element.filter(|_| lost) {
        // Nothing but comfort hangs on it.
        let _ = element.focus();
    }
}

/// Removes what `index.html` shows until the program runs.
pub fn remove(id: &str) {
    if let Some(element) = element(id) {
        element.remove();
    }
}

/// Shows a dialog above everything else; the browser keeps the focus in it, and gives it back at its end.
pub fn show_dialog(id: &str) {
    if let Some(dialog) = dialog(id).filter(|dialog| !dialog.open()) {
        // It fails where the dialog is open already.
        let _ = dialog.show_modal();
    }
}

/// Closes a dialog.
pub fn close_dialog(id: &str) {
    if let Some(dialog) = dialog(id) {
        dialog.close();
    }
}

fn dialog(id: &str) -> Option<HtmlDialogElement> {
    document()?.get_element_by_id(id)?.dyn_into().ok()
}

/// What stands behind the `#` of the page's address.
pub fn fragment() -> String {
    let fragment = web_sys::window().and_then(|window| window.location().hash().ok());
    fragment.unwrap_or_default().trim_start_matches('#').to_owned()
}

/// Takes what stands behind the `#` out of the address, and out of the history.
pub fn drop_fragment() {
    let Some(window) = web_sys::window() else { return };
    let location = window.location();
    if let (Ok(path), Ok(search), Ok(history)) = (location.pathname(), location.search(), window.history()) {
        // It fails for addresses of other origins.
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&format!("{path}{search}")));
    }
}

/// Calls back whenever what stands behind the `#` of the address changes.
pub fn on_fragment(on: impl Fn() + 'static) {
    if let Some(window) = web_sys::window() {
        EventListener::new(&window, "hashchange", move |_| on()).forget();
    }
}

fn element(id: &str) -> Option<HtmlElement> {
    document()?.get_element_by_id(id)?.dyn_into().ok()
}

/// Calls back whenever the browser believes that the network came or went.
pub fn on_network(on: impl Fn(bool) + Clone + 'static) {
    let Some(window) = web_sys::window() else { return };
    for (event, online) in [("online", true), ("offline", false)] {
        let on = on.clone();
        EventListener::new(&window, event, move |_| on(online)).forget();
    }
}

/// Whether the browser believes that there is a network.
pub fn online() -> bool {
    web_sys::window().is_none_or(|window| window.navigator().on_line())
}

/// Calls back when the page goes away, as far as browsers tell it.
pub fn on_leaving(on: impl Fn() + 'static) {
    if let Some(window) = web_sys::window() {
        EventListener::new(&window, "pagehide", move |_| on()).forget();
    }
}

/// Calls back whenever the page comes into view.
pub fn on_shown(on: impl Fn() + 'static) {
    let Some(document) = document() else { return };
    let target = document.clone();
    EventListener::new(&target, "visibilitychange", move |_| {
        if !document.hidden() {
            on();
        }
    })
    .forget();
}

/// Processors that the browser tells of.
pub fn processors() -> usize {
    web_sys::window().map_or(1, |window| window.navigator().hardware_concurrency() as usize)
}

/// `?workers=2` in the page's address: measurements compare numbers of workers by it.
pub fn workers_wanted() -> Option<usize> {
    let search = web_sys::window()?.location().search().ok()?;
    let wanted = search.trim_start_matches('?').split('&').find_map(|pair| pair.strip_prefix("workers="));
    wanted?.parse().ok().filter(|wanted| (1..=8).contains(wanted))
}
