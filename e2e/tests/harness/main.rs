//! The harness itself: browser, tab, proxy and guard do what the other tests believe of them.

mod site;

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use cairn_e2e::{Browser, Key, Proxy, Screen, Timer, random_file};
use serde_json::json;
use site::Site;

const SOON: Duration = Duration::from_secs(10);

#[test]
fn a_drop_and_a_choice_give_the_page_the_same_file() -> anyhow::Result<()> {
    let (site, browser, folder) = (Site::start()?, Browser::start()?, tempfile::tempdir()?);
    let file = folder.path().join("hällo wörld.bin");
    random_file(&file, 100_000, 1)?;
    let tab = browser.open(&site.url())?;
    tab.drop_files("#zone", &[&file])?;
    tab.wait_for("window.dropped?.length", SOON)?;
    assert_eq!(tab.evaluate("dropped.map(f => [f.name, f.size])")?, json!([["hällo wörld.bin", 100_000]]));
    tab.choose_files("#input", &[&file])?;
    tab.wait_for("window.chosen?.length", SOON)?;
    let same =
        "Promise.all([dropped[0], chosen[0]].map(f => f.text())).then(([a, b]) => a === b && a.length > 0)";
    assert_eq!(tab.evaluate(same)?, true);
    Ok(())
}

#[test]
fn keys_and_mouse_press_buttons() -> anyhow::Result<()> {
    let (site, browser, folder) = (Site::start()?, Browser::start()?, tempfile::tempdir()?);
    let file = folder.path().join("a.bin");
    random_file(&file, 10, 1)?;
    let tab = browser.open(&site.url())?;
    tab.click("#button")?;
    tab.tab_to("#button")?;
    tab.press(Key::Enter)?;
    tab.press(Key::Space)?;
    tab.wait_for("window.presses === 3", SOON)?;
    tab.press(Key::BackTab)?;
    assert_eq!(tab.evaluate("document.activeElement.id")?, "first");
    tab.intercept_dialogs()?;
    tab.tab_to("#choose")?;
    tab.press(Key::Space)?;
    tab.answer_dialog(&[&file])?;
    tab.wait_for("window.chosen?.[0].name === 'a.bin'", SOON)?;
    assert!(tab.tab_to("#nowhere").is_err());
    Ok(())
}

#[test]
fn troubles_of_page_and_worker_are_seen() -> anyhow::Result<()> {
    let (site, browser) = (Site::start()?, Browser::start()?);
    let tab = browser.open(&site.url())?;
    assert_eq!(browser.troubles()?, Vec::<String>::new());
    tab.evaluate("console.error('from the page'); setTimeout(() => { throw new Error('uncaught') }, 0); 1")?;
    tab.evaluate("new Worker('/worker.js'); 1")?;
    tab.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), { textContent: '1' })); 1",
    )?;
    let timer = Timer::start();
    let mut troubles = Vec::new();
    while troubles.len() < 4 && timer.elapsed() < SOON {
        troubles = browser.troubles()?;
    }
    let all = troubles.join("\n");
    for part in ["from the page", "uncaught", "from the worker", "Content Security Policy"] {
        assert!(all.contains(part), "{part} is not in:\n{all}");
    }
    Ok(())
}

#[test]
fn scripts_that_throw_or_never_come_true_are_errors() -> anyhow::Result<()> {
    let (site, browser) = (Site::start()?, Browser::start()?);
    let tab = browser.open(&site.url())?;
    let error = tab.evaluate("nowhere.at.all").unwrap_err().to_string();
    assert!(error.contains("ReferenceError"), "{error}");
    let error = tab.wait_for("window.never", Duration::from_millis(200)).unwrap_err().to_string();
    assert!(error.contains("window.never") && error.contains("A page for the harness"), "{error}");
    assert!(browser.open("http://127.0.0.1:1/").is_err());
    Ok(())
}

