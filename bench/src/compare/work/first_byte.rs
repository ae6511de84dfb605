//! How long nothing is sent of a very large file: a sparse one, which takes no room.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use cairn_e2e::{Browser, Deadline, Proxy};

use super::super::contender::Kind;
use super::upload::open_at;
use super::{Done, Spec, Turn, Unit, Work};

const BYTES: u64 = 20 << 30;
const NAME: &str = "sparse.bin";
/// Nobody waits longer: it took at least that long.
const SECONDS_MAX: u64 = 60;
/// Requests with a shorter body ask or declare, they send nothing of the file.
const BODY_MIN: u64 = 64 << 10;
const LOOK_EVERY: Duration = Duration::from_millis(5);

pub(super) const WORK: Work = Work {
    charts: &[Spec {
        name: "first-byte",
        title: "First byte of 20 GiB in Chromium",
        about: "from the drop of a sparse file to the first request on the wire with bytes of it; after 60 s nobody waits \
                any longer",
        unit: Unit::Milliseconds,
        bytes: |_| 0,
        counts_fsyncs: false,
    }],
    contenders: &[Kind::Cairn, Kind::Copyparty, Kind::Tus],
    title: Kind::in_browser,
    once,
};

fn once(turn: &Turn<'_>) -> anyhow::Result<Vec<Done>> {
    let file = turn.source.folder.join(NAME);
    File::create(&file)?.set_len(BYTES)?;
    let host = turn.kind.start()?;
    let proxy = Proxy::start(host.address())?;
    let browser = Browser::start()?;
    let tab = open_at(&browser, turn.kind, &proxy.url("/"))?;
    let steps = turn.kind.steps()?;
    // Nothing to be read first: the file has no bytes on the disk.
    let (mut done, took) = turn.act(host.as_ref(), Path::new("/dev/null"), || {
        let (deadline, dropped) = (Deadline::seconds(SECONDS_MAX), proxy.elapsed());
        tab.drop_files(steps.drop, &[&file])?;
        loop {
            let first = proxy.requests().into_iter().find(|passed| passed.body >= BODY_MIN);
            if first.is_some() || deadline.is_over() {
                return Ok(first.map(|first| first.at.saturating_sub(dropped)));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    })?;
    done.run.cut_off = took.is_none();
    done.run.seconds = took.unwrap_or(Duration::from_secs(SECONDS_MAX)).as_secs_f64();
    Ok(vec![done])
}
