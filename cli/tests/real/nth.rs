//! The n-th system call of a kind fails, in the real server: 507 or 503, or it opens its store again; never a false
//! acknowledgement, never a wait of more than ten seconds.
//!
//! `CAIRN_ROUNDS` says how many calls of each kind (1): the n-th for n spread over a short run.

use std::process::Command;

use crate::facts::Facts;
use crate::server::Server;

const EACH: u64 = 1;

/// A call, the error that it gets, and about how often a short run makes it.
const CALLS: &[(&str, &str, u64)] = &[
    ("fdatasync", "EIO", 60),
    ("fsync", "EIO", 60),
    ("fdatasync", "ENOSPC", 60),
    ("pwrite64", "ENOSPC", 120),
    ("pwrite64", "EIO", 120),
    ("rename", "EIO", 50),
    ("rename", "ENOSPC", 50),
    ("openat", "EMFILE", 120),
    ("openat", "ENOSPC", 120),
    ("unlink", "EIO", 20),
];

#[test]
fn a_failed_call_is_never_acknowledged() {
    let each = std::env::var("CAIRN_ROUNDS").map_or(EACH, |rounds| rounds.parse().unwrap());
    if !Command::new("strace").args(["-o", "/dev/null", "true"]).status().is_ok_and(|status| status.success())
    {
        eprintln!(
            "SKIPPED: failing system calls need strace, and the right to trace, which this machine lacks"
        );
        return;
    }
    let cases: Vec<_> = CALLS
        .iter()
        .flat_map(|(call, error, often)| {
            (0..each).map(move |k| (*call, *error, 1 + often * k / each + k % 3))
        })
        .collect();
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let lane = || {
            while let Some(case) = cases.get(next.fetch_add(1, std::sync::atomic::Ordering::SeqCst)) {
                let is_refused = run(case.0, case.1, case.2);
                let outcome = if is_refused { "refused" } else { "nobody was refused" };
                eprintln!("{} {} {}: {outcome}", case.0, case.1, case.2);
            }
        };
        let lanes: Vec<_> = (0..3).map(|_| scope.spawn(lane)).collect();
        lanes.into_iter().for_each(|lane| lane.join().unwrap());
    });
    eprintln!("{} failed calls, no false acknowledgement", cases.len());
}

/// Whether anybody was refused.
fn run(call: &str, error: &str, nth: u64) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let settings =
        [("CAIRN_CHECKPOINT_BYTES", "20000"), ("CAIRN_SWEEP_EVERY", "30ms"), ("CAIRN_DELETE_AFTER", "30ms")];
    let settings: Vec<_> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut facts = Facts::new(nth);
    let mut server = Server::with(&data, 0, &settings);
    // From now on, counting the calls on files of the data folder alone.
    let mut tracer = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")])
        .args(["-e", &format!("inject={call}:error={error}:when={nth}")])
        .args(["-p", &server.pid().to_string()])
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    // strace counts for each thread by itself, so that a call may fail more than once before it lets go.
    let is_refused = (0..10).any(|_| facts.round(&server.url).is_err());
    drop(tracer.kill());
    drop(tracer.wait());
    if !server.has_ended_now() {
        facts.settle_patiently(&server.url);
        facts.check(&server.url);
        facts.round(&server.url).unwrap();
        server.kill();
    }
    let again = Server::with(&data, 0, &settings);
    facts.settle(&again.url);
    facts.check(&again.url);
    is_refused
}
