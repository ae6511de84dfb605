//! Two files that are alike in all but their names and bytes, as parts of an archive are: neither goes on as the other.

use std::fs;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use cairn_e2e::{Gate, Visit, Visitor, get, random_file, sha256_file};

const SIZE: u64 = 24_000_000;
const FIRST: u64 = 18_000_000;
const SOON: Duration = Duration::from_secs(20);

#[test]
fn parts_of_an_archive_are_not_taken_for_one_another() -> anyhow::Result<()> {
    let visitor = Visitor::start()?;
    let [part1, part2] = ["part1.rar", "part2.rar"].map(|name| visitor.folder().join(name));
    for (part, seed) in [(&part1, 1), (&part2, 2)] {
        random_file(part, SIZE, seed)?;
        let file = fs::File::options().write(true).open(part)?;
        file.set_modified(UNIX_EPOCH + Duration::from_secs(1_700_000_000))?;
    }
    let first = visitor.come()?;
    visitor.proxy.gate().hold_each_after(FIRST);
    first.page().drop_files(&[&part1])?;
    first.page().pause_at("part1.rar", SIZE, FIRST - Gate::BODY_BYTES_MAX)?;
    visitor.kill(first)?;
    visitor.proxy.gate().open();

    let visit = visitor.come_back()?;
    visit.tab.wait_for("document.querySelector('[data-testid=unfinished]')", SOON)?;
    visit.page().drop_files(&[&part2])?;
    check(&visit, "part2.rar", &part2)?;
    let left = "document.querySelector('[data-testid=unfinished]')?.innerText.includes('part1.rar')";
    visit.tab.wait_for(left, SOON)?;
    visit.page().choose_files(&[&part1])?;
    check(&visit, "part1.rar", &part1)?;
    assert!(visit.page().sent("part1.rar")? < SIZE, "what the server had of it was of use");
    check(&visit, "part2.rar", &part2)?;
    assert_eq!(visit.browser.troubles()?, Vec::<String>::new());
    Ok(())
}

fn check(visit: &Visit, name: &str, file: &Path) -> anyhow::Result<()> {
    visit.page().wait_state(name, "done", SOON)?;
    let answer = get(&format!("{}/raw", visit.page().link(name)?))?;
    assert_eq!((answer.status, answer.sha256), (200, sha256_file(file)?), "{name}");
    Ok(())
}
