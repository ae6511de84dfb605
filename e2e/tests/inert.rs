//! Uploaded pages run no script in the page's origin, and the share page needs none.

use std::fs;
use std::time::Duration;

use cairn_e2e::{Browser, Options, Page, Server, get};

const SOON: Duration = Duration::from_secs(20);

const HTML: &str = "<!doctype html><title>before</title><body onload=\"document.title = 'ran'\">\
    <script>window.__xss = 1; document.title = 'ran'; fetch('/api/owner', { method: 'POST' })</script>\
    <img src=x onerror=\"document.title = 'ran'\">";
const SVG: &str = "<svg xmlns='http://www.w3.org/2000/svg' onload='window.__xss = 1'>\
    <script>window.__xss = 1; document.title = 'ran'</script></svg>";

#[test]
fn uploaded_pages_run_no_script() -> anyhow::Result<()> {
    let (server, browser, folder) = (Server::start()?, Browser::start()?, tempfile::tempdir()?);
    let files = [("page.html", HTML), ("picture.svg", SVG)];
    for (name, text) in files {
        fs::write(folder.path().join(name), text)?;
    }
    let paths = files.map(|(name, _)| folder.path().join(name));
    let tab = browser.open(&server.url("/"))?;
    let page = Page::ready(&tab)?;
    page.drop_files(&paths.each_ref().map(|path| path.as_path()))?;
    for (name, _) in files {
        page.wait_state(name, "done", SOON)?;
    }
    let links = files.map(|(name, _)| page.link(name));
    for (link, (name, text)) in links.into_iter().zip(files) {
        check_raw(&browser, &format!("{}/raw", link?), name, text)?;
    }
    Ok(())
}

/// A browser either saves the bytes or shows them without power; whatever it does, no script runs.
fn check_raw(browser: &Browser, raw: &str, name: &str, text: &str) -> anyhow::Result<()> {
    let answer = get(raw)?;
    assert_eq!((answer.status, answer.size), (200, text.len() as u64), "{name}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{name}");
    assert!(answer.header("content-security-policy").contains("sandbox"), "{name}");
    let tab = browser.open("about:blank")?;
    // A download is no navigation: then the tab stays where it was, which is as good.
    let _ = tab.navigate(raw);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(
        tab.evaluate("[typeof window.__xss, document.title === 'ran']")?,
        serde_json::json!(["undefined", false]),
        "{name}"
    );
    // Inside a frame of somebody else's page neither.
    let frame = format!("document.body.innerHTML = '<iframe src=\"{raw}\"></iframe>'; 1");
    let tab = browser.open("about:blank")?;
    tab.evaluate(&frame)?;
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(tab.evaluate("document.title")?, "", "{name}");
    Ok(())
}

#[test]
fn the_share_page_works_without_script() -> anyhow::Result<()> {
    let (server, browser, folder) = (Server::start()?, Browser::start()?, tempfile::tempdir()?);
    let path = folder.path().join("<b>bold<b> & more.txt");
    fs::write(&path, "hello")?;
    let tab = browser.open(&server.url("/"))?;
    let page = Page::ready(&tab)?;
    page.drop_files(&[&path])?;
    page.wait_state("<b>bold<b> & more.txt", "done", SOON)?;
    let link = page.link("<b>bold<b> & more.txt")?;

    let without = Browser::start_with(&Options {
        flags: vec!["--blink-settings=scriptEnabled=false".to_owned()],
        ..Options::default()
    })?;
    let tab = without.open(&link)?;
    assert!(tab.text().contains("<b>bold<b> & more.txt"), "{}", tab.text());
    // DevTools still may ask where the page's own scripts may not run.
    let raw = tab.evaluate("document.querySelector('a[href*=\"/raw\"]').href")?;
    let answer = get(raw.as_str().unwrap_or_default())?;
    assert_eq!((answer.status, answer.size), (200, 5));
    assert!(answer.header("content-disposition").starts_with("attachment"), "{:?}", answer.headers);
    assert_eq!(without.troubles()?, Vec::<String>::new());
    Ok(())
}
