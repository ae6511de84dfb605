//! A server that dies at every named step of its store, before and after it, and what its clients were told by then.

use std::collections::BTreeMap;
use std::path::Path;

use crate::facts::Facts;
use crate::server::Server;

/// Every step that the store takes on a disk: part of the data folder, and what is done there.
const POINTS: &[&str] = &[
    "data.make_folder",
    "data.sync_folder",
    "data.create",
    "data.write",
    "data.sync",
    "data.rename",
    "data.reserve",
    "log.make_folder",
    "log.sync_folder",
    "log.list",
    "log.create",
    "log.write",
    "log.reserve",
    "log.sync",
    "log.rename",
    "log.remove",
    "log.open",
    "log.read",
    "snapshot.make_folder",
    "snapshot.sync_folder",
    "snapshot.list",
    "snapshot.create",
    "snapshot.write",
    "snapshot.sync",
    "snapshot.rename",
    "snapshot.remove",
    "snapshot.open",
    "chunks.make_folder",
    "chunks.sync_folder",
    "chunks.list",
    "chunks.rename",
    "chunks.remove",
    "chunks.open",
    "chunks.read",
    "chunks.punch",
    "chunks.write",
    "tmp.make_folder",
    "tmp.list",
    "tmp.create",
    "tmp.write",
    "tmp.sync",
    "tmp.remove",
];

/// Snapshots, clean-ups and their followers all the time, so that their steps are among those that are taken.
const BUSY: &[(&str, &str)] =
    &[("CAIRN_CHECKPOINT_BYTES", "1"), ("CAIRN_SWEEP_EVERY", "20ms"), ("CAIRN_DELETE_AFTER", "20ms")];

fn settings(fault: Option<&str>) -> Vec<(String, String)> {
    let mut settings: Vec<_> =
        BUSY.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    settings.extend(fault.map(|fault| ("CAIRN_FAULT".to_owned(), fault.to_owned())));
    settings
}

/// A run that ends where the server dies; whether it did. Some steps are taken only where something is there already.
fn die_at(data: &Path, fault: &str, seed: u64, begins_filled: bool) -> bool {
    let mut facts = Facts::new(seed);
    if begins_filled {
        let mut server = Server::with(data, 0, &settings(None));
        for _ in 0..3 {
            facts.round(&server.url).unwrap();
        }
        server.kill();
    }
    let Some(mut server) = Server::try_with(data, &settings(Some(fault))) else {
        // It died while it opened the folder.
        let again = Server::with(data, 0, &settings(None));
        facts.check(&again.url);
        return true;
    };
    for _ in 0..30 {
        if facts.round(&server.url).is_err() {
            break;
        }
    }
    let has_died = server.has_ended();
    server.kill();
    let again = Server::with(data, 0, &settings(None));
    facts.settle(&again.url);
    facts.check(&again.url);
    has_died
}

#[test]
fn nothing_acknowledged_is_lost_at_any_step() {
    let deaths: BTreeMap<String, bool> = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..4)
            .map(|lane| {
                scope.spawn(move || {
                    let mut deaths = BTreeMap::new();
                    let cases = POINTS
                        .iter()
                        .flat_map(|point| ["before", "after"].into_iter().map(move |when| (*point, when)));
                    for (number, (point, when)) in cases.enumerate().filter(|(number, _)| number % 4 == lane)
                    {
                        // The third, where there is one: the first comes when the folder is made.
                        for (times, begins_filled) in [(3, false), (1, false), (1, true)] {
                            let folder = tempfile::tempdir().unwrap();
                            let fault = format!("{point}:{when}:{times}:kill");
                            let has_died =
                                die_at(&folder.path().join("data"), &fault, number as u64, begins_filled);
                            deaths.insert(format!("{point} {when}"), has_died);
                            if has_died {
                                break;
                            }
                        }
                    }
                    deaths
                })
            })
            .collect();
        lanes.into_iter().flat_map(|lane| lane.join().unwrap()).collect()
    });
    let unseen: Vec<_> = deaths.iter().filter(|(_, has_died)| !**has_died).map(|(name, _)| name).collect();
    assert!(unseen.is_empty(), "steps that were never taken: {unseen:?}");
}
