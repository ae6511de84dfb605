//! The life of a file, one folder per verb: `route` translates, `service` decides.

pub(crate) mod batch;
pub(crate) mod check;
pub(crate) mod download;
pub(crate) mod finish;
pub(crate) mod folder;
pub(crate) mod owner;
pub(crate) mod share;
pub(crate) mod start;
pub(crate) mod status;
pub(crate) mod upload;
