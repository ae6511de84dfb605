//! Names that browsers hold unsafe, or that look like others: all of a dropped folder arrives, or is named.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use anyhow::Context;
use cairn_e2e::{Browser, Page, Server, get_json};

const SOON: Duration = Duration::from_secs(30);
const NAME: &str = "odd";

/// Left out by Chromium's handles, most of them, without a word.
const NAMES: [&str; 20] = [
    "plain.txt",
    "notes.txt~",
    "a:b",
    "why?",
    "trail.",
    " lead",
    "x.lnk",
    "y.url",
    "desktop.ini",
    "thumbs.db",
    "CON.txt",
    "a<b>|\"*.txt",
    "back\\slash",
    "50%.txt",
    "\u{6a9}\u{62a}\u{627}\u{628}\u{200c}\u{647}\u{627}.pdf",
    "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}.png",
    "rtl\u{202e}fdp.exe",
    "a\nb",
    "a_b",
    "e\u{301}.txt",
];

#[test]
fn every_name_of_a_dropped_folder_arrives() -> anyhow::Result<()> {
    let (server, browser, folder) = (Server::start()?, Browser::start()?, tempfile::tempdir()?);
    let root = folder.path().join(NAME);
    fs::create_dir_all(root.join("~old"))?;
    fs::write(root.join("~old/in.txt"), "in")?;
    for name in NAMES {
        fs::write(root.join(name), name)?;
    }
    let tab = browser.open(&server.url("/"))?;
    let page = Page::ready(&tab)?;
    page.drop_files(&[&root])?;
    page.wait_state(NAME, "done", SOON)?;
    let link = page.link(NAME)?;
    let names = listed(&link, "")?;
    // What no name may have is shown by its picture.
    let expected = NAMES.iter().map(|name| name.replace('\n', "\u{240a}")).chain(["~old".to_owned()]);
    assert_eq!(names, expected.collect::<BTreeSet<_>>());
    assert_eq!(listed(&link, "?in=~old")?, BTreeSet::from(["in.txt".to_owned()]));
    let text = tab.text();
    assert!(text.contains("21 files"), "{text}");
    assert_eq!(browser.troubles()?, Vec::<String>::new());
    Ok(())
}

#[test]
fn a_name_that_is_no_text_is_counted() -> anyhow::Result<()> {
    let (server, browser, folder) = (Server::start()?, Browser::start()?, tempfile::tempdir()?);
    let root = folder.path().join(NAME);
    fs::create_dir(&root)?;
    fs::write(root.join("plain.txt"), "plain")?;
    fs::write(root.join(OsStr::from_bytes(b"latin-\xe9.txt")), "latin")?;
    let tab = browser.open(&server.url("/"))?;
    let page = Page::ready(&tab)?;
    page.drop_files(&[&root])?;
    page.wait_state(NAME, "needs-file", SOON)?;
    assert!(tab.text().contains("1 can’t be read"), "{}", tab.text());
    Ok(())
}

/// Names on a level behind a link.
fn listed(link: &str, level: &str) -> anyhow::Result<BTreeSet<String>> {
    let listed = get_json(&format!("{link}/list{level}"))?;
    let items = listed["items"].as_array().context("items")?;
    Ok(items.iter().filter_map(|item| Some(item["name"].as_str()?.to_owned())).collect())
}
