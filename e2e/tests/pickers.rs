//! Files and folders that were picked, not dropped, go on by one click too; and where a person has refused to have
//! handles read, the names are there to choose again.
//!
//! A browser without a window opens no dialog, and nothing answers one in its place. So the two functions that open it are
//! replaced by ones that give real handles, which a real drop made.

use std::path::Path;
use std::time::Duration;

use cairn_e2e::{Consent, Gate, Page, Tree, Visit, Visitor, get, listed_sizes, random_file};

const SIZE: u64 = 20_000_000;
/// So much gets through in the first half.
const HALF: u64 = 12_000_000;
const NAME: &str = "picked.bin";
const SOON: Duration = Duration::from_secs(30);

/// The next call of a picker gives what lies there.
fn answer_picker(visit: &Visit, function: &str, path: &Path) -> anyhow::Result<()> {
    // These come before the page's own listeners, which hear nothing of this drop.
    let script = format!(
        "{{ const first = {{ capture: true, once: true }};
        const keep = event => {{ event.stopImmediatePropagation(); event.preventDefault(); }};
        addEventListener('dragenter', keep, first);
        addEventListener('drop', event => {{
            keep(event);
            const handle = event.dataTransfer.items[0].getAsFileSystemHandle();
            window.{function} = async () => {{
                const it = await handle;
                return it.kind == 'file' ? [it] : it;
            }};
            window.answers = true;
        }}, first); window.answers = false; }} 1"
    );
    visit.tab.evaluate(&script)?;
    visit.page().drop_files(&[path])?;
    visit.tab.wait_for("window.answers", SOON)
}

#[test]
fn what_was_picked_goes_on_by_one_click() -> anyhow::Result<()> {
    let visitor = Visitor::start()?;
    let (tree, file) = (Tree::make(visitor.folder())?, visitor.folder().join(NAME));
    let sha256 = random_file(&file, SIZE, 41)?;
    let visit = visitor.come()?;
    visitor.proxy.gate().hold_all_after(HALF);
    answer_picker(&visit, "showOpenFilePicker", &file)?;
    visit.tab.click("#choose-files")?;
    visit.page().wait_stored(NAME, HALF - Gate::BODY_BYTES_MAX)?;
    visitor.proxy.gate().hold_all_after(0);
    answer_picker(&visit, "showDirectoryPicker", &tree.root)?;
    visit.tab.click(&Page::by_id("choose-folder"))?;
    visit.tab.wait_for("document.querySelector('.notice')?.innerText.includes('keeps files back')", SOON)?;
    visit.tab.wait_for(&format!("document.querySelector('{}')", Page::row(Tree::NAME)), SOON)?;
    visitor.kill(visit)?;
    visitor.proxy.gate().open();

    let visit = visitor.come_back()?;
    visit.tab.click(&Page::by_id("continue-all"))?;
    visit.page().wait_state(NAME, "done", SOON)?;
    visit.page().wait_state(Tree::NAME, "done", SOON)?;
    let answer = get(&format!("{}/raw", visit.page().link(NAME)?))?;
    assert_eq!((answer.status, answer.sha256), (200, sha256));
    assert!(visit.page().sent(NAME)? < SIZE, "nothing that was there was used");
    assert_eq!(listed_sizes(&visit.tab, 1)?, tree.sizes);
    assert_eq!(visit.browser.troubles()?, Vec::<String>::new());
    Ok(())
}

#[test]
fn who_refuses_to_have_handles_read_chooses_again() -> anyhow::Result<()> {
    let visitor = Visitor::start()?;
    let file = visitor.folder().join(NAME);
    let sha256 = random_file(&file, SIZE, 42)?;
    let visit = visitor.come()?;
    visitor.proxy.gate().hold_all_after(HALF);
    visit.page().drop_files(&[&file])?;
    let stored = visit.page().pause_at(NAME, SIZE, HALF - Gate::BODY_BYTES_MAX)?;
    visitor.kill(visit)?;
    visitor.proxy.gate().open();
    visitor.consent(Consent::Refused)?;

    let visit = visitor.come_back()?;
    visit.tab.click(&Page::continue_button(Some(NAME)))?;
    visit.tab.wait_for("document.querySelector('[data-testid=unfinished] [data-lost=true]')", SOON)?;
    let text = visit.tab.text();
    assert!(text.contains(NAME) && text.contains("may not be read. Choose it again."), "{text}");
    visit.page().choose_files(&[&file])?;
    visit.page().wait_state(NAME, "done", SOON)?;
    let answer = get(&format!("{}/raw", visit.page().link(NAME)?))?;
    assert_eq!((answer.status, answer.sha256), (200, sha256));
    assert!(visit.page().sent(NAME)? <= SIZE - stored, "what was there was sent again");
    visit.tab.wait_for("!document.querySelector('[data-testid=unfinished]')", SOON)?;
    assert_eq!(visit.browser.troubles()?, Vec::<String>::new());
    Ok(())
}
