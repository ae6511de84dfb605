//! `PUT /api/upload/{session}/{index}`: the bytes of one chunk, or of several one behind the other; also by a channel.

pub(crate) mod channel;
pub(crate) mod route;
mod run;
mod service;

pub(crate) use service::{expect, may_be_known, verify};
