//! `PUT /api/upload/{session}/{index}`: the bytes of one chunk.

pub(crate) mod route;
mod service;

pub(crate) use service::{expect, may_be_known, verify};
