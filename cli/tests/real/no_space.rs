//! Disks of every size around the need: 507 or 503, no false acknowledgement, and on it goes when there is room.

use std::fs;

use crate::disks::{Loop, Small};
use crate::facts::Facts;
use crate::server::Server;

/// `CAIRN_ROUNDS` says how many sizes.
const SIZES: u64 = 8;

#[test]
fn a_disk_of_any_size_keeps_what_it_acknowledged() {
    let sizes = std::env::var("CAIRN_ROUNDS").map_or(SIZES, |rounds| rounds.parse().unwrap());
    let (mut refused, mut never_began) = (0, 0);
    for round in 0..sizes {
        // From too small to begin up to nearly enough, in steps of 4 KiB times what makes it so.
        let kib = 1_024 + (round * (12 * 1_024 / sizes) / 4) * 4;
        let Some(disk) = Small::mount(kib) else {
            eprintln!(
                "SKIPPED: a full disk needs the right to mount a tmpfs, which this machine does not give"
            );
            return;
        };
        let settings = [("CAIRN_CHECKPOINT_BYTES", "20000"), ("CAIRN_SWEEP_EVERY", "50ms")];
        let settings: Vec<_> =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let data = disk.path().join("data");
        let mut facts = Facts::new(round);
        let Some(mut server) = Server::try_with(&data, &settings) else {
            never_began += 1;
            disk.grow(64 * 1_024);
            Server::with(&data, 0, &settings);
            continue;
        };
        let mut is_full = false;
        for _ in 0..80 {
            if facts.round(&server.url).is_err() {
                is_full = true;
                break;
            }
        }
        refused += u64::from(is_full);
        facts.settle(&server.url);
        facts.check(&server.url);
        // The same server goes on when there is room.
        disk.grow(64 * 1_024);
        assert!(
            (0..100).any(|_| {
                let goes_on = facts.round(&server.url).is_ok();
                std::thread::sleep(std::time::Duration::from_millis(if goes_on { 0 } else { 100 }));
                goes_on
            }),
            "{kib} KiB: it does not go on"
        );
        facts.check(&server.url);
        server.kill();
        let again = Server::with(&data, 0, &settings);
        facts.settle(&again.url);
        facts.check(&again.url);
    }
    eprintln!("{sizes} sizes: {refused} became full, {never_began} were too small to begin");
    assert!(refused > 0, "no disk ever was full");
}

#[test]
fn a_full_loop_image_never_acknowledges_what_it_cannot_keep() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Loop::make(folder.path(), "ext4", 512) else {
        eprintln!("SKIPPED: a loop image needs the right to mount one, which this machine does not give");
        return;
    };
    // tokio::fs would say here that a write succeeded which found no space (tokio#6325).
    let chunks = cairn_store::chunk::open(&disk.path().join("data"));
    let outcome = chunks.map(|chunks| {
        let runtime = actix_web::rt::System::new();
        runtime.block_on(async {
            let mut placed = Vec::new();
            for number in 0..20u8 {
                let Ok(mut writer) = chunks.begin(100_000).await else { break };
                let bytes: Vec<u8> = (0..100_000u32).map(|n| (n as u8).wrapping_mul(31) ^ number).collect();
                if writer.write(bytes.clone().into()).await.is_err() {
                    break;
                }
                let Ok(staged) = writer.finish().await else { break };
                let Ok(locator) = chunks.place(staged, 0).await else { break };
                placed.push((locator, bytes));
            }
            assert!(placed.len() < 6, "{} chunks of 100 kB in an image of 512 KiB", placed.len());
            for (locator, bytes) in placed {
                let mut reader = chunks.open(&locator, 0).await.unwrap();
                let mut read = Vec::new();
                while let Some(some) = reader.read().await.unwrap() {
                    read.extend_from_slice(&some);
                }
                assert!(read == bytes);
            }
        });
    });
    drop(outcome);
    // What is left is a file system, whatever happened on it.
    assert!(fs::read_dir(disk.path()).is_ok());
}
