//! Rounds with changing seeds.

use crate::table::Entry;
use crate::{fuzz, rounds};

/// What `cargo xtask torture` knows. A number behind the name says how many rounds, seeds, sizes or
/// executions.
pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        name: "resume",
        about: "tab closed and server killed at changing points, 5 rounds",
        run: rounds::resume,
    },
    Entry {
        name: "kill",
        about: "SIGKILL under uploads, finishes, deletes, clean-ups and snapshots, 1,000 times",
        run: |place, args| rounds::real(place, args, "churn", 1_000),
    },
    Entry {
        name: "power",
        about: "power cuts on real file systems (ext4, xfs), 500 each",
        run: |place, args| rounds::real(place, args, "power", 500),
    },
    Entry {
        name: "simulated",
        about: "power cuts in simulation, 10,000 seeds",
        run: |place, args| rounds::simulated(place, args, ("cairn-store", "power"), 10_000),
    },
    Entry {
        name: "faults",
        about: "one operation of a random run fails (EIO, EMFILE, ENOSPC), 10,000 seeds",
        run: |place, args| rounds::simulated(place, args, ("cairn-store", "faults"), 10_000),
    },
    Entry {
        name: "ground",
        about: "parts of the data folder removed, returned, exchanged, emptied, cut, with sweeps at once, 1,000 histories",
        run: |place, args| rounds::folders(place, args, ("ground", "histories"), 1_000, &[]),
    },
    Entry {
        name: "index",
        about: "flipped bits in an index of sled that a kill left, 676",
        run: |place, args| rounds::folders(place, args, ("log", "flips"), 676, &[("CAIRN_CHUNKS", "10000")]),
    },
    Entry {
        name: "bits",
        about: "flipped bits in chunks, log and snapshot, 1,000",
        run: |place, args| rounds::simulated(place, args, ("cairn-store", "bits"), 1_000),
    },
    Entry {
        name: "schedules",
        about: "uploads, deletes and clean-ups in every order that chance finds (shuttle), 1,000,000",
        run: |place, args| rounds::simulated(place, args, ("cairn-store", "schedules"), 1_000_000),
    },
    Entry {
        name: "clients",
        about: "engines and routes in simulated time, over a line that loses and doubles, 100,000 seeds",
        run: |place, args| rounds::simulated(place, args, ("cairn-server", "whatever"), 100_000),
    },
    Entry {
        name: "space",
        about: "full disks of 200 sizes",
        run: |place, args| rounds::real(place, args, "no_space", 200),
    },
    Entry {
        name: "calls",
        about: "the n-th fsync, write, rename, open or unlink of the server fails, 30 of each kind",
        run: |place, args| rounds::real(place, args, "nth", 30),
    },
    Entry {
        name: "guests",
        about: "what one guest can make the server spend, and what others get meanwhile, 100 percent",
        run: |place, args| rounds::real(place, args, "guests_", 100),
    },
    Entry { name: "fuzz", about: "every parser under cargo-fuzz, 1,000,000 executions each", run: fuzz::run },
];
