//! The worker: reads files, cuts, hashes, holds the chunks' bytes and sends them.

mod channels;
pub mod desk;
pub mod message;
pub mod reader;
mod sender;

use crate::platform::worker_scope::Scope;
use crate::worker::desk::Desk;
use crate::worker::message::FromWorker;

/// Takes work from the page from now on.
pub fn run(scope: Scope) {
    let out = scope.clone();
    let desk = Desk::new(move |message| out.post(&message));
    scope.listen(move |message, file| desk.take(message, file));
    scope.post(&FromWorker::Ready);
}
