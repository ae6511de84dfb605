//! The file is edited between the two halves of its upload: what is still the same is not sent again.

use std::fs;

use cairn_e2e::{HalfWay, WINDOW_BYTES, get, insert_byte, seed};

const SIZE: u64 = 200_000_000;
/// Near the front, so that every later byte stands at another place.
const AT: u64 = 1_000_003;

#[test]
fn a_file_edited_meanwhile_arrives_as_it_is_now() -> anyhow::Result<()> {
    let seed = seed();
    let half_way = HalfWay::begin(SIZE, seed + 1_000, 30 + seed * 10 % 50)?;
    half_way.wait_unfinished()?;
    let edited = half_way.folder().join("edited");
    let sha256 = insert_byte(&half_way.file(), &edited, AT)?;
    assert_ne!(sha256, half_way.sha256);
    fs::rename(&edited, half_way.file())?;
    let raw = half_way.choose_again()?;

    let answer = get(&raw)?;
    assert_eq!((answer.status, answer.size), (200, SIZE + 1));
    assert_eq!(answer.sha256, sha256);

    let (missing, sent) = (SIZE - half_way.stored, half_way.sent_since());
    println!("{missing} of {SIZE} bytes were missing, {sent} were sent");
    assert!(
        sent <= missing + WINDOW_BYTES,
        "{sent} bytes were sent where {missing} were missing and one was new"
    );
    Ok(())
}
