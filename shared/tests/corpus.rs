//! Every file of the fuzz corpora of this crate, through the same functions as the fuzzer.

#[path = "../../fuzz/src/replay.rs"]
mod replay;
#[path = "../../fuzz/src/shared.rs"]
pub mod shared;

use shared::Target;

#[test]
fn every_file_of_the_corpora_passes() {
    replay::all(shared::TARGETS);
}
