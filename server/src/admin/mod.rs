//! What the operator does on a server: `cairn admin`, through a socket in the data folder while it runs, over the files themselves
//! while it doesn't.

mod absent;
mod check;
mod desk;
mod door;
mod message;
mod owners;
mod remove;
mod scrub;
mod socket;
mod suspects;

use std::path::Path;

use cairn_store::StoreError;
use cairn_store::ground::{self, Adoption};

use crate::platform;

pub use desk::Desk;
pub(crate) use door::Door;
pub use message::{Command, Event, Found, Kind, Outcome, OwnerItem, Progress, Share};
pub use socket::connect;

/// Takes what lies in the folder of a stopped server as one store; says what that means, and does nothing more where `only_tell`.
pub async fn adopt(data: &Path, only_tell: bool) -> Result<Adoption, StoreError> {
    ground::adopt(data, platform::random()?, only_tell).await
}
