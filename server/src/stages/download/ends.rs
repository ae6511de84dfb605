//! A download whose link is over time meanwhile, and one whose client takes nothing for a while: only tests.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use cairn_shared::LinkToken;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time;

use super::service::read;
use super::shelf::AHEAD;
use crate::access::{Opened, link_right};
use crate::cairn::Cairn;
use crate::tests::site::{self, Body, ask, cairn_with, owner, routes, set_now};

const CHUNK: usize = 65_536;

/// A file of so many chunks, each of its own number, and a link that ends at 2,000,000.
async fn shared(chunks: u8) -> (TempDir, Arc<Cairn>, LinkToken) {
    let data = tempfile::tempdir().unwrap();
    set_now(1_000_000);
    let cairn = cairn_with(data.path(), cairn_store::chunk::memory());
    let routes = routes(&cairn).await;
    let owner = owner(&routes).await;
    let ask = async |method, path: &str, body| -> Value {
        let answer = ask(&routes, &owner, method, path, body).await.unwrap();
        serde_json::from_slice(&answer).unwrap_or_default()
    };
    let fields = json!({"name": "a", "size": usize::from(chunks) * CHUNK, "chunking": "fixed/65536"});
    let session = ask(Method::POST, "/api/start", site::json(&fields)).await;
    let id = session["session_id"].as_str().unwrap().to_owned();
    for index in 0..chunks {
        let bytes = Body::Bytes(vec![index; CHUNK]);
        ask(Method::PUT, &format!("/api/upload/{id}/{index}"), bytes).await;
    }
    let finished = ask(Method::POST, &format!("/api/finish/{id}"), Body::None).await;
    let share = format!("/api/share/{}", finished["file"].as_str().unwrap());
    let link = ask(Method::POST, &share, site::json(&json!({"expires_at": 2_000_000}))).await;
    let token = link["url"].as_str().unwrap().rsplit('/').next().unwrap().parse().unwrap();
    (data, cairn, token)
}

#[actix_web::test]
async fn a_link_that_is_over_time_ends_at_the_next_chunk() {
    let (_data, cairn, token) = shared(4).await;
    let Opened::File(right) = link_right(&cairn, &token).await.unwrap() else { panic!("a folder") };
    let mut bytes = pin!(read(&cairn, &right, 0, 4 * CHUNK as u64).await.unwrap());
    assert_eq!(bytes.next().await.unwrap().unwrap(), vec![0; CHUNK]);
    set_now(2_000_000);
    let rest: Vec<_> = bytes.collect().await;
    // One piece may have been under way, and one waits for room.
    assert!(rest.len() <= AHEAD + 2 && rest.last().unwrap().is_err(), "{} pieces", rest.len());
    assert!(read(&cairn, &right, 0, 1).await.is_err());
}

#[actix_web::test]
async fn where_memory_is_scarce_nothing_is_kept_for_who_takes_nothing_and_he_gets_the_whole_in_the_end() {
    let (_data, cairn, token) = shared(20).await;
    let Opened::File(right) = link_right(&cairn, &token).await.unwrap() else { panic!("a folder") };
    time::pause();
    let (first, length) = (CHUNK / 2, 19 * CHUNK);
    for (pause, others, is_kept) in [(29, 60, true), (31, 60, false), (3_600, 60, false), (3_600, 30, true)] {
        // What others read ahead: 768 KiB each, of 64 MiB.
        let mut others: Vec<_> = (0..others).map(|_| cairn.lanes.begin()).collect();
        others.iter_mut().for_each(|haste| assert!(haste.next_chunk() > CHUNK));
        let all = cairn.lanes.left();
        let mut bytes = pin!(read(&cairn, &right, first as u64, length as u64).await.unwrap());
        let mut came = Vec::new();
        while let Some(piece) = bytes.next().await {
            came.extend_from_slice(&piece.unwrap());
            time::sleep(Duration::from_secs(pause)).await;
            assert_eq!(cairn.lanes.left() < all, is_kept, "after {pause} s");
        }
        assert!(
            came.len() == length
                && came.iter().zip(first..).all(|(byte, at)| usize::from(*byte) == at / CHUNK)
        );
    }
}
