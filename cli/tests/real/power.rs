//! Power cuts on real file systems: the backing file of a mounted image is copied at a random moment. Whatever was only
//! in the kernel's memory is not in the copy, which is then mounted, and served, and looked at.
//!
//! `CAIRN_ROUNDS` says how many cuts (10), for each kind of file system that the machine can make.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::disks::Loop;
use crate::facts::Facts;
use crate::server::Server;

const CUTS: u64 = 10;
const CLIENTS: u64 = 3;

#[test]
fn nothing_acknowledged_is_lost_in_a_power_cut() {
    let cuts = std::env::var("CAIRN_ROUNDS").map_or(CUTS, |rounds| rounds.parse().unwrap());
    let kinds = [("ext4", 96 * 1_024), ("xfs", 320 * 1_024)];
    let mut tried = 0;
    for (kind, kib) in kinds {
        // Both kinds share the cuts of a normal run.
        let own = if cuts == CUTS { cuts / 2 } else { cuts };
        for round in 0..own {
            let folder = tempfile::tempdir().unwrap();
            let Some(disk) = Loop::make(folder.path(), kind, kib) else {
                eprintln!("SKIPPED: power cuts on {kind}: this machine can't make or mount an image of it");
                break;
            };
            cut(folder.path(), &disk, round);
            tried += 1;
        }
    }
    eprintln!("{tried} power cuts, nothing lost");
}

fn cut(folder: &Path, disk: &Loop, round: u64) {
    let settings =
        [("CAIRN_CHECKPOINT_BYTES", "20000"), ("CAIRN_SWEEP_EVERY", "30ms"), ("CAIRN_DELETE_AFTER", "30ms")];
    let settings: Vec<_> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut server = Server::with(&disk.path().join("data"), 0, &settings);
    let is_over = AtomicBool::new(false);
    let copy = folder.join("copy");
    let clients: Vec<Facts> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (url, is_over) = (server.url.clone(), &is_over);
                scope.spawn(move || {
                    let mut facts = Facts::new(round * 100 + client * 10);
                    while !is_over.load(Ordering::SeqCst) && facts.round(&url).is_ok() {}
                    facts
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(150 + (round * 37) % 900));
        // Stopped, the server acknowledges nothing that is not in the copy.
        server.pause();
        copy_at_one_moment(&Loop::image(folder), &copy);
        is_over.store(true, Ordering::SeqCst);
        server.kill();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    let after = Loop::mount(&copy).unwrap();
    let data = after.path().join("data");
    // The machine was started again.
    fs::write(data.join("index.open"), "another start of the machine").unwrap();
    let server = Server::with(&data, 0, &settings);
    for mut facts in clients {
        facts.settle(&server.url);
        facts.check(&server.url);
    }
}

/// The kernel may still write back while the file is read: two copies that are equal are of one moment.
fn copy_at_one_moment(image: &Path, copy: &Path) {
    let second = copy.with_extension("second");
    let read = |to: &Path| {
        let copied = Command::new("cp").arg("--sparse=always").arg(image).arg(to).status().unwrap();
        assert!(copied.success());
    };
    read(copy);
    for _ in 0..20 {
        read(&second);
        let are_equal = Command::new("cmp").arg("--quiet").arg(copy).arg(&second).status().unwrap().success();
        fs::rename(&second, copy).unwrap();
        if are_equal {
            return;
        }
    }
    panic!("the image never came to rest");
}
