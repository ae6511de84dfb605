//! Every kind of edit between the two halves of an upload: only what was missing and what is new is sent, whether the
//! file goes on by its handle or is chosen again, and the row says how much was of use.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use cairn_e2e::{Gate, Page, Visit, Visitor, get, random_file, sha256_file};

const SIZE: u64 = 24_000_000;
/// So much of each file gets through in the first half, and so much of it is stored at least by then.
const FIRST: u64 = 18_000_000;
const STORED: u64 = FIRST - Gate::BODY_BYTES_MAX;
/// Where edits begin: in what the server has.
const AT: u64 = 3_000_000;
/// What one place costs beside what was changed there: cuts find each other again after a few chunks.
const AROUND: u64 = 3 << 20;
/// The 50 places lie this far apart, so that they share chunks: they cost what lies around the first and the last.
const APART: u64 = 40_000;
/// Heads and lists of chunks.
const TALK: u64 = 200_000;
const SOON: Duration = Duration::from_secs(20);

/// An edit, and the most bytes that have to be sent for it alone.
type Edit = (&'static str, fn(&Path) -> anyhow::Result<()>, u64);

const EDITS: [Edit; 6] = [
    (
        "inserted",
        |file| rewrite(file, |bytes| drop(bytes.splice(at()..at(), vec![7; 1_000]))),
        1_000 + AROUND,
    ),
    ("deleted", |file| rewrite(file, |bytes| drop(bytes.drain(at()..at() + 5_000))), AROUND),
    ("appended", |file| rewrite(file, |bytes| bytes.extend(vec![9; 500_000])), 500_000 + AROUND),
    ("overwritten", overwrite, 50 * APART + 2 * AROUND),
    ("truncated", |file| Ok(OpenOptions::new().write(true).open(file)?.set_len(SIZE / 3)?), AROUND),
    ("replaced", |file| random_file(file, SIZE, 900 + file.as_os_str().len() as u64).map(drop), SIZE),
];

const fn at() -> usize {
    AT as usize
}

/// As an editor saves: another file takes its place.
fn rewrite(file: &Path, edit: impl Fn(&mut Vec<u8>)) -> anyhow::Result<()> {
    let mut bytes = fs::read(file)?;
    edit(&mut bytes);
    let saved = file.with_extension("saved");
    fs::write(&saved, bytes)?;
    Ok(fs::rename(saved, file)?)
}

/// As a database writes: in place.
fn overwrite(file: &Path) -> anyhow::Result<()> {
    let file = OpenOptions::new().write(true).open(file)?;
    Ok((0..50).try_for_each(|place| file.write_all_at(b"another text", AT + place * APART))?)
}

#[test]
fn whatever_was_edited_only_that_is_sent_again() -> anyhow::Result<()> {
    let visitor = Visitor::start()?;
    let ways = ["by handle", "chosen"];
    let names: Vec<_> =
        ways.iter().flat_map(|way| EDITS.map(|edit| format!("{} {way}.bin", edit.0))).collect();
    let first = visitor.come()?;
    visitor.proxy.gate().hold_each_after(FIRST);
    let mut stored = Vec::new();
    for (name, seed) in names.iter().zip(1..) {
        let file = visitor.folder().join(name);
        random_file(&file, SIZE, seed)?;
        first.page().drop_files(&[&file])?;
        stored.push(first.page().pause_at(name, SIZE, STORED)?);
    }
    visitor.kill(first)?;
    visitor.proxy.gate().open();

    let visit = visitor.come_back()?;
    for (index, (name, stored)) in names.iter().zip(stored).enumerate() {
        let (_, edit, cost) = EDITS[index % EDITS.len()];
        let file = visitor.folder().join(name);
        edit(&file)?;
        let before = visitor.proxy.sent_bytes();
        match index / EDITS.len() {
            0 => visit.tab.click(&Page::continue_button(Some(name)))?,
            _ => visit.page().choose_files(&[&file])?,
        }
        check(&visit, name, &file).with_context(|| name.clone())?;
        let (size, sent) = (fs::metadata(&file)?.len(), visitor.proxy.sent_bytes() - before);
        let missing = size.min(SIZE).saturating_sub(stored);
        println!("{name}: {missing} of {size} bytes were missing, {sent} were sent");
        assert!(
            sent <= (missing + cost).min(size) + TALK,
            "{name}: {sent} were sent, {missing} were missing"
        );
    }
    // That rows differ is told by a refusal, once for each file.
    let (refusals, troubles): (Vec<_>, Vec<_>) = visit
        .browser
        .troubles()?
        .into_iter()
        .partition(|it| it.contains("409 (Conflict)") && it.contains("/api/check/"));
    assert_eq!(troubles, Vec::<String>::new());
    assert!(refusals.len() <= names.len(), "{refusals:?}");
    Ok(())
}

/// It arrives as it is now, and what the row says of it is true.
fn check(visit: &Visit, name: &str, file: &Path) -> anyhow::Result<()> {
    let page = visit.page();
    page.wait_state(name, "done", SOON)?;
    let answer = get(&format!("{}/raw", page.link(name)?))?;
    assert_eq!((answer.status, answer.sha256), (200, sha256_file(file)?), "{name}");
    let (size, sent) = (fs::metadata(file)?.len(), page.sent(name)?);
    let text = page.row_text(name)?;
    let percent = text.split_once("Changed since: ").and_then(|(_, rest)| rest.split_once(" % reused"));
    let percent: u64 = percent.map_or(Ok(0), |(percent, _)| percent.parse())?;
    let reused = (size - sent) * 100 / size;
    assert!(percent.abs_diff(reused) <= 1, "{name}: {sent} of {size} bytes were sent, the row says:\n{text}");
    Ok(())
}
