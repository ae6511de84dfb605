//! Tab closed, server killed, and the upload goes on: only what was missing is sent.

use cairn_e2e::{HalfWay, WINDOW_BYTES, get, seed};

const SIZE: u64 = 200_000_000;

#[test]
fn an_upload_survives_a_closed_tab_and_a_killed_server() -> anyhow::Result<()> {
    let seed = seed();
    let half_way = HalfWay::begin(SIZE, seed, 30 + seed * 10 % 50)?;
    half_way.wait_unfinished()?;
    let raw = half_way.choose_again()?;

    let answer = get(&raw)?;
    assert_eq!((answer.status, answer.size), (200, SIZE));
    assert_eq!(answer.sha256, half_way.sha256);

    let (missing, sent) = (SIZE - half_way.stored, half_way.sent_since());
    println!("{missing} of {SIZE} bytes were missing, {sent} were sent");
    assert!(sent <= missing + WINDOW_BYTES, "{sent} bytes were sent where {missing} were missing");
    assert!(
        sent >= missing.saturating_sub(WINDOW_BYTES),
        "{sent} bytes can't be all of {missing}: is the proxy passed by?"
    );
    Ok(())
}
