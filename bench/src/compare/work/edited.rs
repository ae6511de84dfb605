//! A file that the server has, changed a little.

use super::super::contender::Kind;
use super::super::source::{Known, NAME};
use super::{Done, Spec, Turn, Unit, Work, finish};

const CONTENDERS: &[Kind] = &[Kind::Cairn, Kind::Copyparty];

pub(super) const IN_FRONT: Work = Work {
    charts: &[Spec {
        name: "edited-front",
        title: "One byte in front",
        about: "a file that the server has, with one byte more, by the command line",
        unit: Unit::Seconds,
        bytes: |source| source.size,
        counts_fsyncs: false,
    }],
    contenders: CONTENDERS,
    title: Kind::by_client,
    once: |turn| edited(turn, turn.source.byte_in_front()?),
};

pub(super) const IN_PLACES: Work = Work {
    charts: &[Spec {
        name: "edited-places",
        title: "A tenth overwritten in 50 places",
        about: "a file that the server has, overwritten at places of equal distance, by the command line",
        unit: Unit::Seconds,
        bytes: |source| source.size,
        counts_fsyncs: false,
    }],
    contenders: CONTENDERS,
    title: Kind::by_client,
    once: |turn| edited(turn, turn.source.overwritten()?),
};

fn edited(turn: &Turn<'_>, known: &Known) -> anyhow::Result<Vec<Done>> {
    let host = turn.kind.start()?;
    let before = turn.source.new_file()?;
    let said = finish(&mut host.put(&before.path), &turn.source.folder)?;
    turn.check(host.as_ref(), before, NAME, &said)?;
    let (done, said) = turn.put(host.as_ref(), &known.path)?;
    let name = known.path.file_name().unwrap_or_default().to_string_lossy();
    turn.check(host.as_ref(), known, &name, &said)?;
    Ok(vec![done])
}