#[test]
fn pictures_are_as_large_as_the_screen() -> anyhow::Result<()> {
    let (site, browser, folder) = (Site::start()?, Browser::start()?, tempfile::tempdir()?);
    let tab = browser.open(&site.url())?;
    let picture = folder.path().join("deep/phone.png");
    tab.screen(Screen::PHONE.dark())?;
    assert_eq!(
        tab.evaluate("[innerWidth, matchMedia('(prefers-color-scheme: dark)').matches]")?,
        json!([360, true])
    );
    tab.picture(&picture)?;
    let png = std::fs::read(&picture)?;
    let side = |at: usize| {
        png.get(at..at + 4).map(|bytes| bytes.iter().fold(0, |sum, byte| sum * 256 + u32::from(*byte)))
    };
    assert_eq!((side(16), side(20)), (Some(720), Some(1480)));
    Ok(())
}

#[test]
fn the_proxy_counts_and_slows_down() -> anyhow::Result<()> {
    let (site, browser) = (Site::start()?, Browser::start()?);
    let proxy = Proxy::start(site.address())?;
    let tab = browser.open(&proxy.url("/"))?;
    let before = proxy.sent_bytes();
    proxy.limit(4_000_000);
    let timer = Timer::start();
    let put = "fetch('/put', { method: 'PUT', body: new Uint8Array(8_000_000) }).then(r => r.text())";
    assert_eq!(tab.evaluate(put)?, "8000000");
    let (took, sent) = (timer.elapsed().as_secs_f64(), proxy.sent_bytes() - before);
    assert!(took >= 1.5, "{took} s for 2 s of bytes");
    assert!((8_000_000..8_002_000).contains(&sent), "{sent} bytes");
    Ok(())
}

#[test]
fn the_proxy_holds_uploads_until_its_gate_is_opened() -> anyhow::Result<()> {
    let (site, browser) = (Site::start()?, Browser::start()?);
    let proxy = Proxy::start(site.address())?;
    let tab = browser.open(&proxy.url("/"))?;
    proxy.gate().hold_each_after(1_500_000);
    tab.evaluate(
        "window.answered = [];
        for (const upload of ['a', 'a', 'b'])
            fetch(`/api/upload/${upload}/0`, { method: 'PUT', body: new Uint8Array(1e6) })
                .then(answer => answer.text()).then(() => answered.push(upload));
        1",
    )?;
    proxy.wait_held(SOON, || tab.text())?;
    tab.wait_for("answered.length === 2", SOON)?;
    assert_eq!(tab.evaluate("answered.sort()")?, json!(["a", "b"]));
    assert_eq!(proxy.gate().held(), 1);
    proxy.gate().open();
    tab.wait_for("answered.length === 3", SOON)?;
    assert_eq!(proxy.gate().held(), 0);
    Ok(())
}

#[test]
fn nothing_is_left_running_or_lying_about() -> anyhow::Result<()> {
    let browser = Browser::start()?;
    let pid = browser.pid();
    assert!(processes_of_group(pid)? > 1);
    drop(browser);
    assert_eq!(processes_of_group(pid)?, 0);
    Ok(())
}

fn processes_of_group(group: u32) -> anyhow::Result<usize> {
    let mut count = 0;
    for entry in std::fs::read_dir("/proc")? {
        // Processes come and go while the list is read.
        let Ok(stat) = std::fs::read_to_string(entry?.path().join("stat")) else { continue };
        // Fields after the name, which is in parentheses: state, parent, group.
        let fields: Vec<&str> = stat.rsplit(')').next().context("no fields")?.split_whitespace().collect();
        let ended = matches!(fields.first(), Some(&"Z" | &"X"));
        count += usize::from(!ended && fields.get(2) == Some(&group.to_string().as_str()));
    }
    Ok(count)
}

#[test]
fn files_that_are_not_there_are_an_error() -> anyhow::Result<()> {
    let (site, browser) = (Site::start()?, Browser::start()?);
    let tab = browser.open(&site.url())?;
    assert!(tab.drop_files("#zone", &[Path::new("no such file")]).is_err());
    Ok(())
}
