//! A browser killed half way, started again, one click: the upload goes on by the handle that was kept.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use cairn_e2e::{Gate, Page, Visitor, WINDOW_BYTES, get, random_file};

const SIZE: u64 = 40_000_000;
const NAME: &str = "schöne Aussicht.bin";
const SOON: Duration = Duration::from_secs(20);

/// Everything after the browser was killed.
struct Killed {
    visitor: Visitor,
    file: PathBuf,
    sha256: String,
}

impl Killed {
    fn half_way() -> anyhow::Result<Self> {
        let visitor = Visitor::start()?;
        let file = visitor.folder().join(NAME);
        let sha256 = random_file(&file, SIZE, 77)?;
        let visit = visitor.come()?;
        let proxy = &visitor.proxy;
        proxy.gate().hold_all_after(SIZE / 2);
        visit.page().drop_files(&[&file])?;
        visit.page().wait_stored(NAME, SIZE / 2 - Gate::BODY_BYTES_MAX)?;
        visitor.kill(visit)?;
        proxy.gate().open();
        Ok(Self { visitor, file, sha256 })
    }
}

#[test]
fn one_click_goes_on_after_the_browser_was_killed() -> anyhow::Result<()> {
    let killed = Killed::half_way()?;
    let (stored, before) = (killed.visitor.server.stored_bytes()?, killed.visitor.proxy.sent_bytes());
    assert!(stored > 0 && stored < SIZE, "{stored} of {SIZE} bytes is not half way");
    let visit = killed.visitor.come_back()?;
    let (tab, page) = (&visit.tab, visit.page());
    tab.click(&Page::by_id("continue"))?;
    page.wait_state(NAME, "done", SOON)?;

    let answer = get(&format!("{}/raw", page.link(NAME)?))?;
    assert_eq!((answer.status, answer.size, &answer.sha256), (200, SIZE, &killed.sha256));
    let (missing, sent) = (SIZE - stored, killed.visitor.proxy.sent_bytes() - before);
    println!("{missing} of {SIZE} bytes were missing, {sent} were sent");
    assert!(sent <= missing + WINDOW_BYTES / 4, "{sent} bytes were sent where {missing} were missing");
    tab.wait_for("!document.querySelector('[data-testid=unfinished]')", SOON)?;
    assert_eq!(visit.browser.troubles()?, Vec::<String>::new());
    Ok(())
}

#[test]
fn a_deleted_file_is_asked_for_by_its_name() -> anyhow::Result<()> {
    let killed = Killed::half_way()?;
    let kept = killed.file.with_file_name("kept elsewhere");
    fs::rename(&killed.file, &kept)?;
    let visit = killed.visitor.come_back()?;
    let (tab, page) = (&visit.tab, visit.page());
    tab.click(&Page::by_id("continue"))?;
    tab.wait_for("document.querySelector('[data-testid=unfinished] [data-lost=true]')", SOON)?;
    assert!(tab.text().contains(NAME), "{}", tab.text());

    // Any order, and something else beside it.
    fs::rename(&kept, &killed.file)?;
    let other = killed.file.with_file_name("another.txt");
    fs::write(&other, "another")?;
    page.choose_files(&[&other, &killed.file])?;
    page.wait_state(NAME, "done", SOON)?;
    page.wait_state("another.txt", "done", SOON)?;
    let answer = get(&format!("{}/raw", page.link(NAME)?))?;
    assert_eq!((answer.status, &answer.sha256), (200, &killed.sha256));
    let sent = page.sent(NAME)?;
    assert!(sent < SIZE, "nothing that was there was used");
    // A question that comes after the answer to `finish` is told so, and nothing is lost by it.
    let mut troubles = visit.browser.troubles()?;
    troubles.retain(|trouble| !(trouble.contains("410 (Gone)") && trouble.contains("/api/check/")));
    assert_eq!(troubles, Vec::<String>::new());
    Ok(())
}
