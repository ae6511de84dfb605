//! Files that change or go away while they are read, with handles and without: never two versions in one, and a file
//! that is gone is asked for while the others go on.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use cairn_e2e::{Browser, Page, Proxy, Server, get, random_file, sha256_file};

/// More than is read ahead of what is sent.
const SIZE: u64 = 96_000_000;
/// So much of a file gets through before it is changed.
const PART: u64 = 9_000_000;
const SOON: Duration = Duration::from_secs(30);

/// A browser with the page, and a line that holds files while they are read.
struct Held {
    tab: cairn_e2e::Tab,
    browser: Browser,
    proxy: Proxy,
    _server: Server,
    folder: tempfile::TempDir,
}

impl Held {
    fn start() -> anyhow::Result<Self> {
        let (server, browser, folder) = (Server::start()?, Browser::start()?, tempfile::tempdir()?);
        let proxy = Proxy::start(server.address())?;
        let tab = browser.open(&proxy.url("/"))?;
        Page::ready(&tab)?;
        proxy.gate().hold_each_after(PART);
        Ok(Self { tab, browser, proxy, _server: server, folder })
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn wait(&self) -> anyhow::Result<()> {
        self.proxy.wait_held(SOON, || format!("the page says:\n{}", self.tab.text()))
    }

    /// It is published as it lies on the disk.
    fn check(&self, name: &str) -> anyhow::Result<()> {
        let page = Page(&self.tab);
        page.wait_state(name, "done", SOON)?;
        let answer = get(&format!("{}/raw", page.link(name)?))?;
        assert_eq!((answer.status, answer.sha256), (200, sha256_file(&self.file(name))?), "{name}");
        Ok(())
    }

    /// That rows differ is told by a refusal; nothing else is wrong.
    fn check_troubles(&self) -> anyhow::Result<()> {
        let mut troubles = self.browser.troubles()?;
        troubles.retain(|trouble| !(trouble.contains("409 (Conflict)") && trouble.contains("/api/check/")));
        assert_eq!(troubles, Vec::<String>::new());
        Ok(())
    }
}

/// Another content of the same size, in the same second as before. The file is never shorter meanwhile: an empty one would be
/// taken for what it is.
fn overwrite(path: &Path, seed: u64) -> anyhow::Result<()> {
    let before = fs::metadata(path)?.modified()?;
    let other = path.with_extension("other");
    random_file(&other, SIZE, seed)?;
    let mut file = File::options().write(true).open(path)?;
    std::io::copy(&mut File::open(&other)?, &mut file)?;
    fs::remove_file(other)?;
    Ok(file.set_modified(before + Duration::from_millis(seed))?)
}

#[test]
fn a_file_overwritten_meanwhile_is_never_two_versions() -> anyhow::Result<()> {
    let held = Held::start()?;
    let page = Page(&held.tab);
    let (kept, plain) = (held.file("by handle.bin"), held.file("by input.bin"));
    random_file(&kept, SIZE, 1)?;
    random_file(&plain, SIZE, 2)?;
    page.drop_files(&[&kept])?;
    for seed in [3, 4, 5] {
        held.wait()?;
        overwrite(&kept, seed)?;
        held.proxy.gate().hold_each_after(PART);
    }
    held.proxy.gate().open();
    held.check("by handle.bin")?;

    held.proxy.gate().hold_each_after(PART);
    page.choose_files(&[&plain])?;
    held.wait()?;
    overwrite(&plain, 6)?;
    held.proxy.gate().open();
    // Without a handle the browser gives no other look at a file.
    page.wait_state("by input.bin", "needs-file", SOON)?;
    let text = page.row_text("by input.bin")?;
    assert!(text.contains("Choose the file again") && text.contains("moved, changed"), "{text}");
    page.choose_files(&[&plain])?;
    held.check("by input.bin")?;
    held.check_troubles()
}

#[test]
fn a_file_that_goes_away_is_asked_for_and_the_others_go_on() -> anyhow::Result<()> {
    let held = Held::start()?;
    let page = Page(&held.tab);
    let lost = ["deleted.bin", "a folder now.bin", "deleted, by input.bin"];
    for (name, seed) in lost.iter().chain(&["stays.bin"]).zip(10..) {
        random_file(&held.file(name), SIZE, seed)?;
    }
    page.drop_files(&[&held.file(lost[0]), &held.file(lost[1])])?;
    page.choose_files(&[&held.file(lost[2]), &held.file("stays.bin")])?;
    held.wait()?;
    let kept = held.file("kept elsewhere");
    fs::create_dir(&kept)?;
    for name in lost {
        fs::rename(held.file(name), kept.join(name))?;
    }
    fs::create_dir(held.file(lost[1]))?;
    held.proxy.gate().open();

    for name in lost {
        page.wait_state(name, "needs-file", SOON)?;
    }
    held.check("stays.bin")?;
    fs::remove_dir(held.file(lost[1]))?;
    for name in lost {
        fs::rename(kept.join(name), held.file(name))?;
        page.choose_files(&[&held.file(name)])?;
        held.check(name)?;
    }
    assert_eq!(held.tab.evaluate("document.querySelectorAll('[data-testid=row]').length")?, 4);
    held.check_troubles()
}
