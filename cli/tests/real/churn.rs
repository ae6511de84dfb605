//! SIGKILLs at random moments under uploads, finishes, deletes, clean-ups and snapshots, all at the same time.
//!
//! `CAIRN_ROUNDS` says how many kills (25).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::facts::Facts;
use crate::server::Server;

const KILLS: u64 = 25;
const CLIENTS: u64 = 3;
/// After so many kills the clients begin anew, so that a look at everything stays short.
const MEMORY: u64 = 20;

#[test]
fn nothing_acknowledged_is_missing_whenever_the_server_dies() {
    let kills = std::env::var("CAIRN_ROUNDS").map_or(KILLS, |rounds| rounds.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let settings =
        [("CAIRN_CHECKPOINT_BYTES", "20000"), ("CAIRN_SWEEP_EVERY", "20ms"), ("CAIRN_DELETE_AFTER", "20ms")];
    let settings: Vec<_> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut server = Server::with(&folder.path().join("data"), 0, &settings);
    let mut clients: Vec<Facts> = Vec::new();
    let mut slowest = Duration::ZERO;
    for round in 0..kills {
        if round % MEMORY == 0 {
            clients = (0..CLIENTS).map(|client| Facts::new(round * 1_000 + client * 10)).collect();
        }
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for facts in &mut clients {
                let (url, is_over) = (server.url.clone(), &is_over);
                scope.spawn(move || while !is_over.load(Ordering::SeqCst) && facts.round(&url).is_ok() {});
            }
            std::thread::sleep(Duration::from_micros(20_000 + (round * 7_919) % 300_000));
            server.kill();
            is_over.store(true, Ordering::SeqCst);
        });
        slowest = slowest.max(server.restart());
        for facts in &mut clients {
            facts.settle(&server.url);
            facts.check(&server.url);
        }
    }
    eprintln!("{kills} kills, nothing lost; the slowest start took {} ms", slowest.as_millis());
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
}
